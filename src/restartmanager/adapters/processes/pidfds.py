"""Pidfds (pidfd_open(2)): holds on processes, by which the one that is meant is signalled and
awaited."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import math
import os
import resource
import select
import signal as signals
import struct
import time
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.procfs import PROC, ProcDirectory
from restartmanager.errors import (
    ProcessAccessError,
    ProcessError,
    ProcessGoneError,
    UnsupportedError,
    UsageError,
)
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess, boot_id

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Self

    from restartmanager.model.progress import CancelToken
    from restartmanager.ports.processes import ProcessHandle


_NUMBERS = {
    Signal.INTERRUPT: signals.SIGINT,
    Signal.TERMINATE: signals.SIGTERM,
    Signal.HANG_UP: signals.SIGHUP,
    Signal.KILL: signals.SIGKILL,
}
_INFO = struct.Struct("QQ11Ii")  # struct pidfd_info as it was at first (linux/pidfd.h)
_INFO_EXIT = 1 << 3  # PIDFD_INFO_EXIT, Linux 6.15
_GET_INFO = 3 << 30 | _INFO.size << 16 | 0xFF << 8 | 11  # PIDFD_GET_INFO, Linux 6.13
_STARTED, _EXIT_CODE = 19, 49  # among the fields of proc_pid_stat(5) after the name
_LONGEST_POLL_MS = 2**31 - 1  # poll(2) takes an int


def open_pidfd(pid: int) -> int:
    """A pidfd on whatever process has this number now; the caller closes it.

    Raises ProcessGoneError when there is none (the number of a thread is none), UnsupportedError
    where the kernel has no pidfds.
    """
    try:
        return os.pidfd_open(pid)
    except (ProcessLookupError, FileNotFoundError, OverflowError):
        raise ProcessGoneError(pid) from None
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise ProcessGoneError(pid) from None
        if error.errno == errno.ENOSYS:
            raise _too_old() from None
        raise


def _too_old() -> UnsupportedError:
    return UnsupportedError("Acting on processes", "it takes pidfds, which came with Linux 5.3")


def _make_room(fd: int) -> None:
    """Allow ourselves as many descriptors as may be allowed, before they run out (getrlimit(2)): an
    application can have thousands of processes. What we start has limits of its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if fd >= soft // 2 and soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _too_many() -> ProcessError:
    return ProcessError(
        "There are more processes than can be held on to at once.",
        hint="Each takes an open file: raise the limit (ulimit -n), or close some by hand.",
    )


