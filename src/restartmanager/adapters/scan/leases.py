"""The lease probe: one question to the kernel instead of a look at every process.

A write lease (fcntl(2), F_SETLEASE) is granted only while nobody else has the file open, mapped or
running: no process, whatever namespace or thread hides it, and not the kernel itself. It is given
back at once. That costs microseconds for each file, whatever the number of processes.

The moment in which it is held is felt by who opens the file just then: open(2) waits until the
lease is gone, some microseconds, and with O_NONBLOCK fails with EWOULDBLOCK, as it would with any
other lease. Opening the file here is also seen by inotify(7), and breaks a lease that a file server
has on it, as any opening does; the access time stays where the first bytes are not asked for, too.
Who cannot have that does not ask.

The answer is about what is held. An interpreter holds no script that it runs: for what
``restartmanager.rules.interpreters.could_be_script``, "free" proves nothing.
"""

from __future__ import annotations

import fcntl
import os
import signal
import stat
from enum import StrEnum
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.mounts import types_by_mount
from restartmanager.adapters.proc.procfs import PROC
from restartmanager.adapters.proc.watched import has_it, waits_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from restartmanager.model import FileIdentity, FileResource


FILE_SYSTEMS = frozenset({"btrfs", "ext2", "ext3", "ext4", "tmpfs", "xfs"})
"""The file systems on which the answer is right: each was tried with every way to use a file
(test_leases). Elsewhere it may be wrong: overlayfs calls free what is mapped, for the mapping holds
the file below."""

_OLDEST_KERNEL = (5, 3)  # before "locks: eliminate false positive conflicts for write lease"
_BREAK_SIGNAL = signal.SIGURG
_LOOK = os.O_PATH | os.O_CLOEXEC
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FDINFO = 256  # the number of the mount stands among the first lines


class Verdict(StrEnum):
    """The answer of the lease probe about one file."""

    FREE = "free"
    """No process had the file open, mapped or running at that moment, nor had the kernel."""
    IN_USE = "in-use"
    """Somebody had, who need not be a process."""
    UNKNOWN = "unknown"
    """Nobody can tell: no right to ask, a file system that may give a wrong answer, no regular
    file, or not the one that is meant."""


class LeaseProbe:
    """The question to the kernel whether files are in use. Make one for each look at the machine:
    it knows the mounts that there were when it was made.

    The right to ask about a file has its owner, and who has CAP_LEASE (capabilities(7)).
    """

    def __init__(self, proc: str = PROC) -> None:
        self._own = f"{proc}/thread-self"
        self._types: dict[bytes, str] = {}
        self._why_unavailable = _why_unavailable(proc)
        if self._why_unavailable is None:
            try:
                self._types = types_by_mount(self._own)
            except OSError as error:
                self._why_unavailable = f"{error.filename} cannot be read ({error.strerror})"

    def why_unavailable(self) -> str | None:
        """Why every answer will be UNKNOWN on this machine; None where there are answers."""
        return self._why_unavailable

    def ask(self, resources: Iterable[FileResource]) -> dict[FileResource, Verdict]:
        """Whether somebody uses the files that these paths lead to.

        It is UNKNOWN when that is not the recorded file, where one was recorded: who uses that one
        cannot be asked through a path that leads to another. Nothing is raised for what is not
        there or may not be looked at.
        """
        return {resource: verdict for resource, verdict, _ in self._answers(resources, 0)}

    def free_among(self, resources: Iterable[FileResource], head: int) -> dict[FileResource, bytes]:
        """The files that are FREE, each with its first ``head`` bytes."""
        answers = self._answers(resources, head)
        return {resource: text for resource, verdict, text in answers if verdict is Verdict.FREE}

    def _answers(
        self, resources: Iterable[FileResource], head: int
    ) -> Iterator[tuple[FileResource, Verdict, bytes]]:
        own = self._open_own()
        if own is None:
            yield from ((resource, Verdict.UNKNOWN, b"") for resource in resources)
            return
        try:
            for resource in resources:
                yield resource, *self._ask(own, resource.path, resource.identity, head)
        finally:
            os.close(own)

    def _open_own(self) -> int | None:
        if self._why_unavailable is not None:
            return None
        try:
            return os.open(self._own, _LOOK | os.O_DIRECTORY)
        except OSError:
            return None

    def _ask(
        self, own: int, path: str, expected: FileIdentity | None, head: int
    ) -> tuple[Verdict, bytes]:
        """Look first, open then: what a stranger placed here (a device, a fifo, a link to another
        file, a mount of his own) is found out without being opened.

        Links are followed as stat(2) follows them, for so the file was identified when it was
        registered; what they lead to now must be that file still.
        """
        try:
            waits_for(path)
            looked = os.open(path, _LOOK)
        except (OSError, ValueError):
            return Verdict.UNKNOWN, b""
        finally:
            has_it()
        try:
            if self._may_be_asked(own, looked, expected):
                return _lease(own, looked, head)
        except OSError:
            pass
        finally:
            os.close(looked)
        return Verdict.UNKNOWN, b""

    def _may_be_asked(self, own: int, looked: int, expected: FileIdentity | None) -> bool:
        """Whether it is the expected file, a regular one, where answers are right.

        Device and inode decide, without the time: an inode number is used again only when nobody
        has the file that had it before, so the answer is right for that one too. The mount is asked
        for by its number, for overlayfs may give its files the device of the file system below.
        """
        facts = os.fstat(looked)
        if not stat.S_ISREG(facts.st_mode):
            return False
        if expected is not None and (expected.device, expected.inode) != (
            facts.st_dev,
            facts.st_ino,
        ):
            return False
        return self._types.get(_mount_id(own, looked)) in FILE_SYSTEMS


def _lease(own: int, looked: int, head: int) -> tuple[Verdict, bytes]:
    """Take a write lease and give it back; of what is free, the first ``head`` bytes as well."""
    try:
        descriptor = os.open(f"fd/{looked}", _OPEN, dir_fd=own)
    except BlockingIOError:  # somebody has a lease, hence the file
        return Verdict.IN_USE, b""
    try:
        # Whoever opens the file meanwhile has the kernel send a signal. It must be one that
        # does nothing: the usual one (SIGIO) kills, and unlike SIGCHLD and SIGWINCH, which
        # does nothing either, hardly any program has a handler for SIGURG.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, _BREAK_SIGNAL)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return Verdict.FREE, os.pread(descriptor, head, 0) if head else b""
    except BlockingIOError:
        return Verdict.IN_USE, b""
    finally:
        os.close(descriptor)


def _mount_id(own: int, descriptor: int) -> bytes:
    """The number of the mount that an open file lies on (proc_pid_fdinfo(5)); empty for none."""
    info = os.open(f"fdinfo/{descriptor}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=own)
    try:
        text = os.read(info, _FDINFO)
    finally:
        os.close(info)
    return text.partition(b"\nmnt_id:\t")[2].partition(b"\n")[0]


def _why_unavailable(proc: str) -> str | None:
    release = os.uname().release
    major, _, rest = release.partition(".")
    minor = rest.partition(".")[0].partition("-")[0]
    if not (major.isdigit() and minor.isdigit() and (int(major), int(minor)) >= _OLDEST_KERNEL):
        return f"it takes Linux 5.3 or newer, and this is {release}"
    try:
        with open(f"{proc}/sys/fs/leases-enable", "rb") as file:
            enabled = file.read(16).strip()
    except OSError:
        return "the kernel has no leases"
    return None if enabled not in {b"", b"0"} else "leases are switched off (fs.leases-enable)"
