"""Previews: what an operation would do to which application, before it is done."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Literal

    from restartmanager.model.applications import Application


class PlannedStep(StrEnum):
    """The step that an operation would take with one application."""

    CLOSE = "close"
    """It is closed, or as a service stopped."""
    START = "start"
    """It is brought back."""
    RESTART = "restart"
    """Its service manager restarts it."""
    RELOAD = "reload"
    """Its service manager reloads it."""
    RENEW = "renew"
    """It is closed and brought back at once."""
    REEXECUTE = "re-execute"
    """The service manager runs its own program anew."""
    LEAVE = "leave"
    """It is left alone, or left closed; the message says why."""


class Planned(NamedTuple):
    """One application in a preview; ``message`` says what comes of it, or why it is left."""

    step: PlannedStep
    application: Application
    message: str = ""


class Preview(NamedTuple):
    """What an operation would do, in its order, if it began now."""

    operation: Literal["shutdown", "restart", "refresh", "end", "recover"]
    steps: tuple[Planned, ...] = ()

    @property
    def idle(self) -> bool:
        """Whether the operation would leave every application as it is."""
        return all(item.step is PlannedStep.LEAVE for item in self.steps)
