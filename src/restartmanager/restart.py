"""Bring back what was stopped: the last one stopped comes first.

The journal says what may be owed; reality decides. An application is started at most once: its new
process is written down before it runs its program, so that whoever continues after a crash finds
it. Verified means: it lives on after its start, and no longer uses the old files.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from restartmanager.errors import OperationCancelledError, ProcessError
from restartmanager.filters import masks
from restartmanager.journal import JournalEntry, JournalStep
from restartmanager.model import Outcome, RestartBy, Result, Status, Step
from restartmanager.plan import plan_restart
from restartmanager.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from restartmanager.identity import UniqueProcess
    from restartmanager.model import Filter
    from restartmanager.ports import Clock, Processes, ProcessHandle
    from restartmanager.progress import CancelToken, Reporter
    from restartmanager.shutdown import TimeLimits

__all__ = ["Restart"]

_MASKED = Status.SHUTDOWN_MASKED | Status.RESTART_MASKED


class Restart:
    """Carries out the restart of one session; use it once.

    ``write`` puts entries into the journal. ``stale_pids`` tells which of some processes still use
    files that were replaced.
    """

    def __init__(  # noqa: PLR0913 - the ports, and what to do with them
        self,
        processes: Processes,
        clock: Clock,
        *,
        write: Callable[[Iterable[JournalEntry]], None],
        stale_pids: Callable[[], frozenset[int]],
        reporter: Reporter,
        cancel: CancelToken,
        limits: TimeLimits,
        filters: Sequence[Filter] = (),
    ) -> None:
        self._processes = processes
        self._clock = clock
        self._write = write
        self._stale_pids = stale_pids
        self._reporter = reporter
        self._cancel = cancel
        self._limits = limits
        self._filters = filters
        self._total = 0
        self._settled = 0

    def carry_out(self, journal: Iterable[JournalEntry]) -> tuple[Outcome, ...]:
        """Bring back what the journal owes; what became of each application.

        Raises OperationCancelledError, with the outcomes so far, when it was called off; what is
        still owed then stays owed.
        """
        entries = plan_restart(journal)
        self._total = len(entries)
        self._reporter.report(Progress(0))
        outcomes: list[Outcome] = []
        started: list[JournalEntry] = []
        for entry in entries:
            if self._cancel.cancelled:
                outcomes += self._verify(started)
                raise OperationCancelledError("Restart", outcomes)
            done = self._bring_back(entry)
            if isinstance(done, Outcome):
                outcomes.append(done)
                self._say(done)
            else:
                started.append(done)
        outcomes += self._verify(started)
        self._reporter.report(Progress(100))
        return tuple(outcomes)

    # -- one application -----------------------------------------------------------------------

    def _bring_back(self, entry: JournalEntry) -> Outcome | JournalEntry:
        """Start it where it is owed; its entry where it was started, else the outcome."""
        if entry.step in {JournalStep.STOP_INTENDED, JournalStep.NOT_STOPPED}:
            if self._still_runs(entry):
                return self._leave(entry, JournalStep.NOT_STOPPED, "it was never stopped")
            entry = _stopped(entry)
        if entry.started_as is not None and not self._watch([entry]):
            return entry  # it was started before a crash, or by an earlier try, and lives
        application = entry.application
        if masks(application, self._filters) & _MASKED:
            return self._leave(
                entry, JournalStep.LEFT_STOPPED, "a filter of the session excludes it"
            )
        if entry.recipe is None or application.restart_by is RestartBy.NONE:
            reason = application.reason or "it did not register for being brought back"
            return self._leave(entry, JournalStep.LEFT_STOPPED, reason)
        return self._start(entry)

    def _still_runs(self, entry: JournalEntry) -> bool:
        """Whether an application that may have been asked to exit is there to stay.

        The request cannot be taken back: who has it may exit until the time for that has passed.
        """
        main = entry.application.main_process
        if main is None:
            return False
        left = entry.at + self._limits.application_s - self._clock.now()
        asked_just_now = entry.step is JournalStep.STOP_INTENDED
        patience = min(max(0.0, left), self._limits.application_s) if asked_just_now else 0.0
        try:
            handle = self._processes.open(main.identity)
        except ProcessError:
            return self._processes.is_alive(main.identity)
        with handle:
            until = self._clock.monotonic() + patience
            return not self._processes.wait([handle], until, self._cancel)

    def _start(self, entry: JournalEntry) -> Outcome | JournalEntry:
        recipe = entry.recipe
        assert recipe is not None  # noqa: S101 - the caller looked
        entry = self._note(entry, JournalStep.START_INTENDED)
        released = entry

        def note_process(identity: UniqueProcess) -> None:
            nonlocal released
            released = self._note(replace(entry, started_as=identity), JournalStep.START_RELEASED)

        try:
            self._processes.start(recipe, note_process)
        except ProcessError as error:
            return self._fail(replace(entry, started_as=None), error.message)
        return released

    # -- verification --------------------------------------------------------------------------

    def _verify(self, started: Sequence[JournalEntry]) -> list[Outcome]:
        """See whether all that were started live on, and on the new files."""
        if not started:
            return []
        gone = self._watch(started)
        stale = self._stale_pids()
        outcomes = []
        for entry in started:
            process = entry.started_as
            assert process is not None  # noqa: S101 - it was started
            if process in gone:
                outcome = self._fail(entry, "it exited right after its start")
            elif process.pid in stale:
                outcome = self._fail(entry, "it came back, and still uses the old files")
            else:
                outcome = self._succeed(entry, process)
            self._say(outcome)
            outcomes.append(outcome)
        return outcomes

    def _watch(self, started: Sequence[JournalEntry]) -> set[UniqueProcess]:
        """The processes among them that do not live through the settling time."""
        gone: set[UniqueProcess] = set()
        handles: dict[UniqueProcess, ProcessHandle] = {}
        until = self._clock.monotonic() + self._limits.settle_s
        try:
            for entry in started:
                process = entry.started_as
                assert process is not None  # noqa: S101 - it was started
                try:
                    handles[process] = self._processes.open(process)
                except ProcessError:
                    gone.add(process)
            while handles and self._clock.monotonic() < until:
                for process in self._processes.wait(list(handles.values()), until):
                    handles.pop(process).close()
                    gone.add(process)
        finally:
            for handle in handles.values():
                handle.close()
        return gone

    # -- outcomes ------------------------------------------------------------------------------

    def _succeed(self, entry: JournalEntry, process: UniqueProcess) -> Outcome:
        status = (entry.application.status & ~Status.ERROR_ON_RESTART) | Status.RESTARTED
        entry = self._note(entry, JournalStep.STARTED, status)
        return Outcome(entry.application, Step.START, Result.DONE, "", process)

    def _fail(self, entry: JournalEntry, message: str) -> Outcome:
        status = entry.application.status | Status.ERROR_ON_RESTART
        entry = self._note(entry, JournalStep.NOT_STARTED, status, message)
        return Outcome(entry.application, Step.START, Result.FAILED, message, entry.started_as)

    def _leave(self, entry: JournalEntry, step: JournalStep, message: str) -> Outcome:
        status = entry.application.status
        if step is JournalStep.LEFT_STOPPED:
            status = (status & ~Status.RUNNING) | Status.STOPPED
        entry = self._note(entry, step, status, message)
        return Outcome(entry.application, Step.START, Result.SKIPPED, message)

    def _note(
        self,
        entry: JournalEntry,
        step: JournalStep,
        status: Status | None = None,
        message: str = "",
    ) -> JournalEntry:
        application = entry.application
        if status is not None:
            application = replace(application, status=status)
        entry = replace(
            entry, application=application, step=step, at=self._clock.now(), message=message
        )
        self._write([entry])
        return entry

    def _say(self, outcome: Outcome) -> None:
        self._settled += 1
        percent = 100 * self._settled // max(1, self._total)
        message = outcome.message or "is back"
        self._reporter.report(Progress(percent, outcome.application, Step.START, message))


def _stopped(entry: JournalEntry) -> JournalEntry:
    application = entry.application
    status = (application.status & ~(Status.RUNNING | Status.ERROR_ON_STOP)) | Status.STOPPED
    return replace(entry, application=replace(application, status=status))
