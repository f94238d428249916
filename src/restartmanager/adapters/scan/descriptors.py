"""Open descriptors: which registered files a process has open, by the inodes in ``/proc/PID/fd``.

The text of a descriptor's link proves nothing either way: hard links, bind mounts, renamed and
removed files have another text, and what is mounted over a file has the same. So every descriptor
is asked for its inode (stat(2), about 3 microseconds; reading the text would take 2). Such a stat
does not walk the path, but a network file system may ask its server again, and hang: what runs in
a container has file systems that are not among the caller's mounts. So the whole look into a
process is watched (``Inside``).

Where a remote file system is mounted, descriptors are therefore first asked through text that the
kernel has in its own memory: the kind of thing they are (the link), and the inode (``fdinfo``,
``ino:``, since Linux 5.14). That costs twice as much, and only what has a wanted inode is asked
further. Where registered files lie on file systems that make inode numbers up (overlayfs, remote
ones), the text of the link decides instead whether a descriptor lies on what may hang.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.formats import DELETED
from restartmanager.adapters.proc.watched import has_it

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from restartmanager.adapters.proc.mounts import Mounts
    from restartmanager.adapters.scan.targets import Targets


_PORTION = 1000
_FDINFO = 512  # the inode stands in one of the first lines


def parse_inode(text: bytes) -> int | None:
    """The inode in the beginning of a ``fdinfo`` file (proc_pid_fdinfo(5)); None where the kernel
    does not tell it."""
    _, found, rest = text.partition(b"\nino:\t")
    number = rest.partition(b"\n")[0]
    return int(number) if found and number.isdigit() and len(number) <= 20 else None


class DescriptorReader:
    """The reader of descriptors, of one process after the other."""

    def __init__(self, targets: Targets, mounts: Mounts) -> None:
        self._mounts = mounts
        self._inodes = targets.inodes
        self._devices = targets.devices
        self._plain_inodes = targets.numbers.plain_inodes
        self._removed = bool(targets.paths.below)

    def read(self, base: str, sockets: Collection[int]) -> Iterator[tuple[str, os.stat_result]]:
        """The link and the facts of each descriptor whose inode is that of a registered file, or
        one of ``sockets``, or, with registered trees, whose file was removed.

        ``base`` is the folder of the process, or of one of its threads, with a slash. Raises
        OSError: PermissionError for a process that may not be looked into, FileNotFoundError or
        ProcessLookupError for one that is gone.
        """
        folder = base + "fd/"
        inodes, removed, look = self._inodes, self._removed, os.stat
        for name in self._names(base, sockets):
            try:
                facts = look(folder + name)
            except OSError:  # closed meanwhile
                continue
            inode = facts.st_ino
            if inode in inodes or inode in sockets or (removed and not facts.st_nlink):
                yield folder + name, facts

    def _names(self, base: str, sockets: Collection[int]) -> Iterator[str]:
        """The numbers of the descriptors that are worth asking for."""
        names = os.listdir(base + "fd/")
        if len(names) <= _PORTION and not self._mounts.any_remote:
            return iter(names)
        return self._portions(names, base, sockets)

    def _portions(self, names: list[str], base: str, sockets: Collection[int]) -> Iterator[str]:
        for begin in range(0, len(names), _PORTION):
            has_it()  # so many at a time: the look has not come to a standstill
            for name in names[begin : begin + _PORTION]:
                if not self._mounts.any_remote or self._worth_asking(base, name, sockets):
                    yield name

    def _worth_asking(self, base: str, name: str, sockets: Collection[int]) -> bool:
        """Whether a descriptor may be one that is looked for, told without asking a server."""
        try:
            text = os.readlink(f"{base}fd/{name}")
        except FileNotFoundError:
            return False
        except OSError:  # ENAMETOOLONG: no text to go by
            text = "/"
        if not text.startswith("/"):
            return text.startswith("socket:") and bool(sockets)
        if not self._plain_inodes:
            return not self._mounts.may_hang(text, self._devices)
        inode = _inode_of(f"{base}fdinfo/{name}")
        if inode is None:
            return not self._mounts.may_hang(text, self._devices)
        return inode in self._inodes or (self._removed and text.endswith(DELETED))


def _inode_of(path: str) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return parse_inode(os.read(descriptor, _FDINFO))
    except OSError:
        return None
    finally:
        os.close(descriptor)
