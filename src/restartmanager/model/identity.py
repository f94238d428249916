"""Identities of processes; a number alone is none, for the kernel uses numbers again.

An identity is the number of a process, the instant of its start (in clock ticks since boot, field
22 of ``/proc/PID/stat``, proc_pid_stat(5)) and the boot. The three together never come twice. On
Windows the same record is called ``RM_UNIQUE_PROCESS``.
"""

from __future__ import annotations

import errno
import os
from functools import cache
from typing import NamedTuple, TypeAlias

from restartmanager.model.errors import ProcessAccessError, ProcessGoneError, UsageError

_START_TIME_FIELD = 22
_STAT_LIMIT = 4096
_PID_MAX = 2**22  # PID_MAX_LIMIT: proc(5), /proc/sys/kernel/pid_max
_FILETIME_UNITS = 10_000_000
_SECONDS_1601_TO_1970 = 11_644_473_600


FileNumbers: TypeAlias = tuple[int, int]
"""The device and the inode of a file (stat(2))."""


class UniqueProcess(NamedTuple):
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    start_ticks: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> UniqueProcess:
        """The process that has this number now.

        Raises ProcessGoneError when there is none, UsageError when ``pid`` cannot be one.
        """
        if isinstance(pid, bool) or not isinstance(pid, int) or pid <= 0:
            raise UsageError(f"{pid!r} is not a process number.", hint="Give a positive integer.")
        try:
            return cls(pid, parse_start_ticks(_read(f"/proc/{pid}/stat")), boot_id())
        except PermissionError:
            raise ProcessAccessError(pid, "look at it") from None
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) in {errno.EMFILE, errno.ENFILE}:
                raise  # that we can open no more files says nothing about the process
            raise ProcessGoneError(pid) from None

    @classmethod
    def current(cls) -> UniqueProcess:
        """The calling process."""
        return cls.of(os.getpid())

    @property
    def start_time(self) -> float:
        """The instant of the start in seconds since 1970, as exact as a clock tick (10 ms)."""
        return _boot_time() + self.start_ticks / ticks_per_second()

    @property
    def filetime(self) -> int:
        """The instant of the start as Windows counts it, in 100 ns since 1601 and without rounding
        (FILETIME)."""
        return _filetime(self.start_ticks)

    @classmethod
    def from_filetime(cls, pid: int, filetime: int) -> UniqueProcess | None:
        """The process of this boot with that number and ``filetime``, which need not live.

        None when there can be no such process: no number of one, before the boot, between two
        ticks.
        """
        since_boot = filetime - _filetime(0)
        ticks = -(-since_boot * ticks_per_second() // _FILETIME_UNITS)
        if not 0 < pid <= _PID_MAX or ticks < 0 or _filetime(ticks) != filetime:
            return None
        return cls(pid, ticks, boot_id())

    def __str__(self) -> str:
        return str(self.pid)


def parse_start_ticks(stat: bytes) -> int:
    """The start time in the contents of a ``stat`` file; ValueError when it is not one.

    The name in parentheses may hold parentheses and spaces itself: the last one closes it.
    """
    fields = stat[stat.rindex(b")") + 1 :].split(maxsplit=_START_TIME_FIELD - 2)
    if len(fields) < _START_TIME_FIELD - 2:
        raise ValueError("too few fields")
    return int(fields[_START_TIME_FIELD - 3])


@cache
def boot_id() -> str:
    """The kernel's name for this boot (random(4)), without the dashes."""
    return _read("/proc/sys/kernel/random/boot_id").decode("ascii").strip().replace("-", "")


@cache
def ticks_per_second() -> int:
    """The unit of start times (``_SC_CLK_TCK``)."""
    return os.sysconf("SC_CLK_TCK")


def _filetime(start_ticks: int) -> int:
    since_boot = start_ticks * _FILETIME_UNITS // ticks_per_second()
    return (_boot_time() + _SECONDS_1601_TO_1970) * _FILETIME_UNITS + since_boot


@cache
def _boot_time() -> int:
    """The instant of the boot in whole seconds since 1970: ``btime`` in ``/proc/stat``.

    It is read once, so that a caller always gets the same start time for the same process, even
    when the clock is set in between. It is too coarse to tell whether a process is older than a
    file: the scan reads the clocks themselves.
    """
    with open("/proc/stat", "rb") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(b"btime "))


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _STAT_LIMIT)
    finally:
        os.close(descriptor)
