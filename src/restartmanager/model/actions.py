"""Filters, signals, ways of coming back, and outcomes."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from restartmanager.model.applications import Application
    from restartmanager.model.identity import UniqueProcess


class FilterTrigger(enum.IntEnum):
    """What a filter looks at (RM_FILTER_TRIGGER)."""

    EXECUTABLE = 1
    PROCESS = 2
    SERVICE = 3


class FilterAction(enum.IntEnum):
    """What a filter forbids (RM_FILTER_ACTION)."""

    NO_RESTART = 1
    """It may be stopped, and is not brought back."""
    NO_SHUTDOWN = 2
    """It is neither stopped nor brought back."""


class Filter(NamedTuple):
    """What must not be done to one target: the path of an executable (not of the locked file),
    a process, or the name of a service."""

    target: str | UniqueProcess
    trigger: FilterTrigger
    action: FilterAction


class Signal(StrEnum):
    """What is sent to a process, by meaning."""

    TERMINATE = "terminate"
    """Please exit (SIGTERM)."""
    HANG_UP = "hang-up"
    """Your terminal is gone (SIGHUP): what a shell obeys when it ignores SIGTERM."""
    KILL = "kill"
    """No more asking (SIGKILL)."""


class RestartFlags(enum.IntFlag):
    """After what an application does *not* want to be brought back (RegisterApplicationRestart)."""

    NONE = 0
    NO_CRASH = 1
    NO_HANG = 2
    NO_PATCH = 4
    """After an update: what this program does."""
    NO_REBOOT = 8


class RestartRegistration(NamedTuple):
    """What an application said about coming back: its program with the arguments it wants."""

    command: tuple[str, ...]
    flags: RestartFlags = RestartFlags.NONE


@dataclass(frozen=True, slots=True)
class Entry:
    """How a desktop starts an application: by this program with these arguments, the name of the
    program first. An empty ``directory`` means that it does not matter."""

    path: str
    executable: str
    arguments: tuple[str, ...]
    directory: str = ""
    terminal: bool = False
    """Whether it is started on a terminal."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that is needed to start a process as it was. The environment is a secret."""

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


class Step(StrEnum):
    """What was done, or tried."""

    STOP = "stop"
    START = "start"


class Result(StrEnum):
    """How it went."""

    DONE = "done"
    SKIPPED = "skipped"
    """Left alone on purpose; the message says why."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one application in one step."""

    application: Application
    step: Step
    result: Result
    message: str = ""
    process: UniqueProcess | None = None
    """The new process, where one was started."""

    @property
    def failed(self) -> bool:
        """Whether this is a result that the caller must know about."""
        return self.result is Result.FAILED

    def of(self, application: Application) -> Outcome:
        """The same outcome for the application as it is known now."""
        return replace(self, application=application)
