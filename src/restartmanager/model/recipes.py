"""Recipes, homes and desktop entries: how and where a program is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Entry:
    """The command by which a desktop entry starts an application.

    ``arguments`` has the name of the program first. ``path`` is the file of the entry. An empty
    ``directory`` means that any working directory will do.
    """

    path: str
    executable: str
    arguments: tuple[str, ...]
    directory: str = ""
    terminal: bool = False
    """Whether the application is started on a terminal."""
    doubt: str = ""
    """Why it is not taken for the entry of the process that it was looked up for, in words; empty
    where it is."""


class Home(NamedTuple):
    """The place among the control groups where a program is started again: a slice of the manager
    of a user, or of the system's for None."""

    user: int | None
    slice: str
    limits: str = ""
    """The limits that its scope gets there, in the words of its manager; empty for none."""
    group: str = ""
    """The control group whose limits these are."""
    obstacle: str = ""
    """Why it could not be put back there among the limits that it had; empty where it can."""


class StreamKind(Enum):
    """The kind of what a standard stream leads to."""

    FILE = "file"
    JOURNAL = "journal"


class Stream(NamedTuple):
    """A standard stream of a process that a new one can have again.

    ``path`` is that of the file, or of the socket at which the journal listens.
    """

    kind: StreamKind
    path: str
    reads: bool = False
    writes: bool = True
    mode: int = 0o600
    """The permissions with which a file that is gone meanwhile is made again."""
    identity: tuple[int, ...] = ()
    """Device, inode and owner of the file."""


class Attributes(NamedTuple):
    """What else a new process gets again, where it can be had; the defaults are what is usual."""

    oom_score: int = 0
    """How soon it is killed when memory runs out (proc_pid_oom_score_adj(5))."""
    scheduler: tuple[int, int] = (0, 0)
    """Policy, with its flags, and priority (sched_setscheduler(2))."""
    processors: str = ""
    """Those that it may run on, as ``0-3,8``; empty for all (sched_setaffinity(2))."""
    io_priority: int = 0
    """Class and level as one number (ioprio_set(2))."""
    ignored_signals: tuple[int, ...] = ()
    timer_slack_ns: int | None = None
    """None where it cannot be seen (PR_SET_TIMERSLACK(2const))."""
    autogroup_nice: int = 0
    """The niceness of its session (sched(7))."""
    core_filter: int | None = None
    """What a core dump has, as a set of bits (core(5)); None where it cannot be seen."""
    personality: int | None = None
    """What the kernel does differently for it (personality(2)); None where it cannot be seen."""


AS_USUAL = Attributes()


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything needed to start a process as it was started before. The environment is a
    secret."""

    executable: str
    arguments: tuple[str, ...]
    directory: str
    environment: tuple[tuple[str, str], ...] = field(repr=False)
    uid: int
    gid: int
    groups: tuple[int, ...]
    umask: int
    nice: int
    limits: tuple[tuple[int, int, int], ...]
    """Resource number, soft limit, hard limit (getrlimit(2))."""
    home: Home | None = None
    """Where it is started; None where no manager keeps programs."""
    attributes: Attributes = AS_USUAL
    streams: tuple[Stream | None, ...] = ()
    """Standard input, output and error; None, and where there is none, for /dev/null."""
    this_boot_only: bool = False
    """Whether it is not followed after a reboot: so the application registered."""
