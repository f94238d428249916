"""The transaction around one command: start, register, list, shut down, run, restart, end."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from restartmanager.api import sessions
from restartmanager.api.settings import limits
from restartmanager.cli.child import run_command
from restartmanager.cli.exitcodes import ExitCode
from restartmanager.cli.interrupts import Interrupts
from restartmanager.cli.output.console import Console
from restartmanager.cli.output.live import Live
from restartmanager.cli.output.outcomes import outcome_lines
from restartmanager.cli.output.render import (
    affected_lines,
    count,
    error_lines,
    reservations,
)
from restartmanager.cli.output.text import fill
from restartmanager.cli.progress import recover_first
from restartmanager.errors import (
    ActionError,
    OperationCancelledError,
    OutOfSequenceError,
    RebootNeededError,
    RestartError,
    RestartManagerError,
    UsageError,
)
from restartmanager.model import Result, Status
from restartmanager.model.escaping import escape
from restartmanager.model.journal import JournalStep
from restartmanager.rules.plan import ShutdownMode, plan_shutdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.api.primary import PrimarySession
    from restartmanager.model import Affected, Application, Outcome, ResourceSpec
    from restartmanager.model.progress import Progress


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the transaction is meant; ``after``: change first, then restart what is affected;
    ``may_stay_closed``: it is agreed that what does not come back stays closed; ``ask``: not
    without somebody's consent."""

    force: bool = False
    partial: bool = False
    leave_closed: bool = False
    only_registered: bool = False
    relaunch: Literal["registered", "all"] = "registered"
    after: bool = False
    may_stay_closed: bool = False
    dry_run: bool = False
    ask: bool = False


