"""Previews of operations: the steps that an operation would take, before it begins."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Literal

    from restartmanager.model.applications import Application


class PlannedStep(StrEnum):
    """The step that an operation would take with one application."""

    CLOSE = "close"
    """The application is closed; a service is stopped."""
    START = "start"
    """The application is brought back."""
    RESTART = "restart"
    """The service manager restarts the service."""
    RELOAD = "reload"
    """The service manager reloads the service."""
    RENEW = "renew"
    """The application is closed and brought back at once."""
    REEXECUTE = "re-execute"
    """The service manager runs its own program anew."""
    LEAVE = "leave"
    """The application is left alone, or left closed; the message says why."""


class Planned(NamedTuple):
    """A step of a preview, for one application. ``message`` says what comes of it, or why it is
    left."""

    step: PlannedStep
    application: Application
    message: str = ""


class Preview(NamedTuple):
    """The steps, in order, that an operation would take if it began now."""

    operation: Literal["shutdown", "restart", "refresh", "end", "recover"]
    steps: tuple[Planned, ...] = ()

    @property
    def idle(self) -> bool:
        """Whether the operation would leave every application as it is."""
        return all(item.step is PlannedStep.LEAVE for item in self.steps)
