"""Close applications that are processes: ask, wait, insist.

All applications of a stage are closed side by side. Each is in the journal before the first signal
goes to it, and again when its outcome is known.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from restartmanager.errors import ProcessError, ProcessGoneError
from restartmanager.model import Application, Process, RestartBy, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from restartmanager.equipment import Equipment
    from restartmanager.identity import UniqueProcess
    from restartmanager.journal import JournalEntry
    from restartmanager.ledger import StopLedger
    from restartmanager.model import Recipe
    from restartmanager.ports import ProcessHandle

__all__ = ["Closer"]

_log = logging.getLogger(__name__)

_SHELLS = frozenset({"bash", "dash", "sh", "zsh", "ksh", "mksh", "fish", "tcsh", "csh", "ash"})


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


class Closer:
    """Closes the applications of one stage after the other. ``force`` kills what does not obey."""

    def __init__(self, equipment: Equipment, ledger: StopLedger, *, force: bool) -> None:
        self._processes = equipment.processes
        self._clock = equipment.clock
        self._cancel = equipment.cancel
        self._limits = equipment.limits
        self._ledger = ledger
        self._force = force

    def close(self, stage: Sequence[Application]) -> None:
        """Close these applications; the ledger has what became of each.

        Raises OperationCancelledError when it was called off.
        """
        closings = [self._prepare(application) for application in stage]
        try:
            self._ledger.write([closing.entry for closing in closings])
            for closing in closings:
                self._ask(closing)
            pending = [closing for closing in closings if not self._finish_if_over(closing)]
            while pending:
                self._ledger.check_cancelled()
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
        entry = self._ledger.intend(application, recipe=recipe)
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
        self._ledger.say(closing.application, "asked to exit")
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
            self._ledger.say(closing.application, "did not exit in time, killed")
            closing.killed = True
            closing.remind_at = None
            closing.deadline = now + self._limits.kill_s
            for process in closing.application.processes:
                self._send(closing, process, Signal.KILL)

    # -- outcomes ------------------------------------------------------------------------------

    def _finish_if_over(self, closing: _Closing) -> bool:
        if not self._is_over(closing):
            return False
        if closing.handles:
            self._ledger.not_stopped(closing.entry, self._complaint(closing))
        elif closing.absent:
            self._ledger.gone(closing.entry)
        else:
            message = "killed, for it did not exit in time" if closing.killed else ""
            self._ledger.stopped(closing.entry, message)
        return True

    def _is_over(self, closing: _Closing) -> bool:
        if not closing.handles or closing.complaint:
            return True
        out_of_time = self._clock.monotonic() >= closing.deadline
        return out_of_time and (closing.killed or not self._force)

    def _complaint(self, closing: _Closing) -> str:
        still = ", ".join(str(identity) for identity in closing.handles)
        return closing.complaint or (
            f"did not exit within {self._limits.application_s:g} seconds (process {still})"
        )


def _is_shell(process: Process) -> bool:
    return (process.executable or "").rpartition("/")[2] in _SHELLS