class Transaction:
    """One command with everything closed meanwhile that stands in its way; use it once.

    All it says goes to standard error. From the moment something may have been closed, no signal
    and no error keeps what was closed from being brought back.
    """

    def __init__(self, command: Sequence[str], wishes: Wishes) -> None:
        self._command = command
        self._wishes = wishes
        self._notes = Console(sys.stderr)
        self._interrupts = Interrupts()
        self._heard: int | None = None
        """The number of signals that have called the shutdown off, once that was said."""
        self._left_for_recovery = False
        self._may_stay_closed = wishes.may_stay_closed
        self._left_closed: list[Outcome] = []

    def carry_out(self, spec: ResourceSpec) -> int:
        """Do it all; the exit status of ``restartctl run``."""
        try:
            with self._interrupts:
                session = self._start()
                try:
                    return self._within(session, spec)
                finally:
                    self._end(session)
        except UsageError:
            raise
        except RestartManagerError as error:
            self._tell(error)
            return self._trouble(error)

    def _start(self) -> PrimarySession:
        """A session, after what an earlier one left closed was brought back; a dry run leaves even
        that alone."""
        if not self._wishes.dry_run:
            recover_first()
        return sessions.new_session()

    def _trouble(self, error: RestartManagerError) -> int:
        """The exit status where the command could not be run."""
        del error
        return ExitCode.NOT_RUN

    def _within(self, session: PrimarySession, spec: ResourceSpec) -> int:
        session.register(**spec._asdict())
        if not self._is_agreed(session.affected(relaunch=self._wishes.relaunch)):
            return ExitCode.NOT_RUN
        if self._wishes.dry_run:
            return ExitCode.DONE
        with self._interrupts.postponed():
            if not self._wishes.after and not self._close(session):
                self._bring_back(session)
                return ExitCode.NOT_RUN
            status = run_command(self._command, {**os.environ, **session.environ()})
            settle = self._refresh if self._wishes.after else self._bring_back
            if not settle(session):
                return ExitCode.NOT_ALL_BACK
            return status or self._status_of_what_is_left()

    def _status_of_what_is_left(self) -> int:
        """Say what stays closed although nobody has agreed to that."""
        if self._may_stay_closed or not self._left_closed:
            return ExitCode.DONE
        names = ", ".join(escape(outcome.application.name) for outcome in self._left_closed)
        self._notes.problem(
            f"this stays closed, as nothing says how it comes back: {names}.",
            "--relaunch all brings back what registered nothing, by the command it was started "
            "with; --relaunch registered or --leave-closed says that it may stay closed.",
        )
        return ExitCode.LEFT_CLOSED

    def _end(self, session: PrimarySession) -> None:
        """End the session; after an error that nobody expected this brings back what is closed."""
        if self._left_for_recovery:
            return
        try:
            with self._interrupts.postponed():
                session.end()
        except RestartManagerError as error:
            self._tell(error)

    # -- before --------------------------------------------------------------------------------

    def _is_agreed(self, affected: Affected) -> bool:
        """Show what would be closed; whether to go on."""
        look = self._notes.look
        self._notes.lines(affected_lines(affected, look, fate=True))
        left = reservations(affected, look, root=os.geteuid() == 0)
        self._notes.lines(["", *left] if affected.applications and left else left)
        if self._wishes.dry_run:
            return self._would_go(affected)
        if not self._wishes.ask or self._refusal(affected) is not None:
            return True
        closing = self._closing(affected)
        if not closing:
            return True
        self._notes.say()
        if self._consents(len(closing), self._lost(closing)):
            self._may_stay_closed = True  # it was told
            return True
        self._notes.say("Nothing was closed, and the command was not run.")
        return False

    def _consents(self, closing: int, lost: int) -> bool:
        """Ask on standard error: standard output is the command's."""
        command, what = escape(self._command[0]), count(closing, "application")
        if self._wishes.after:
            return self._notes.agreed(f"Run {command} and restart {what} afterwards?")
        question = f"Close {what} and run {command}?"
        if not lost or self._may_stay_closed:
            return self._notes.agreed(question)
        if lost == closing:
            stays = "It stays closed." if closing == 1 else "All of them stay closed."
        else:
            stays = f"{lost} of them {'stays' if lost == 1 else 'stay'} closed."
        return self._notes.agreed(f"{question} {stays}", usually=False)

    def _closing(self, affected: Affected) -> list[Application]:
        """What would be closed, or restarted afterwards."""
        if self._wishes.after:
            return [app for app in affected.applications if app.status & Status.RUNNING]
        plan = plan_shutdown(affected.applications, (), self._mode())
        return [app for stage in plan.stages for app in stage]

    @staticmethod
    def _lost(closing: Sequence[Application]) -> int:
        """How many of these stay closed."""
        return sum(not app.restartable for app in closing)

    def _would_go(self, affected: Affected) -> bool:
        if not affected.applications:
            self._notes.say("Nothing would have to be closed.")
        refusal = self._refusal(affected)
        if refusal is not None:
            look = self._notes.look
            self._notes.say()
            self._notes.say("The command would not be run.")
            self._notes.lines(fill(escape(refusal.hint), look.width, "  hint: "))
        return refusal is None

    def _refusal(self, affected: Affected) -> ActionError | None:
        """What the shutdown would refuse to begin for. What comes after the change refuses
        nothing."""
        try:
            if not self._wishes.after:
                plan_shutdown(affected.applications, (), self._mode())
        except ActionError as error:
            return error
        return None

    def _mode(self) -> ShutdownMode:
        return ShutdownMode(
            partial=self._wishes.partial,
            leave_closed=self._wishes.leave_closed,
            only_registered=self._wishes.only_registered,
        )

    def _close(self, session: PrimarySession) -> bool:
        """Close what stands in the way; whether the command may run."""
        wishes, live = self._wishes, self._live()
        with self._interrupts.cancelling(session) as cancel_if_asked:

            def event(progress: Progress) -> None:
                live.show(progress)
                cancel_if_asked(progress)

            try:
                with live:
                    stopped = session.shutdown(
                        force=wishes.force,
                        partial=wishes.partial,
                        leave_closed=wishes.leave_closed,
                        only_registered=wishes.only_registered,
                        relaunch=wishes.relaunch,
                        on_event=event,
                    )
            except RestartManagerError as error:
                self._tell(error)
                if isinstance(error, OperationCancelledError):
                    self._say_who_is_waited_for(session)
                return False
        self._notes.lines(outcome_lines(stopped.outcomes, self._notes.look))
        if self._interrupts.number is not None:  # too late to cancel, not too late to turn back
            self._tell(OperationCancelledError("The transaction"))
            return False
        return True

    def _say_who_is_waited_for(self, session: PrimarySession) -> None:
        self._heard = self._interrupts.count  # who reads the words may send one at once
        asked = {JournalStep.STOP_INTENDED, JournalStep.NOT_STOPPED}
        names = [e.application.name for e in session.journal() if e.step in asked]
        if names:
            self._notes.lines(
                fill(
                    f"Waiting for {escape(', '.join(names))}, asked to exit already, for "
                    f"{limits().application_s:g} seconds at most. Interrupt it again to leave that "
                    "to 'restartctl recover'.",
                    self._notes.look.width,
                    "",
                    "",
                )
            )

    # -- after ---------------------------------------------------------------------------------

    def _bring_back(self, session: PrimarySession) -> bool:
        """Bring back what was closed; whether all of it came."""
        heard = self._interrupts.count if self._heard is None else self._heard
        cancelling = self._interrupts.cancelling(session, after=heard)
        again = cancelling if self._interrupts.count else nullcontext(lambda _: None)
        try:
            with self._live() as live, again as cancel_if_asked:

                def event(progress: Progress) -> None:
                    live.show(progress)
                    cancel_if_asked(progress)

                outcomes = session.restart(on_event=event)
        except OutOfSequenceError:
            return True  # the shutdown failed before it began
        except RestartError as error:
            self._tell(error)
            return False
        except RestartManagerError as error:
            self._leave_for_recovery(error)
            return False
        self._left_closed = [outcome for outcome in outcomes if _stays_closed(outcome)]
        self._notes.lines(outcome_lines(outcomes, self._notes.look))
        return True

    def _leave_for_recovery(self, error: RestartManagerError) -> None:
        """Keep the session: its memory knows what is still owed."""
        self._left_for_recovery = True
        self._tell(error)
        self._notes.problem("Something may still be closed.", "Try 'restartctl recover'.")

    def _refresh(self, session: PrimarySession) -> bool:
        """Restart what uses the old files; whether all of it is up to date."""
        wishes = self._wishes
        try:
            with self._live() as live:
                outcomes = session.refresh(
                    force=wishes.force, relaunch=wishes.relaunch, on_event=live.show
                )
        except RestartManagerError as error:
            self._tell(error)
            return False
        self._notes.lines(outcome_lines(outcomes, self._notes.look))
        return True

    def _live(self) -> Live:
        return Live(self._notes, force=self._wishes.force)

    def _tell(self, error: RestartManagerError) -> None:
        look = self._notes.look
        if isinstance(error, ActionError | OperationCancelledError):
            shown = () if isinstance(error, RebootNeededError) else error.outcomes
            self._notes.lines(outcome_lines(shown, look))
        self._notes.lines(error_lines(error, look))


def _stays_closed(outcome: Outcome) -> bool:
    application = outcome.application
    closed = application.status & Status.STOPPED and outcome.result is Result.SKIPPED
    return bool(closed) and not application.restartable
