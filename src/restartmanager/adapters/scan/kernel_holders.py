"""Files that the kernel itself uses: for loop devices (loop(4)) and swap (swapon(2)).

No process holds these files, so none can be closed; what the kernel does with one is told in words.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.files import identity_of
from restartmanager.adapters.proc.mounts import Mounts, parse_device, parse_mountinfo
from restartmanager.adapters.proc.procfs import PROC
from restartmanager.adapters.proc.texts import contents, unescaped
from restartmanager.model import Unexplained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from restartmanager.adapters.proc.listings import Key
    from restartmanager.adapters.proc.mounts import Mount
    from restartmanager.model import FileIdentity, FileResource


SYS = "/sys"

_LOOP_GET_STATUS64 = 0x4C05  # linux/loop.h
_LOOP_INFO64_BYTES = 232  # struct loop_info64 there


class UsedFiles:
    """The registered files that are in use, by what they are now.

    A file that is gone, or no longer the registered one, is left out.
    """

    def __init__(self, files: Iterable[FileResource], mounts: Mounts) -> None:
        self.identities: dict[Key, FileIdentity] = {}
        self._paths: dict[Key, dict[str, None]] = {}
        self._mounts = mounts
        for file in files:
            try:
                now = identity_of(os.stat(file.path))
            except (OSError, ValueError):
                continue
            key = now.device, now.inode
            if file.identity is None or key == (file.identity.device, file.identity.inode):
                self.identities[key] = now
                self._paths.setdefault(key, {})[file.path] = None
        self._devices = frozenset(device for device, _ in self.identities)

    def at(self, key: Key) -> tuple[str, ...]:
        """The registered paths of the file with this device and inode."""
        return tuple(self._paths.get(key, ()))

    def named(self, text: str) -> tuple[str, ...]:
        """The registered paths of the file that this path leads to; the text proves nothing."""
        if not text.startswith("/") or self.may_hang(text):
            return ()
        try:
            facts = os.stat(text)
        except (OSError, ValueError):
            return ()
        return self.at((facts.st_dev, facts.st_ino))

    def may_hang(self, text: str) -> bool:
        """Whether looking at this path may wait for a server that does not answer."""
        return self._mounts.may_hang(text, self._devices)


def kernel_uses(
    files: Iterable[FileResource], proc: str = PROC, sys: str = SYS
) -> tuple[Unexplained, ...]:
    """The uses that the kernel itself has for these files; asking costs next to nothing.

    That holds whoever else uses them: closing every process would not free them. Without root's
    rights a loop device is recognised only when its file can be reached by the path it shows.
    """
    mounts = parse_mountinfo(contents(f"{proc}/self/mountinfo"))
    used = UsedFiles(files, Mounts(mounts))
    found = dict.fromkeys((*_loops(used, mounts, sys), *_swaps(used, proc)))
    return tuple(sorted(found, key=lambda item: item.path))


def parse_swaps(text: bytes) -> tuple[str, ...]:
    """The paths in the contents of ``/proc/swaps`` that are swap files (proc_swaps(5))."""
    lines = (line.split() for line in text.split(b"\n"))
    return tuple(unescaped(fields[0]) for fields in lines if fields[1:2] == [b"file"])


def _swaps(used: UsedFiles, proc: str) -> Iterator[Unexplained]:
    for text in parse_swaps(contents(f"{proc}/swaps")):
        for path in used.named(text):
            yield Unexplained(path, "it is an active swap file")


def _loops(used: UsedFiles, mounts: Iterable[Mount], sys: str) -> Iterator[Unexplained]:
    try:
        names = [name for name in os.listdir(f"{sys}/block") if name.startswith("loop")]
    except OSError:
        return
    for name in sorted(names):
        text = contents(f"{sys}/block/{name}/loop/backing_file")
        if not text:  # no file is attached to it
            continue
        device = parse_device(contents(f"{sys}/block/{name}/dev").strip())
        key = _backing_key(f"/dev/{name}", device)
        paths = used.at(key) if key else used.named(os.fsdecode(text.removesuffix(b"\n")))
        points = (mount.point for mount in mounts if mount.device == device)
        where = "".join(f", mounted on {point}" for point in dict.fromkeys(points))
        for path in paths:
            yield Unexplained(path, f"it backs the loop device /dev/{name}{where}")


def _backing_key(node: str, device: int | None) -> Key | None:
    """Device and inode of the file behind a loop device, from the kernel's own record; None where
    the caller may not ask or ``node`` is another device."""
    try:
        descriptor = os.open(node, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISBLK(facts.st_mode) or facts.st_rdev != device:
            return None
        answer = fcntl.ioctl(descriptor, _LOOP_GET_STATUS64, bytes(_LOOP_INFO64_BYTES))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    file_device, inode = struct.unpack_from("=QQ", answer)
    return file_device, inode
