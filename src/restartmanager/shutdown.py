"""Ask, wait, insist: carry out a shutdown plan.

Every application is written to the journal before the first signal goes to it, and again when its
outcome is known. The applications of a stage are closed side by side, the stages one after the
other. Nothing is rolled back: what was stopped is for restart to bring back.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from restartmanager.errors import OperationCancelledError, ProcessError, ProcessGoneError
from restartmanager.journal import JournalEntry, JournalStep
from restartmanager.model import (
    Application,
    Outcome,
    Process,
    RestartBy,
    Result,
    Signal,
    Status,
    Step,
)
from restartmanager.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from restartmanager.identity import UniqueProcess
    from restartmanager.model import Recipe
    from restartmanager.plan import ShutdownPlan
    from restartmanager.ports import Clock, Processes, ProcessHandle
    from restartmanager.progress import CancelToken, Reporter

__all__ = ["Shutdown", "TimeLimits"]

_log = logging.getLogger(__name__)

_SHELLS = frozenset({"bash", "dash", "sh", "zsh", "ksh", "mksh", "fish", "tcsh", "csh", "ash"})


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long to wait for what, in seconds.

    The 30 seconds for an application are those of the original (RM_SHUTDOWN_TYPE).
    """

    application_s: float = 30.0
    """From the request to exit until it counts as not obeying."""
    helpers_s: float = 2.0
    """How long helpers may outlive their leader before they are asked themselves."""
    kill_s: float = 5.0
    """How long the kernel may take to remove a killed process."""
    settle_s: float = 0.5
    """How long a process must live after its start to count as back."""


@dataclass(slots=True)
class _Closing:
    """One application on its way out."""

    entry: JournalEntry
    deadline: float
    handles: dict[UniqueProcess, ProcessHandle] = field(default_factory=dict)
    remind_at: float | None = None
    absent: bool = False
    killed: bool = False
    complaint: str = ""

    @property
    def application(self) -> Application:
        return self.entry.application

    @property
    def leader(self) -> Process | None:
        return self.application.main_process

    def next_event(self) -> float:
        return min(self.deadline, self.remind_at or self.deadline)


