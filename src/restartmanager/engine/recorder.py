"""Recorders: they write down what is done to each application, before it is done and afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.errors import OperationCancelledError
from restartmanager.model import Hold, Outcome, Result, Status, Step
from restartmanager.model.journal import JournalEntry, JournalStep
from restartmanager.model.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from restartmanager.engine.context import OperationContext
    from restartmanager.model import Application, Recipe
    from restartmanager.model.identity import UniqueProcess


class StopRecorder:
    """The recorder of one shutdown of ``total`` applications: journal, outcomes and progress.

    ``first_sequence`` is the number before that of the first entry.
    """

    def __init__(self, context: OperationContext, total: int, first_sequence: int) -> None:
        self._context = context
        self._total = total
        self._sequence = first_sequence
        self.outcomes: list[Outcome] = []

    def intend(
        self, application: Application, *, recipe: Recipe | None = None, hold: Hold | None = None
    ) -> JournalEntry:
        """The entry that says that this application is about to be stopped; not written yet."""
        self._sequence += 1
        return JournalEntry(
            sequence=self._sequence,
            application=application,
            step=JournalStep.STOP_INTENDED,
            at=self._context.clock.now(),
            recipe=recipe,
            hold=hold,
        )

    def write(self, entries: Sequence[JournalEntry]) -> None:
        """Record entries, all or none."""
        self._context.write(entries)

    def stopped(self, entry: JournalEntry, message: str = "") -> None:
        """Record that it is stopped, by us."""
        self._settle(entry, JournalStep.STOPPED, Status.STOPPED, Result.DONE, message)

    def gone(self, entry: JournalEntry) -> None:
        """Record that it had gone before it was asked."""
        message = "it had already gone"
        step = JournalStep.LEFT_STOPPED
        self._settle(entry, step, Status.STOPPED_OTHER, Result.DONE, message)

    def not_stopped(self, entry: JournalEntry, message: str, *, asked: bool = True) -> None:
        """Record that it still runs; where it was ``asked`` to exit, it may do so at any time."""
        status = Status.RUNNING | Status.ERROR_ON_STOP
        step = JournalStep.NOT_STOPPED if asked else JournalStep.LEFT_RUNNING
        self._settle(entry, step, status, Result.FAILED, message)

    def _settle(
        self, entry: JournalEntry, step: JournalStep, status: Status, result: Result, message: str
    ) -> None:
        status |= entry.application.status & ~Status.RUNNING
        application = replace(entry.application, status=status)
        now = self._context.clock.now()
        settled = replace(entry, application=application, step=step, at=now, message=message)
        self._context.note([settled])
        self.outcomes.append(Outcome(application, Step.STOP, result, message))
        self._report(application, message or "closed", result=result)

    def say(self, application: Application, message: str, patience_s: float | None = None) -> None:
        """Tell who watches what was begun, and how long the application has for it."""
        self._report(application, message, patience_s)

    def _report(
        self,
        application: Application,
        message: str,
        patience_s: float | None = None,
        result: Result | None = None,
    ) -> None:
        percent = 100 * len(self.outcomes) // max(1, self._total)
        report = Progress(percent, application, Step.STOP, message, patience_s, result)
        self._context.reporter.report(report)

    def check_cancelled(self) -> None:
        """Raise OperationCancelledError, with the outcomes so far, where it was called off."""
        if self._context.cancel.cancelled:
            raise OperationCancelledError("Shutdown", self.outcomes)


class Verified(NamedTuple):
    """A started application, as it was seen after a while: it is back where there is no
    ``trouble``."""

    entry: JournalEntry
    trouble: str = ""
    remark: str = ""


class StartRecorder:
    """The recorder of one restart of ``total`` applications: journal, outcomes and progress."""

    def __init__(self, context: OperationContext, total: int) -> None:
        self._context = context
        self._total = total
        self.outcomes: list[Outcome] = []

    def intend(self, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        """Record that these are about to be started; the entries as they are now."""
        noted = [self._at_step(entry, JournalStep.START_INTENDED) for entry in entries]
        self._context.note(noted)
        for entry in noted:
            self._tell(entry.application, "is being started")
        return noted

    def renewing(self, applications: Sequence[Application], sequence: int) -> list[JournalEntry]:
        """Record that these are about to be restarted where they stand; their entries, the first
        one after ``sequence``."""
        now = self._context.clock.now()
        entries = [
            JournalEntry(number, application, JournalStep.STOP_INTENDED, now, hold=Hold())
            for number, application in enumerate(applications, sequence + 1)
        ]
        self._context.note(entries)
        for entry in entries:
            self._tell(entry.application, "is being restarted")
        return entries

    def released(self, entry: JournalEntry, process: UniqueProcess | None) -> JournalEntry:
        """Record as which process it was started, and that it may run; the entry as it is now."""
        noted = self._at_step(replace(entry, started_as=process), JournalStep.START_RELEASED)
        self._context.note([noted])
        return noted

    def verified(self, seen: Iterable[Verified]) -> None:
        """Record which are back; all at once, for all of it was seen at once."""
        self._record([self._judged(*each) for each in seen])

    def not_back(self, entry: JournalEntry, trouble: str) -> None:
        """Record that it should have come back and did not."""
        self.verified([Verified(entry, trouble)])

    def left_stopped(self, entry: JournalEntry, message: str) -> None:
        """Record that it stays closed, as it should."""
        status = entry.application.status & ~Status.RUNNING | Status.STOPPED
        self._record([self._settled(entry, JournalStep.LEFT_STOPPED, status, message)])

    def never_stopped(self, entry: JournalEntry) -> None:
        """Record that it runs, and nobody has to bring it back."""
        status = entry.application.status
        message = "it was never stopped"
        self._record([self._settled(entry, JournalStep.LEFT_RUNNING, status, message)])

    def lingers(self, entry: JournalEntry) -> None:
        """Record that it still runs although it was asked to exit: it is owed when it has."""
        message = "it still runs; should it exit after all, recovery brings it back"
        tried = entry.step is JournalStep.START_FAILED
        step = entry.step if tried else JournalStep.NOT_STOPPED
        noted, outcome = self._settled(entry, step, entry.application.status, message)
        self._record([(replace(noted, at=entry.at), outcome)])  # since when it is waited for

    def waits(self, entry: JournalEntry, patience_s: float) -> None:
        """Tell who watches that it is waited for: it may still exit."""
        self._tell(entry.application, "may still exit, as it was asked to", patience_s=patience_s)

    def not_startable(self, entry: JournalEntry, trouble: str) -> None:
        """Record that its program could not be run, and is owed."""
        status = entry.application.status | Status.ERROR_ON_RESTART
        step = JournalStep.START_FAILED
        self._record([self._settled(entry, step, status, trouble, Result.FAILED)])

    def handed_over(self, entry: JournalEntry) -> None:
        """Tell that another session, which has closed it as well, brings it back; the journal has
        it already."""
        message = "it comes back when the other installer that closed it is through"
        status = entry.application.status
        _, outcome = self._settled(entry, JournalStep.HANDED_OVER, status, message)
        self.broken(outcome)

    def taken_over(self, entry: JournalEntry) -> None:
        """Record that it was back, and another session has closed it since: that one owes it."""
        message = "another installer has closed it again, and brings it back"
        status = entry.application.status
        self._record([self._settled(entry, JournalStep.HANDED_OVER, status, message)])

    def held_back(self, entry: JournalEntry) -> None:
        """Record that it is owed, and not started while another session changes what it uses."""
        message = "it comes back when the other installer, which changes what it uses, is through"
        status = entry.application.status
        self._record([self._settled(entry, JournalStep.HELD_BACK, status, message)])

    def broken(self, outcome: Outcome) -> None:
        """Add the outcome of something else that went wrong over it; it is not in the journal."""
        self.outcomes.append(outcome)
        self._say(outcome)

    def check_cancelled(self) -> None:
        """Raise OperationCancelledError, with the outcomes so far, where it was called off."""
        if self._context.cancel.cancelled:
            raise OperationCancelledError("Restart", self.outcomes)

    def _at_step(self, entry: JournalEntry, step: JournalStep) -> JournalEntry:
        return replace(entry, step=step, at=self._context.clock.now(), message="")

    def _judged(
        self, entry: JournalEntry, trouble: str, remark: str
    ) -> tuple[JournalEntry, Outcome]:
        status = entry.application.status
        if trouble:
            status |= Status.ERROR_ON_RESTART
            return self._settled(entry, JournalStep.NOT_STARTED, status, trouble, Result.FAILED)
        status = status & ~Status.ERROR_ON_RESTART | Status.RESTARTED
        return self._settled(entry, JournalStep.STARTED, status, remark, Result.DONE)

    def _settled(
        self,
        entry: JournalEntry,
        step: JournalStep,
        status: Status,
        message: str,
        result: Result = Result.SKIPPED,
    ) -> tuple[JournalEntry, Outcome]:
        application = replace(entry.application, status=status)
        noted = replace(self._at_step(entry, step), application=application, message=message)
        process = None if result is Result.SKIPPED else entry.started_as
        return noted, Outcome(application, Step.START, result, message, process)

    def _record(self, settled: Sequence[tuple[JournalEntry, Outcome]]) -> None:
        self._context.note([entry for entry, _ in settled])
        for _, outcome in settled:
            self.outcomes.append(outcome)
            self._say(outcome)

    def _say(self, outcome: Outcome) -> None:
        self._tell(outcome.application, outcome.message or "is back", outcome.result)

    def _tell(
        self,
        application: Application,
        message: str,
        result: Result | None = None,
        patience_s: float | None = None,
    ) -> None:
        percent = min(100, 100 * len(self.outcomes) // max(1, self._total))
        report = Progress(percent, application, Step.START, message, patience_s, result)
        self._context.reporter.report(report)
