"""Hidden uses: processes that use a file, and neither their descriptors nor mappings show it.

Three of them name the file: a ring of io_uring(7) lists the files registered with it, a program can
use a file through an overlayfs, where it has another device number, and /proc/locks says who has
locked what, also of processes that may not be looked into. Descriptors that wait in a socket to be
received (unix(7), SCM_RIGHTS) are only counted by the kernel.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.adapters.proc.maps import parse_mapping, portions
from restartmanager.adapters.proc.mounts import parse_mountinfo
from restartmanager.adapters.proc.procfs import PROC, ProcDirectory, pids
from restartmanager.adapters.proc.roots import stat_inside
from restartmanager.adapters.proc.texts import contents, link_text, unescaped
from restartmanager.adapters.proc.watched import Inside
from restartmanager.errors import ProcessAccessError, ProcessGoneError
from restartmanager.model import Evidence, Holder, How

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from restartmanager.adapters.proc.listings import Key
    from restartmanager.adapters.scan.kernel_holders import UsedFiles


_FDINFO_LIMIT = 4 * 1024 * 1024
"""The number of bytes that are read about one descriptor: a ring lists its files, of which it can
have 32768."""
_SLOT = re.compile(rb" *[0-9]+: (/.*)")
_LOCK = re.compile(
    rb"(?m)^[0-9]+: (?:-> )?POSIX .* ([0-9]{1,10}) ([0-9a-f]{2,3}):([0-9a-f]{2,5}):([0-9]{1,20})"
    rb" [0-9]+ \S+$"
)
_RING = "anon_inode:[io_uring]"


class Hidden(NamedTuple):
    """The hidden uses that were found: the processes that use the files, and the numbers of those
    to which descriptors of unknown files are on their way."""

    holders: tuple[Holder, ...]
    receivers: tuple[int, ...]


def find_hidden(used: UsedFiles, proc: str = PROC) -> Hidden:
    """Look at every process for the uses that the scan does not see."""
    look = _Look(used, proc)
    for pid in pids(proc):
        with contextlib.suppress(ProcessGoneError, ProcessAccessError, OSError):
            look.at(pid)
    return Hidden((*look.holders, *_lockers(used, proc)), tuple(look.receivers))


def parse_registered(text: bytes) -> tuple[str, ...]:
    """The paths of the files registered with a ring, in the contents of its ``fdinfo`` file
    (kernel: io_uring/fdinfo.c); older kernels give names without a folder, which are left out."""
    _, found, rest = text.partition(b"\nUserFiles:")
    paths = []
    for line in rest.split(b"\n")[1:] if found else ():
        if not line.startswith(b" "):
            break
        slot = _SLOT.fullmatch(line)
        if slot is not None:
            paths.append(unescaped(slot[1]))
    return tuple(paths)


def parse_waiting(text: bytes) -> int:
    """The number of descriptors that wait in a socket, in the contents of its ``fdinfo`` file."""
    number = text.partition(b"\nscm_fds: ")[2].partition(b"\n")[0]
    return int(number) if number.isdigit() and len(number) < 10 else 0


def parse_locks(text: bytes) -> frozenset[tuple[int, Key]]:
    """The record locks, each as the process that has it, or waits for it, and the file, in the
    contents of ``/proc/locks`` (proc_locks(5)).

    Other locks belong to an open file, which whoever took the lock may have passed on.
    """
    return frozenset(
        (int(pid), (os.makedev(int(major, 16), int(minor, 16)), int(inode)))
        for pid, major, minor, inode in _LOCK.findall(text)
    )


class _Look:
    """One look at the machine for hidden uses, as it proceeds."""

    def __init__(self, used: UsedFiles, proc: str) -> None:
        self._used = used
        self._proc = proc
        self._inodes = {inode for _, inode in used.identities}
        self._overlays: dict[str, bool] = {}
        self.holders: list[Holder] = []
        self.receivers: list[int] = []

    def at(self, pid: int) -> None:
        """Look at one process."""
        with ProcDirectory(pid, self._proc) as directory, Inside(f"{self._proc}/{pid}/"):
            view = directory.living_view()
            if view is None:
                return
            base = f"{self._proc}/{pid}/{view}"
            uses = set(self._uses(base, pid))
            if uses:
                paths = sorted({path for path, _ in uses})
                evidence = tuple(
                    _evidence(pid, path, (how for how in How if (path, how) in uses))
                    for path in paths
                )
                self.holders.append(Holder(directory.describe(), evidence))

    def _uses(self, base: str, pid: int) -> Iterator[tuple[str, How]]:
        through_overlay = self._sees_overlay(base)
        for name in os.listdir(base + "fd"):
            text = link_text(f"{base}fd/{name}")
            if text == _RING:
                yield from self._registered(base, name)
            elif text.startswith("socket:"):
                if parse_waiting(_about(base, name)) and pid not in self.receivers:
                    self.receivers.append(pid)
            elif through_overlay:
                yield from self._twins(f"{base}fd/{name}", How.OPEN)
        if through_overlay:
            yield from self._twins(base + "exe", How.EXECUTABLE)
            yield from self._mapped_twins(base)

    def _registered(self, base: str, name: str) -> Iterator[tuple[str, How]]:
        """Files of a ring. The kernel writes their paths as the caller sees them; what only the
        process can reach is looked up from its own root directory."""
        for text in parse_registered(_about(base, name)):
            paths = self._used.named(text)
            if not paths and not self._used.may_hang(text):
                facts = stat_inside(base, text)
                paths = () if facts is None else self._used.at((facts.st_dev, facts.st_ino))
            for path in paths:
                yield path, How.OPEN

    def _sees_overlay(self, base: str) -> bool:
        """Whether there is an overlayfs among the mounts of a process; those of each namespace
        are read once."""
        namespace = link_text(base + "ns/mnt")
        if namespace not in self._overlays:
            mounts = parse_mountinfo(contents(base + "mountinfo"))
            self._overlays[namespace] = any(mount.type == "overlay" for mount in mounts)
        return self._overlays[namespace]

    def _twins(self, link: str, how: How) -> Iterator[tuple[str, How]]:
        """The file behind a link when it is a registered one seen through an overlayfs.

        That shows the inode, the times and the size of the file below, under a device number of
        its own. The change time, to the nanosecond, makes it the same file.
        """
        text = link_text(link)
        if not text.startswith("/") or self._used.may_hang(text):
            return
        try:
            facts = os.stat(link)
        except OSError:
            return
        if facts.st_ino not in self._inodes or not stat.S_ISREG(facts.st_mode):
            return
        for (device, inode), now in self._used.identities.items():
            seen = (facts.st_ino, facts.st_ctime_ns, facts.st_size)
            if seen == (inode, now.ctime_ns, now.size) and facts.st_dev != device:
                for path in self._used.at((device, inode)):
                    yield path, how

    def _mapped_twins(self, base: str) -> Iterator[tuple[str, How]]:
        for line in _lines_of_maps(base):
            mapping = parse_mapping(line)
            if mapping is not None and mapping.inode in self._inodes:
                first, _, last = line.partition(b" ")[0].partition(b"-")
                name = f"{int(first, 16):x}-{int(last, 16):x}"
                yield from self._twins(f"{base}map_files/{name}", How.MAPPED)


def _lockers(used: UsedFiles, proc: str) -> Iterator[Holder]:
    """The processes that have locked one of the files.

    The locks are read again once there is a handle on the process: then the number was still its
    own when it had the lock.
    """
    for pid, key in sorted(_locks(proc)):
        paths = used.at(key)
        if not paths:
            continue
        with contextlib.suppress(ProcessGoneError, ProcessAccessError, OSError):  # noqa: SIM117
            with ProcDirectory(pid, proc) as directory:
                if (pid, key) in _locks(proc):
                    evidence = tuple(_evidence(pid, path, (How.OPEN,)) for path in paths)
                    yield Holder(directory.describe(), evidence)


def _locks(proc: str) -> frozenset[tuple[int, Key]]:
    return parse_locks(contents(f"{proc}/locks"))


def _about(base: str, name: str) -> bytes:
    """The text that the kernel tells about one descriptor (proc_pid_fdinfo(5))."""
    return contents(f"{base}fdinfo/{name}", _FDINFO_LIMIT)


def _lines_of_maps(base: str) -> Iterator[bytes]:
    with contextlib.suppress(OSError):
        for text in portions(base + "maps"):
            yield from text.split(b"\n")


def _evidence(pid: int, path: str, how: Iterable[How]) -> Evidence:
    return Evidence(pid, path, tuple(how), stale=False)
