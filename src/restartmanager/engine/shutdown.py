"""The shutdown: a vote, then stage by stage, services and other applications each in their way.

Everything is written to the journal before it is asked to stop, and again when its outcome is
known. Nothing is rolled back: what was stopped is for restart to bring back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.engine.close import Closer
from restartmanager.engine.recorder import StopRecorder
from restartmanager.engine.service_stop import ServiceStopper
from restartmanager.model import AppType
from restartmanager.model.answers import Answer, AnswerKind, objections
from restartmanager.model.progress import Progress
from restartmanager.rules.plan import plan_after_vote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.engine.context import OperationContext
    from restartmanager.model import Application, Outcome, Process
    from restartmanager.model.answers import Answers, EndReason
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.ports.applications import Conversations
    from restartmanager.rules.plan import ShutdownPlan

_WITH_WINDOWS = {AppType.MAIN_WINDOW, AppType.OTHER_WINDOW}
_ANSWERED = {AnswerKind.YES, AnswerKind.NO}
_HEARD = _ANSWERED | {AnswerKind.HUNG, AnswerKind.DIED}


def take_vote(
    context: OperationContext,
    talks: Conversations,
    applications: Sequence[Application],
    reason: EndReason,
) -> Answers:
    """The answers of these applications to the question whether they may be closed, by leader.

    An application that cannot be asked and whose windows hang, or that was suspended, counts as one
    that does not answer. When the operation is cancelled, the answers mean nothing.
    """
    deadline = context.clock.monotonic() + context.limits.answer_s
    answers = dict(talks.query(reason, deadline, context.cancel))
    silent = [
        app.main_process
        for app in applications
        if app.type in _WITH_WINDOWS
        and app.main_process is not None
        and answers[app.main_process.identity].kind not in _HEARD
    ]
    return answers | _hanging(context, silent) | _suspended(context, applications, answers)


def _hanging(
    context: OperationContext, processes: Sequence[Process]
) -> dict[UniqueProcess, Answer]:
    if not processes or context.cancel.cancelled:
        return {}
    deadline = context.clock.monotonic() + context.limits.answer_s
    found = context.screens.find(processes, deadline, context.cancel)
    hung = Answer(AnswerKind.HUNG, "its windows do not respond")
    return {identity: hung for identity, windows in found.items() if windows.responds is False}


def _suspended(
    context: OperationContext, applications: Sequence[Application], answers: Answers
) -> dict[UniqueProcess, Answer]:
    leaders = [app.main_process.identity for app in applications if app.main_process is not None]
    silent = [leader for leader in leaders if answers[leader].kind not in _ANSWERED]
    reasons = {leader: context.processes.suspended(leader) for leader in silent}
    return {leader: Answer(AnswerKind.HUNG, why) for leader, why in reasons.items() if why}


class Shutdown:
    """One shutdown; use it once.

    ``first_sequence`` is the number of the last entry that the journal already has.
    """

    def __init__(self, context: OperationContext, *, first_sequence: int) -> None:
        self._context = context
        self._first_sequence = first_sequence

    def carry_out(self, plan: ShutdownPlan) -> tuple[Outcome, ...]:
        """Carry out a plan; what became of each application.

        Raises OperationCancelledError, with the outcomes so far, when it was called off.
        """
        self._context.reporter.report(Progress(0))
        recorder = StopRecorder(self._context, len(plan), self._first_sequence)
        recorder.check_cancelled()
        voters = [app for stage in plan.stages for app in stage if app.service is None]
        leaders = [app.main_process for app in voters if app.main_process is not None]
        # Who agreed and was not told to exit is told to go on when the block is left.
        with self._context.channels.open(leaders) as talks:
            against = objections(take_vote(self._context, talks, voters, plan.end_reason))
            recorder.check_cancelled()
            plan = plan_after_vote(plan, against)
            self._close(plan, recorder, talks, against)
        self._context.reporter.report(Progress(100))
        return (*plan.settled, *recorder.outcomes)

    def _close(
        self, plan: ShutdownPlan, recorder: StopRecorder, talks: Conversations, overridden: Answers
    ) -> None:
        closer = Closer(self._context, recorder, talks, overridden, plan)
        stopper = ServiceStopper(self._context, recorder, force=plan.mode.force)
        for stage in plan.stages:
            services = [app for app in stage if app.service is not None]
            others = [app for app in stage if app.service is None]
            for applications, work in ((others, closer.close), (services, stopper.stop)):
                if applications:
                    recorder.check_cancelled()
                    work(applications)
