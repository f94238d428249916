"""Errors of operations that did not do all that was asked of them; each has every outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.model.errors import RestartManagerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.model import Outcome, RebootReason


class ActionError(RestartManagerError):
    """An operation did not do all that was asked of it; ``outcomes`` has the result for each
    application."""

    def __init__(self, message: str, outcomes: Sequence[Outcome], *, hint: str = "") -> None:
        failed = [outcome for outcome in outcomes if outcome.failed]
        super().__init__(
            message,
            detail=" ".join(f"{o.application.name}: {o.message}." for o in failed),
            hint=hint,
        )
        self.outcomes = tuple(outcomes)


class ShutdownError(ActionError):
    """At least one application could not be shut down; others may have been."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        super().__init__(
            "Not everything could be shut down.",
            outcomes,
            hint="Close the rest by hand and try again, or use force; restart brings back what "
            "was closed.",
        )


class CannotComeBackError(ActionError):
    """At least one application could not come back although it should; nothing was touched."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        who = ", ".join(o.application.name for o in outcomes if o.failed)
        super().__init__(
            f"Nothing was shut down, for this could not come back: {who}.",
            outcomes,
            hint="Mend what is named, such as a folder that somebody else can write to, and try "
            "again; or leave those applications open with partial=True (--partial), or closed with "
            "leave_closed=True (--leave-closed).",
        )


class RestartError(ActionError):
    """At least one application did not come back."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        super().__init__(
            "Not everything came back.", outcomes, hint="Start the rest by hand, or try again."
        )


class RefreshError(ActionError):
    """At least one application still uses old files, or did not come back."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        super().__init__(
            "Not everything could be brought up to date.",
            outcomes,
            hint="The outcomes name the reason for each; mend it and try again.",
        )


class RebootNeededError(ActionError):
    """Stopping applications cannot free the resources; nothing was touched."""

    def __init__(
        self, reasons: RebootReason, who: Sequence[str], outcomes: Sequence[Outcome] = ()
    ) -> None:
        super().__init__(
            "Nothing was shut down, for that would not be enough: "
            + (", ".join(who) or "something in use")
            + " cannot be stopped.",
            outcomes,
            hint="The list names the reason for each; stop those by hand, schedule a reboot, or "
            "close what can be closed with partial=True (--partial).",
        )
        self.reasons = reasons
        self.who = tuple(who)


class OperationCancelledError(RestartManagerError):
    """The operation was cancelled; applications that were not yet stopped still run."""

    def __init__(self, operation: str, outcomes: Sequence[Outcome] = ()) -> None:
        super().__init__(
            f"{operation} was cancelled.",
            hint="Restart brings back what was already closed; the rest was left alone.",
        )
        self.operation = operation
        self.outcomes = tuple(outcomes)
