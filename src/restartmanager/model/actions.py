"""Filters, signals, recipes, registrations and outcomes: what is done to applications."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from restartmanager.model.applications import Application
    from restartmanager.model.identity import UniqueProcess


class FilterTrigger(enum.IntEnum):
    """The property by which a filter recognises its target (RM_FILTER_TRIGGER)."""

    EXECUTABLE = 1
    PROCESS = 2
    SERVICE = 3


class FilterAction(enum.IntEnum):
    """The action that a filter forbids (RM_FILTER_ACTION)."""

    NO_RESTART = 1
    """The target may be stopped, and is not brought back."""
    NO_SHUTDOWN = 2
    """The target is neither stopped nor brought back."""


class Filter(NamedTuple):
    """A rule of one session that forbids an action on one target.

    The target is the path of an executable (not of a registered file), a process, or the name of a
    service, as ``trigger`` says.
    """

    target: str | UniqueProcess
    trigger: FilterTrigger
    action: FilterAction


class Signal(StrEnum):
    """A signal, called by its meaning."""

    INTERRUPT = "interrupt"
    """SIGINT: what Ctrl-C sends, by which an operation is called off."""
    TERMINATE = "terminate"
    """SIGTERM: a request to exit."""
    HANG_UP = "hang-up"
    """SIGHUP: the terminal is gone. Interactive shells ignore SIGTERM and exit on this."""
    KILL = "kill"
    """SIGKILL: the kernel ends the process, and unsaved work is lost."""


class RestartFlags(enum.IntFlag):
    """Events after which an application does *not* want to be brought back
    (RegisterApplicationRestart)."""

    NONE = 0
    NO_CRASH = 1
    NO_HANG = 2
    NO_PATCH = 4
    """An update: the one event of these that this package brings about."""
    NO_REBOOT = 8


class RestartRegistration(NamedTuple):
    """An application's own wish how to come back: its program with the arguments that it wants."""

    command: tuple[str, ...]
    flags: RestartFlags = RestartFlags.NONE


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


class Step(StrEnum):
    """The step that was taken, or tried."""

    STOP = "stop"
    START = "start"


class Result(StrEnum):
    """The result of a step."""

    DONE = "done"
    SKIPPED = "skipped"
    """The application was left alone on purpose; the message says why."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one step for one application."""

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
