"""Every way to use a file, one after the other, on one file system of its own.

    unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
        python situations.py FILE_SYSTEM FOLDER

Mounts FILE_SYSTEM on a folder below FOLDER, brings each situation about and writes, as JSON, what
the probe says about the file during it and afterwards and how it is explained. Whatever happens,
the mounts and processes end with the namespaces that this runs in, and loop devices let go of their
files with the mounts (``mount -o loop`` sets LO_FLAGS_AUTOCLEAR).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import mmap
import os
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from programs.kernel_holder import (
    CLONE_FILES,
    hold,
    in_thread,
    leave_only_a_thread,
    map_file,
    unshare,
)
from restartmanager.adapters.proc.files import identify
from restartmanager.adapters.scan.leases import LeaseProbe, Verdict
from restartmanager.adapters.scan.unexplained import explain
from support.spawning import await_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from restartmanager.model import FileResource

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x20000
IO_URING_SETUP, IO_URING_REGISTER, REGISTER_FILES = 425, 427, 2
MEGABYTES = {"ext2": 16, "ext3": 16, "ext4": 16, "xfs": 320, "btrfs": 128}
BLOCK = b"x" * 4096
KEPT: list[Any] = []


def run(*command: str) -> None:
    """Run a command that has nothing to say."""
    subprocess.run(command, check=True, capture_output=True)


def attempt(*command: str) -> None:
    """Run a command that the machine may refuse."""
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise NotPossibleError(done.stderr.decode().strip())


class NotPossibleError(Exception):
    """The machine refuses this situation; the text says why."""


# -- ways to use a file ------------------------------------------------------------------------


def open_as(flags: int) -> Callable[[str], None]:
    return lambda path: KEPT.append(os.open(path, flags))


def map_shared(path: str, prot: int = mmap.PROT_READ) -> None:
    flags = os.O_RDWR if prot & mmap.PROT_WRITE else os.O_RDONLY
    descriptor = os.open(path, flags)
    LIBC.mmap.restype = ctypes.c_void_p
    size, offset = ctypes.c_size_t(mmap.PAGESIZE), ctypes.c_long(0)
    address = LIBC.mmap(None, size, prot, mmap.MAP_SHARED, descriptor, offset)
    assert address != ctypes.c_void_p(-1).value
    os.close(descriptor)


def map_shared_for_writing(path: str) -> None:
    map_shared(path, mmap.PROT_READ | mmap.PROT_WRITE)


def open_a_link(path: str) -> None:
    KEPT.append(os.open(path + ".link", os.O_RDONLY))


def open_in_own_mounts(path: str) -> None:
    unshare(CLONE_NEWNS)
    there = os.path.join(os.path.dirname(path), "there")
    run("mount", "--bind", os.path.dirname(path), there)
    KEPT.append(os.open(os.path.join(there, os.path.basename(path)), os.O_RDONLY))


def send_to_nobody(path: str) -> None:
    here, there = socket.socketpair()
    descriptor = os.open(path, os.O_RDONLY)
    socket.send_fds(here, [b"x"], [descriptor])
    os.close(descriptor)
    here.close()
    KEPT.append(there)


def register_with_ring(path: str) -> None:
    ring = LIBC.syscall(IO_URING_SETUP, 4, (ctypes.c_uint32 * 30)())
    if ring < 0:
        raise NotPossibleError(f"io_uring_setup: {os.strerror(ctypes.get_errno())}")
    descriptor = os.open(path, os.O_RDONLY)
    assert (
        LIBC.syscall(IO_URING_REGISTER, ring, REGISTER_FILES, (ctypes.c_int * 1)(descriptor), 1)
        == 0
    )
    os.close(descriptor)


def lock(path: str) -> None:
    file = os.open(path, os.O_RDWR)
    fcntl.lockf(file, fcntl.LOCK_EX)
    KEPT.append(file)


def lease(path: str) -> None:
    file = os.open(path, os.O_RDONLY)
    fcntl.fcntl(file, fcntl.F_SETSIG, 23)
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    KEPT.append(file)


def watch(path: str) -> None:
    watcher = LIBC.inotify_init1(os.O_CLOEXEC)
    assert LIBC.inotify_add_watch(watcher, os.fsencode(path), 0x2) > 0  # IN_MODIFY


# -- processes that do it ----------------------------------------------------------------------


@contextlib.contextmanager
def child(action: Callable[[str], None], path: str) -> Iterator[int]:
    """A process that has done this; it ends when the block does."""
    said, say = os.pipe()
    wait, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go)
        os.dup2(wait, 0)
        os.dup2(say, 1)
        live(action, path)
    os.close(say)
    os.close(wait)
    try:
        text = os.read(said, 4096)
        if text != b"ready\n":
            refused = text.decode().startswith(NotPossibleError.__name__)
            raise (NotPossibleError if refused else RuntimeError)(text.decode())
        yield pid
    finally:
        os.close(go)
        os.close(said)
        os.waitpid(pid, 0)


def live(action: Callable[[str], None], path: str) -> None:
    try:
        action(path)
        hold()
    except BaseException as error:  # noqa: BLE001
        os.write(1, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(1)


def by_child(action: Callable[[str], None]) -> Callable[[str], Any]:
    return lambda path: child(action, path)


@contextlib.contextmanager
def program(path: str) -> Iterator[int]:
    shutil.copy(os.path.realpath("/bin/sleep"), path)
    with subprocess.Popen([path, "1000"]) as process:
        try:
            await_program(process)
            yield process.pid
        finally:
            process.kill()


@contextlib.contextmanager
def mounted(*arguments: str, on: str) -> Iterator[None]:
    os.makedirs(on, exist_ok=True)
    attempt("mount", *arguments, on)
    try:
        yield
    finally:
        run("umount", on)


@contextlib.contextmanager
def bind_mounted(path: str) -> Iterator[int]:
    other = path + ".bound"
    with open(other, "wb"):
        pass
    run("mount", "--bind", path, other)
    try:
        yield 0
    finally:
        run("umount", other)


@contextlib.contextmanager
def loop_device(path: str, point: str = "") -> Iterator[int]:
    os.truncate(path, 256 * 1024)
    run("mkfs.ext2", "-q", "-F", path)
    with mounted("-o", "loop,ro", path, on=point or path + ".mounted"):
        yield 0


@contextlib.contextmanager
def loop_device_elsewhere(path: str) -> Iterator[int]:
    """The path that the loop device shows is one that leads nowhere any more."""
    folder, name = os.path.split(path)
    run("mount", "--bind", folder, folder + "/there")
    with loop_device(f"{folder}/there/{name}", path + ".mounted"):
        run("umount", "--lazy", folder + "/there")
        yield 0


@contextlib.contextmanager
def swap(path: str) -> Iterator[int]:
    os.truncate(path, 0)  # btrfs takes only files that were empty when they were told not to move
    with contextlib.suppress(NotPossibleError):
        attempt("chattr", "+C", path)
    with open(path, "wb") as file:
        file.write(BLOCK * 256)
    os.chmod(path, 0o600)
    run("mkswap", path)
    attempt("swapon", path)
    try:
        yield 0
    finally:
        run("swapoff", path)


@contextlib.contextmanager
def accounting(path: str) -> Iterator[int]:
    """The kernel writes down here which processes end (acct(2)), for this pid namespace."""
    if LIBC.acct(os.fsencode(path)):
        raise NotPossibleError(f"acct: {os.strerror(ctypes.get_errno())}")
    try:
        yield 0
    finally:
        LIBC.acct(None)


def through_overlay(action: Callable[[str], None]) -> Callable[[str], Any]:
    @contextlib.contextmanager
    def use(path: str) -> Iterator[int]:
        folder, name = os.path.split(path)
        top = folder + "/overlay"
        for part in ("upper", "work"):
            os.makedirs(f"{top}/{part}", exist_ok=True)
        options = f"lowerdir={folder},upperdir={top}/upper,workdir={top}/work"
        merged = top + "/merged"
        with (
            mounted("-t", "overlay", "-o", options, "overlay", on=merged),
            child(action, f"{merged}/{name}") as pid,
        ):
            yield pid

    return use


SITUATIONS: dict[str, Callable[[str], Any]] = {
    "nothing": lambda _: contextlib.nullcontext(0),
    "program": program,
    "open": by_child(open_as(os.O_RDONLY)),
    "open-for-writing": by_child(open_as(os.O_WRONLY)),
    "open-path-only": by_child(open_as(os.O_PATH)),
    "mapped-private": by_child(map_file),
    "mapped-shared": by_child(map_shared),
    "mapped-shared-for-writing": by_child(map_shared_for_writing),
    "hard-link": by_child(open_a_link),
    "other-mounts": by_child(open_in_own_mounts),
    "thread": by_child(in_thread(open_as(os.O_RDONLY), CLONE_FILES)),
    "zombie-leader": by_child(leave_only_a_thread),
    "on-its-way": by_child(send_to_nobody),
    "io-uring": by_child(register_with_ring),
    "lock": by_child(lock),
    "lease": by_child(lease),
    "watch": by_child(watch),
    "bind-mount": bind_mounted,
    "loop": loop_device,
    "loop-elsewhere": loop_device_elsewhere,
    "swap": swap,
    "accounting": accounting,
    "overlay-open": through_overlay(open_as(os.O_RDONLY)),
    "overlay-mapped": through_overlay(map_file),
}


# -- what is said about it ---------------------------------------------------------------------


def answer(situation: Callable[[str], Any], path: str) -> dict[str, Any]:
    with open(path, "wb") as file:
        file.write(BLOCK)
    os.link(path, path + ".link")
    try:
        with situation(path) as pid:
            probe = LeaseProbe()
            (resource,) = identify([path], []).files
            verdict = probe.ask([resource])[resource]
            found = explained(resource, probe, pid)
    except NotPossibleError as error:
        return {"not possible": str(error)}
    return {"during": verdict, **found, "after": freed(resource)}


def explained(resource: FileResource, probe: LeaseProbe, pid: int) -> dict[str, Any]:
    found = explain([resource], probe)
    evidence = [item for holder in found.holders for item in holder.evidence]
    assert all(item.pid == pid and item.path == resource.path for item in evidence), evidence
    return {
        "how": [list(item.how) for item in evidence],
        "reasons": [item.reason.replace(resource.path, "FILE") for item in found.unexplained],
    }


def freed(resource: FileResource) -> str:
    """The kernel lets go of some files a moment after it was told to: of a loop device's."""
    verdict = LeaseProbe().ask([resource])[resource]
    for _ in range(100_000):
        if verdict is not Verdict.IN_USE:
            break
        os.sched_yield()
        verdict = LeaseProbe().ask([resource])[resource]
    return verdict


