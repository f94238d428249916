"""Close applications that are processes: ask, wait, insist.

All applications of a stage are closed side by side. Each is in the journal before it is asked
anything (``close_methods`` has the ways of asking), and again when its outcome is known.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from restartmanager.engine.close_methods import (
    CloseByChannel,
    CloseBySignal,
    CloseByWindow,
    Closing,
)
from restartmanager.errors import ProcessError, ProcessGoneError
from restartmanager.model import RestartBy, Signal
from restartmanager.rules.relaunch import by_entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from restartmanager.engine.close_methods import CloseMethod
    from restartmanager.engine.context import OperationContext
    from restartmanager.engine.recorder import StopRecorder
    from restartmanager.model import Application, Process, Recipe
    from restartmanager.model.answers import Answers
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.ports.applications import Conversations
    from restartmanager.rules.plan import ShutdownPlan


_log = logging.getLogger(__name__)


class Closer:
    """Closes the applications of one stage after the other.

    ``talks`` are the conversations of the vote, ``overridden`` the objections in it; ``plan`` says
    what applications are told, and whether what does not obey is killed.
    """

    def __init__(
        self,
        context: OperationContext,
        recorder: StopRecorder,
        talks: Conversations,
        overridden: Answers,
        plan: ShutdownPlan,
    ) -> None:
        self._context = context
        self._processes = context.processes
        self._clock = context.clock
        self._limits = context.limits
        self._recorder = recorder
        self._overridden = overridden
        self._force = force = plan.mode.force
        self._methods: tuple[CloseMethod, ...] = (
            CloseByChannel(context, recorder, talks, plan.end_reason),
            CloseByWindow(context, recorder, force=force),
            CloseBySignal(context, recorder),
        )

    def close(self, stage: Sequence[Application]) -> None:
        """Close these applications; the recorder has what became of each.

        Raises OperationCancelledError when it was called off.
        """
        closings = [self._prepare(application) for application in stage]
        try:
            self._recorder.write([closing.entry for closing in closings])
            self._ask([closing for closing in closings if not closing.absent])
            pending = [closing for closing in closings if not self._finish_if_over(closing)]
            while pending:
                self._recorder.check_cancelled()
                self._wait(pending)
                pending = [closing for closing in pending if not self._finish_if_over(closing)]
        finally:
            for closing in closings:
                for handle in closing.handles.values():
                    handle.close()

    def _prepare(self, application: Application) -> Closing:
        """Take hold of its processes, and note how to bring it back while that can be seen."""
        handles = {}
        for process in application.processes:
            try:
                handles[process.identity] = self._processes.open(process.identity)
            except ProcessGoneError:
                _log.debug("process %d is already gone", process.pid)
        application, recipe = _with_recipe(self._context, application)
        entry = self._recorder.intend(application, recipe=recipe)
        deadline = self._clock.monotonic() + self._limits.application_s
        closing = Closing(entry, deadline, handles, absent=not handles)
        main = application.main_process
        if main is not None and main.identity in self._overridden:
            closing.remark = f"overridden: {self._overridden[main.identity].words}"
        return closing

    def _ask(self, closings: Sequence[Closing]) -> None:
        """The polite request, on the best method that leads to each."""
        left = list(closings)
        for method in self._methods:
            left = method.take(left)
            self._recorder.check_cancelled()

    def _wait(self, pending: Sequence[Closing]) -> None:
        """Sleep until a process exits, a deadline passes or somebody cancels; then insist."""
        handles = [handle for closing in pending for handle in closing.handles.values()]
        until = min(closing.next_event() for closing in pending)
        gone = self._processes.wait(handles, until, self._context.cancel)
        now = self._clock.monotonic()
        for closing in pending:
            self._forget(closing, gone, now)
            self._insist(closing, now)

    def _forget(self, closing: Closing, gone: Iterable[UniqueProcess], now: float) -> None:
        leader = closing.leader
        for identity in closing.handles.keys() & set(gone):
            closing.handles.pop(identity).close()
            if leader is not None and identity == leader.identity and not closing.killed:
                closing.remind_at = now + self._limits.helpers_s

    def _insist(self, closing: Closing, now: float) -> None:
        if now >= closing.remind_at:
            closing.remind_at = math.inf
            closing.signal_all(Signal.TERMINATE)
        if now >= closing.signal_at:
            closing.ask_by_signal()
        if now < closing.deadline or not self._force:
            return
        if not closing.signalled:
            closing.deadline = now + self._limits.helpers_s
            closing.ask_by_signal()
        elif not closing.killed:
            message = "did not exit in time, killed"
            self._recorder.say(closing.application, message, self._limits.kill_s)
            closing.killed = True
            closing.signal_at = closing.remind_at = math.inf
            closing.deadline = now + self._limits.kill_s
            closing.signal_all(Signal.KILL)

    # -- outcomes ------------------------------------------------------------------------------

    def _finish_if_over(self, closing: Closing) -> bool:
        if not self._is_over(closing):
            return False
        if closing.handles:
            self._recorder.not_stopped(closing.entry, self._complaint(closing))
        elif closing.absent:
            self._recorder.gone(closing.entry)
        else:
            killed = "killed, for it did not exit in time" if closing.killed else ""
            self._recorder.stopped(closing.entry, _joined(killed, closing.remark))
        return True

    def _is_over(self, closing: Closing) -> bool:
        if not closing.handles or closing.complaint:
            return True
        out_of_time = self._clock.monotonic() >= closing.deadline
        return out_of_time and (closing.killed or not self._force)

    def _complaint(self, closing: Closing) -> str:
        still = ", ".join(str(identity) for identity in closing.handles)
        late = f"did not exit within {self._limits.application_s:g} seconds (process {still})"
        return _joined(closing.complaint or late, self._question(closing), closing.remark)

    def _question(self, closing: Closing) -> str:
        """What an application that was asked to close its windows asks its user."""
        if not closing.by_window or closing.leader is None:
            return ""
        deadline = self._clock.monotonic() + self._limits.answer_s
        found = self._context.screens.find([closing.leader], deadline, self._context.cancel)
        dialogs = [title for windows in found.values() for title in windows.dialogs]
        return f"it asks its user: {', '.join(dialogs)}" if dialogs else ""


def _joined(*words: str) -> str:
    return "; ".join(filter(None, words))


# -- recipes -----------------------------------------------------------------------------------


def _with_recipe(
    context: OperationContext, application: Application
) -> tuple[Application, Recipe | None]:
    """The application and the recipe to start it again; where there can be none, the application
    says why."""
    main = application.main_process
    if main is None:
        return application, None
    try:
        return application, _recipe(context, main, application.restart_by)
    except ProcessError as error:
        return replace(application, restart_by=RestartBy.NONE, reason=str(error)), None


def _recipe(context: OperationContext, main: Process, how: RestartBy) -> Recipe | None:
    processes = context.processes
    match how:
        case RestartBy.REGISTERED:
            return processes.recipe(main, processes.registration(main))
        case RestartBy.COMMAND:
            return processes.recipe(main, None)
        case RestartBy.DESKTOP:
            entry = context.entries.find(main)
            if entry is None:
                raise ProcessError("Its desktop entry has gone.")
            return by_entry(processes.recipe(main, None), entry)
        case _:
            return None
