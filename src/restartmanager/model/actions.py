"""Filters and outcomes: what is done to applications, or must not be."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
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