@contextlib.contextmanager
def file_system(kind: str, folder: str) -> Iterator[str]:
    top = os.path.join(folder, "top")
    if kind in {"tmpfs", "overlay"}:
        with mounted("-t", "tmpfs", "tmpfs", on=top):
            yield top
        return
    image = os.path.join(folder, "image")
    with open(image, "wb") as file:
        file.truncate(MEGABYTES[kind] << 20)
    run(f"mkfs.{kind}", "-q", image)
    with mounted("-t", kind, "-o", "loop", image, on=top):
        yield top


@contextlib.contextmanager
def overlaid(top: str) -> Iterator[str]:
    for part in ("lower", "upper", "work"):
        os.mkdir(f"{top}/{part}")
    options = f"lowerdir={top}/lower,upperdir={top}/upper,workdir={top}/work"
    with mounted("-t", "overlay", "-o", options, "overlay", on=top + "/merged"):
        yield top + "/merged"


def answers(kind: str, folder: str) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        top = stack.enter_context(file_system(kind, folder))
        if kind == "overlay":
            top = stack.enter_context(overlaid(top))
        found = {}
        for name, situation in SITUATIONS.items():
            os.makedirs(f"{top}/{name}/there")
            found[name] = answer(situation, f"{top}/{name}/file")
        return found


def main(kind: str, folder: str) -> None:
    try:
        found = answers(kind, folder)
    except NotPossibleError as error:
        found = {name: {"not possible": str(error)} for name in SITUATIONS}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