class PidfdHandle:
    """A hold on one process; port ``ProcessHandle``.

    Raises ProcessGoneError when it has exited or the number belongs to another process by now,
    ProcessAccessError when it is hidden, so that nobody can tell whether it is the one,
    ProcessError when the caller can hold on to no more of them.
    """

    __slots__ = ("_fd", "_identity")

    def __init__(self, identity: UniqueProcess, proc: str = PROC) -> None:
        self._identity = identity
        self._fd = -1
        if identity.boot_id != boot_id():
            raise ProcessGoneError(identity.pid)
        try:
            self._fd = open_pidfd(identity.pid)
            _make_room(self._fd)
            self._verify(proc)
        except BaseException as error:
            self.close()
            if getattr(error, "errno", None) in {errno.EMFILE, errno.ENFILE}:
                raise _too_many() from None
            raise

    def _verify(self, proc: str) -> None:
        """The start time is read after the pidfd was opened: if the one we hold still lives then,
        it is the one the start time was read of."""
        with ProcDirectory(self._identity.pid, proc) as directory:
            facts = directory.stat()
        if facts is None or facts.start_ticks != self._identity.start_ticks or self.exited:
            raise ProcessGoneError(self._identity.pid)

    @property
    def identity(self) -> UniqueProcess:
        """The identity of the process."""
        return self._identity

    @property
    def exited(self) -> bool:
        """Whether it has exited; a zombie has."""
        return _is_readable(self.fileno())

    def fileno(self) -> int:
        """The pidfd, readable once the process has exited. Raises UsageError when closed."""
        if self._fd < 0:
            raise UsageError(f"The handle on process {self._identity.pid} is closed.")
        return self._fd

    def send(self, signal: Signal) -> None:
        """Send a signal (pidfd_send_signal(2)).

        Raises ProcessGoneError when it has exited, ProcessAccessError when it may not be signalled.
        """
        pid = self._identity.pid
        if self.exited:  # a zombie would take it in silence
            raise ProcessGoneError(pid)
        try:
            signals.pidfd_send_signal(self.fileno(), _NUMBERS[signal])
        except ProcessLookupError:
            raise ProcessGoneError(pid) from None
        except PermissionError:
            raise ProcessAccessError(pid, "signal it") from None
        except OSError as error:
            if error.errno == errno.ENOSYS:
                raise _too_old() from None
            if error.errno == errno.EINVAL:  # it lives in a pid namespace that is not below ours
                raise ProcessAccessError(pid, "signal it") from None
            raise

    def exit_status(self) -> int | None:
        """What it returned, or the negative number of the signal that ended it; None while it runs,
        and where it cannot be known.

        Until its parent has heard of its end, which is a moment, /proc has the status; then the
        pidfd has, since Linux 6.15.
        """
        if not self.exited:
            return None
        for look in (self._status_of_pidfd, self._status_of_zombie, self._status_of_pidfd):
            status = look()
            if status is not None:
                return os.waitstatus_to_exitcode(status)
        return None

    def _status_of_pidfd(self) -> int | None:
        asked = _INFO.pack(_INFO_EXIT, *[0] * 13)
        try:
            mask, *_, status = _INFO.unpack(fcntl.ioctl(self.fileno(), _GET_INFO, asked))
        except OSError:
            return None
        return int(status) if mask & _INFO_EXIT else None

    def _status_of_zombie(self) -> int | None:
        """To whom may not look into it, the kernel says 0."""
        try:
            with ProcDirectory(self._identity.pid) as directory:
                may_look = directory.read("io") is not None
                fields = (directory.read("stat") or b"").rpartition(b")")[2].split()
        except (ProcessError, OSError):
            return None
        if (
            not may_look
            or fields[:1] != [b"Z"]
            or int(fields[_STARTED]) != self._identity.start_ticks
        ):
            return None
        return int(fields[_EXIT_CODE])

    def close(self) -> None:
        """Let go of it; any number of times."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_alive(identity: UniqueProcess, proc: str = PROC) -> bool:
    """Whether it still runs. False only on proof; what cannot be seen is taken to be alive."""
    if identity.boot_id != boot_id():
        return False
    try:
        fd = open_pidfd(identity.pid)
    except ProcessGoneError:
        return False
    except OSError:
        return True
    try:
        ticks = _start_ticks(identity.pid, proc)
        return not _is_readable(fd) and ticks in {None, identity.start_ticks}
    finally:
        os.close(fd)


def wait_for_exit(
    handles: Collection[ProcessHandle], deadline: float, cancel: CancelToken | None = None
) -> frozenset[UniqueProcess]:
    """Wait until at least one has exited, the monotonic ``deadline`` (seconds) passes, or
    ``cancel`` is called; which ones have exited. A deadline in the past means one look.

    Without handles it waits for the deadline and ``cancel`` alone.
    """
    poll = select.poll()
    identities: dict[int, UniqueProcess] = {}
    for handle in handles:
        if not isinstance(handle, PidfdHandle):
            raise UsageError(f"{handle!r} is not a handle on a process of this machine.")
        identities[handle.fileno()] = handle.identity
        poll.register(handle, select.POLLIN)
    if cancel is not None:
        poll.register(cancel, select.POLLIN)
    while True:
        left = deadline - time.monotonic()
        ready = poll.poll(_milliseconds(left))
        if ready or left <= 0:
            return frozenset(identities[fd] for fd, _ in ready if fd in identities)


def _milliseconds(seconds: float) -> int:
    """Milliseconds for poll(2), rounded up, so that a wait does not end early and spin."""
    if seconds <= 0:
        return 0
    return math.ceil(min(seconds * 1000, _LONGEST_POLL_MS))


def _is_readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def _start_ticks(pid: int, proc: str) -> int | None:
    """None where it cannot be seen."""
    try:
        with ProcDirectory(pid, proc) as directory:
            facts = directory.stat()
    except (ProcessGoneError, ProcessAccessError, OSError):
        return None
    return None if facts is None else facts.start_ticks
