"""Files in use where no descriptor table, no mapping and no link shows it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from scenarios.stage import UNSEEN, Chapter, NotHereError, used_by

if TYPE_CHECKING:
    from scenarios.stage import Stage, Truth

CHAPTER = Chapter("Hidden uses")


@CHAPTER.situation(
    "a thread with its own descriptors", "One thread has left the common table.", root=True
)
def thread(stage: Stage) -> Truth:
    data = stage.data()
    stage.register(data)
    return used_by(stage.holds("thread-open", data))


@CHAPTER.situation("the first thread has ended", "The process looks like a zombie, and holds on.")
def zombie_leader(stage: Stage) -> Truth:
    data = stage.data()
    stage.register(data)
    return used_by(stage.kernel_holder("zombie-leader", data))


@CHAPTER.situation(
    "registered with an io_uring", "The descriptor was closed; the ring holds the file."
)
def ring(stage: Stage) -> Truth:
    data = stage.data()
    stage.register(data)
    try:
        return used_by(stage.hides("ring", data))
    except AssertionError as error:
        raise NotHereError("io_uring is switched off here") from error


@CHAPTER.situation(
    "a descriptor on its way", "Sent over a socket and not yet received: no process has it."
)
def in_flight(stage: Stage) -> Truth:
    data = stage.data()
    stage.register(data)
    stage.hides("post", data)
    return UNSEEN


@CHAPTER.situation("behind a loop device", "The kernel itself holds the disk image.", root=True)
def loop_device(stage: Stage) -> Truth:
    image = stage.folder / "image"
    image.write_bytes(bytes(512 * 1024))
    stage.register(image)
    # Detached at once, which takes effect when the last one closes it: we, at the end.
    made = subprocess.run(
        ["losetup", "--find", "--show", str(image)],  # noqa: S607 - where the system has it
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise NotHereError(made.stderr.strip())
    device = made.stdout.strip()
    os.open(device, os.O_RDONLY)
    subprocess.run(["losetup", "--detach", device], check=True)  # noqa: S607
    return UNSEEN


@CHAPTER.situation("a swap file", "The kernel itself holds it.", root=True)
def swap_file(stage: Stage) -> Truth:
    swap = stage.folder / "swap"
    swap.write_bytes(bytes(512 * 1024))
    swap.chmod(0o600)
    stage.register(swap)
    stage.guarded('mkswap "$0" >&2 && swapon "$0"', 'swapoff "$0"', swap)
    return UNSEEN
