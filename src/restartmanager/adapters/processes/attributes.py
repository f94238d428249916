"""Attributes of a process beside its rights and limits, as a new one is to have them again.

They are those of its first thread. What cannot be seen counts as usual: it takes more rights, or a
newer kernel, and a program that is started again without it is still the same program.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import sys
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.formats import parse_cgroup
from restartmanager.model.recipes import AS_USUAL, Attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from restartmanager.adapters.proc.procfs import ProcDirectory

_CPUS = "/sys/devices/system/cpu"
_CGROUPS = "/sys/fs/cgroup"
_IOPRIO_GET = {  # the system call's number (ioprio_set(2)); the C library has no wrapper for it
    "x86_64": 252,
    "aarch64": 31,
    "riscv64": 31,
    "loongarch64": 31,
    "ppc64": 274,
    "ppc64le": 274,
    "s390x": 283,
}
_SIGNALS = tuple(sorted(map(int, signal.valid_signals() - {signal.SIGCHLD})))
"""Those that a program can ignore: not the C library's own."""
_PROCESSORS = 65536  # more than any kernel can be built for
_WHO_PROCESS = 1  # linux/ioprio.h


def read_attributes(directory: ProcDirectory, status: Mapping[bytes, bytes]) -> Attributes:
    """The attributes of a process; ``status`` has the lines of its ``status`` file by name.

    That it ignores SIGCHLD is left out: a program that was started so could not wait for its
    children. Who wants that does it itself.
    """
    ignored = int(status.get(b"SigIgn", b"0"), 16)
    return Attributes(
        oom_score=_number(directory, "oom_score_adj") or 0,
        scheduler=_scheduler(directory.pid),
        processors=_processors(directory, os.fsdecode(status.get(b"Cpus_allowed_list", b""))),
        io_priority=io_priority(directory.pid),
        ignored_signals=tuple(number for number in _SIGNALS if ignored >> (number - 1) & 1),
        timer_slack_ns=_number(directory, "timerslack_ns"),
        autogroup_nice=_autogroup(directory),
        core_filter=_number(directory, "coredump_filter", 16),
        personality=_number(directory, "personality", 16),
    )


def io_priority(pid: int) -> int:
    """The I/O priority of a process, or of the caller for 0; 0 where none was set, or is seen."""
    number = _IOPRIO_GET.get(platform.machine()) if sys.maxsize > 2**32 else None
    if number is None:
        return 0
    import ctypes

    return max(0, int(ctypes.CDLL(None).syscall(number, _WHO_PROCESS, pid)))


def personality(process: str) -> int | None:
    """The personality of the process with this folder; None where it cannot be seen."""
    try:
        with open(f"{process}/personality", encoding="ascii") as file:
            return int(file.read(), 16)
    except (OSError, ValueError):
        return None


def parse_processors(text: str) -> frozenset[int]:
    """The numbers in a list such as ``0-3,8`` (cpuset(7)); ValueError."""
    numbers: set[int] = set()
    for part in text.strip().split(",") if text.strip() else ():
        first, several, last = part.partition("-")
        end = int(last if several else first)
        if end >= _PROCESSORS:
            raise ValueError(part)
        numbers.update(range(int(first), end + 1))
    return frozenset(numbers)


def _scheduler(pid: int) -> tuple[int, int]:
    with contextlib.suppress(OSError):
        return os.sched_getscheduler(pid), os.sched_getparam(pid).sched_priority
    return AS_USUAL.scheduler


def _processors(directory: ProcDirectory, allowed: str) -> str:
    """What it has chosen itself, or was chosen for it; not what its control group allows, which
    may change."""
    try:
        mine = parse_processors(allowed)
        if mine >= parse_processors(_text(f"{_CPUS}/online")):
            return ""
        group = parse_processors(_of_group(parse_cgroup(directory.read("cgroup") or b"") or "/"))
    except (OSError, ValueError):
        return ""
    return "" if mine == group else allowed


def _of_group(path: str) -> str:
    """The processors that a control group may use: those of the nearest above it that says so."""
    while True:
        with contextlib.suppress(OSError):
            return _text(f"{_CGROUPS}{path}/cpuset.cpus.effective")
        if path in {"/", ""}:
            return ""
        path = os.path.dirname(path)


def _text(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read(65536)


def _number(directory: ProcDirectory, name: str, base: int = 10) -> int | None:
    try:
        text = directory.read(name)
        return int(text, base) if text else None
    except (OSError, ValueError):
        return None


def _autogroup(directory: ProcDirectory) -> int:
    """It reads ``/autogroup-7 nice 5``."""
    try:
        text = directory.read("autogroup") or b""
        return int(text.split()[2])
    except (OSError, ValueError, IndexError):
        return 0