class Shutdown:
    """Carries out one plan; use it once.

    ``write`` puts entries into the journal; ``first_sequence`` is the number of the first new one.
    """

    def __init__(  # noqa: PLR0913 - the ports, and what to do with them
        self,
        processes: Processes,
        clock: Clock,
        *,
        write: Callable[[Iterable[JournalEntry]], None],
        reporter: Reporter,
        cancel: CancelToken,
        limits: TimeLimits,
        force: bool,
        first_sequence: int = 0,
    ) -> None:
        self._processes = processes
        self._clock = clock
        self._write = write
        self._reporter = reporter
        self._cancel = cancel
        self._limits = limits
        self._force = force
        self._sequence = first_sequence
        self._total = 0
        self._outcomes: list[Outcome] = []

    def carry_out(self, plan: ShutdownPlan) -> tuple[Outcome, ...]:
        """Stop what is to be stopped; what became of each.

        Raises OperationCancelledError, with the outcomes so far, when it was called off.
        """
        self._total = len(plan)
        self._reporter.report(Progress(0))
        for stage in plan.stages:
            self._check_cancelled()
            self._close(stage)
        self._reporter.report(Progress(100))
        return (*plan.skipped, *self._outcomes)

    # -- one stage -----------------------------------------------------------------------------

    def _close(self, stage: Sequence[Application]) -> None:
        closings = [self._prepare(application) for application in stage]
        try:
            self._write([closing.entry for closing in closings])
            for closing in closings:
                self._ask(closing)
            pending = [closing for closing in closings if not self._finish_if_over(closing)]
            while pending:
                self._check_cancelled()
                self._wait(pending)
                pending = [closing for closing in pending if not self._finish_if_over(closing)]
        finally:
            for closing in closings:
                for handle in closing.handles.values():
                    handle.close()

    def _prepare(self, application: Application) -> _Closing:
        """Take hold of its processes, and note how to bring it back while that can be seen."""
        handles = {}
        for process in application.processes:
            try:
                handles[process.identity] = self._processes.open(process.identity)
            except ProcessGoneError:
                _log.debug("process %d is already gone", process.pid)
        application, recipe = self._with_recipe(application)
        self._sequence += 1
        entry = JournalEntry(
            sequence=self._sequence,
            application=application,
            step=JournalStep.STOP_INTENDED,
            at=self._clock.now(),
            recipe=recipe,
        )
        deadline = self._clock.monotonic() + self._limits.application_s
        return _Closing(entry, deadline, handles, absent=not handles)

    def _with_recipe(self, application: Application) -> tuple[Application, Recipe | None]:
        main = application.main_process
        if main is None or application.restart_by not in {RestartBy.REGISTERED, RestartBy.COMMAND}:
            return application, None
        try:
            registration = (
                self._processes.registration(main)
                if application.restart_by is RestartBy.REGISTERED
                else None
            )
            return application, self._processes.recipe(main, registration)
        except ProcessError as error:
            return replace(application, restart_by=RestartBy.NONE, reason=str(error)), None

    def _ask(self, closing: _Closing) -> None:
        """The polite request, to the leader alone: it knows best how to end its helpers."""
        leader = closing.leader
        self._say(closing.application, "asked to exit")
        if leader is not None and leader.identity in closing.handles:
            self._send(closing, leader, Signal.TERMINATE)
            if leader.terminal and _is_shell(leader):
                self._send(closing, leader, Signal.HANG_UP)
        else:
            self._ask_helpers(closing)

    def _ask_helpers(self, closing: _Closing) -> None:
        for process in closing.application.processes:
            self._send(closing, process, Signal.TERMINATE)

    def _send(self, closing: _Closing, process: Process, signal: Signal) -> None:
        handle = closing.handles.get(process.identity)
        if handle is None:
            return
        try:
            handle.send(signal)
        except ProcessGoneError:
            pass
        except ProcessError as error:
            closing.complaint = error.message

    def _wait(self, pending: Sequence[_Closing]) -> None:
        """Sleep until a process exits, a deadline passes or somebody cancels; then insist."""
        handles = [handle for closing in pending for handle in closing.handles.values()]
        until = min(closing.next_event() for closing in pending)
        gone = self._processes.wait(handles, until, self._cancel)
        now = self._clock.monotonic()
        for closing in pending:
            self._forget(closing, gone, now)
            self._insist(closing, now)

    def _forget(self, closing: _Closing, gone: Iterable[UniqueProcess], now: float) -> None:
        leader = closing.leader
        for identity in closing.handles.keys() & set(gone):
            closing.handles.pop(identity).close()
            if leader is not None and identity == leader.identity and not closing.killed:
                closing.remind_at = now + self._limits.helpers_s

    def _insist(self, closing: _Closing, now: float) -> None:
        if closing.remind_at is not None and now >= closing.remind_at:
            closing.remind_at = None
            self._ask_helpers(closing)
        if now >= closing.deadline and self._force and not closing.killed:
            self._say(closing.application, "did not exit in time, killed")
            closing.killed = True
            closing.remind_at = None
            closing.deadline = now + self._limits.kill_s
            for process in closing.application.processes:
                self._send(closing, process, Signal.KILL)

    # -- outcomes ------------------------------------------------------------------------------

    def _finish_if_over(self, closing: _Closing) -> bool:
        if not self._is_over(closing):
            return False
        step, status, result, message = self._verdict(closing)
        status |= closing.application.status & ~Status.RUNNING
        application = replace(closing.application, status=status)
        entry = replace(
            closing.entry,
            application=application,
            step=step,
            at=self._clock.now(),
            message=message,
        )
        self._write([entry])
        self._outcomes.append(Outcome(application, Step.STOP, result, message))
        self._say(application, message or "closed")
        return True

    def _is_over(self, closing: _Closing) -> bool:
        if not closing.handles or closing.complaint:
            return True
        out_of_time = self._clock.monotonic() >= closing.deadline
        return out_of_time and (closing.killed or not self._force)

    def _verdict(self, closing: _Closing) -> tuple[JournalStep, Status, Result, str]:
        if closing.handles:
            still = ", ".join(str(identity) for identity in closing.handles)
            message = closing.complaint or (
                f"did not exit within {self._limits.application_s:g} seconds (process {still})"
            )
            status = Status.RUNNING | Status.ERROR_ON_STOP
            return JournalStep.NOT_STOPPED, status, Result.FAILED, message
        if closing.absent:
            message = "it had already gone"
            return JournalStep.LEFT_STOPPED, Status.STOPPED_OTHER, Result.DONE, message
        message = "killed, for it did not exit in time" if closing.killed else ""
        return JournalStep.STOPPED, Status.STOPPED, Result.DONE, message

    def _say(self, application: Application, message: str) -> None:
        percent = 100 * len(self._outcomes) // max(1, self._total)
        self._reporter.report(Progress(percent, application, Step.STOP, message))

    def _check_cancelled(self) -> None:
        if self._cancel.cancelled:
            raise OperationCancelledError("Shutdown", self._outcomes)


def _is_shell(process: Process) -> bool:
    return (process.executable or "").rpartition("/")[2] in _SHELLS
