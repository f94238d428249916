"""The closer: applications that are processes are asked, waited for, and perhaps killed.

All applications of a stage are closed side by side. Each is written to the journal before it is
asked anything, and again when its outcome is known. ``close_methods`` has the ways of asking,
``close_phases`` what follows when an application does not exit.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from restartmanager.engine.close_methods import CloseByChannel, CloseBySignal, CloseByWindow
from restartmanager.engine.close_phases import (
    AskedByWindow,
    Closing,
    Killed,
    Refused,
    Signalled,
    Unasked,
)
from restartmanager.engine.recipes import with_recipe
from restartmanager.errors import ProcessGoneError
from restartmanager.rules.plan import must_come_back
from restartmanager.rules.relaunch import why_closed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.engine.close_methods import CloseMethod
    from restartmanager.engine.context import OperationContext
    from restartmanager.engine.recorder import StopRecorder
    from restartmanager.model import Application
    from restartmanager.model.answers import Answers
    from restartmanager.ports.applications import Conversations
    from restartmanager.rules.plan import ShutdownPlan


_log = logging.getLogger(__name__)


class Closer:
    """A closer of applications, which takes one stage after the other.

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
        self._mode = plan.mode
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
            asked = [one for one in closings if one.handles and one.phase == Unasked()]
            self._context.audit.closing([one.entry for one in asked])
            self._ask(asked)
            pending = [closing for closing in closings if not self._finish_if_over(closing)]
            while pending:
                self._recorder.check_cancelled()
                self._wait(pending)
                pending = [closing for closing in pending if not self._finish_if_over(closing)]
        finally:
            for closing in closings:
                closing.release()

    def _prepare(self, application: Application) -> Closing:
        """The application with holds on its processes, and with its recipe as it is now."""
        handles = {}
        for process in application.processes:
            try:
                handles[process.identity] = self._processes.open(process.identity)
            except ProcessGoneError:
                _log.debug("process %d is already gone", process.pid)
        entries = self._context.entries
        application, recipe = with_recipe(
            application, self._processes, self._context.services, entries
        )
        entry = self._recorder.intend(application, recipe=recipe)
        closing = Closing(entry, handles)
        if handles and application.restart_obstacle and must_come_back(application, self._mode):
            closing.refuse(f"left open: {why_closed(application)}")
        main = application.main_process
        if main is not None and main.identity in self._overridden:
            closing.remark = f"overridden: {self._overridden[main.identity].words}"
        return closing

    def _ask(self, closings: Sequence[Closing]) -> None:
        """Ask each application by the politest method that reaches it."""
        left = list(closings)
        for method in self._methods:
            left = method.take(left)
            self._recorder.check_cancelled()

    def _wait(self, pending: Sequence[Closing]) -> None:
        """Sleep until a process exits, something is due or somebody cancels; then act."""
        handles = [handle for closing in pending for handle in closing.handles.values()]
        until = min(closing.next_event for closing in pending)
        gone = self._processes.wait(handles, until, self._context.cancel)
        now = self._clock.monotonic()
        for closing in pending:
            for identity in closing.handles.keys() & gone:
                closing.exited(identity, now + self._limits.helpers_s)
            if closing.handles:
                self._advance(closing, now)

    def _advance(self, closing: Closing, now: float) -> None:
        """Do what is due for one application by now."""
        if now >= closing.remind_at:
            closing.remind_helpers()
        while now >= closing.phase.deadline:
            match closing.phase.following(now, self._limits, force=self._force):
                case Signalled() as phase:
                    closing.signal(phase)
                case Killed() as phase:
                    message = "did not exit in time, killed"
                    self._recorder.say(closing.application, message, self._limits.kill_s)
                    closing.kill(phase)
                case None:
                    return

    # -- outcomes ------------------------------------------------------------------------------

    def _finish_if_over(self, closing: Closing) -> bool:
        if not closing.is_over(self._clock.monotonic(), self._limits, force=self._force):
            return False
        if closing.handles:
            complaint = self._complaint(closing)
            self._recorder.not_stopped(closing.entry, complaint, asked=closing.asked)
            return True
        match closing.phase:
            case Unasked():
                self._recorder.gone(closing.entry)
            case Killed():
                message = "killed, for it did not exit in time"
                self._recorder.stopped(closing.entry, _joined(message, closing.remark))
            case _:
                self._recorder.stopped(closing.entry, closing.remark)
        return True

    def _complaint(self, closing: Closing) -> str:
        """The reason why the application still runs."""
        if isinstance(closing.phase, Refused):
            return _joined(closing.phase.why, closing.remark)
        still = ", ".join(str(identity) for identity in closing.handles)
        late = f"did not exit within {self._limits.application_s:g} seconds (process {still})"
        return _joined(late, self._question(closing), closing.remark)

    def _question(self, closing: Closing) -> str:
        """The question that an application asks its user after its windows were asked to close."""
        if not isinstance(closing.phase, AskedByWindow) or closing.leader is None:
            return ""
        deadline = self._clock.monotonic() + self._limits.answer_s
        found = self._context.screens.find([closing.leader], deadline, self._context.cancel)
        dialogs = [title for windows in found.values() for title in windows.dialogs]
        return f"it asks its user: {', '.join(dialogs)}" if dialogs else ""


def _joined(*words: str) -> str:
    return "; ".join(filter(None, words))
