"""Carry out a shutdown plan: a vote, then stage by stage, each in its own way.

Everything is written to the journal before it is asked to stop, and again when its outcome is
known. Nothing is rolled back: what was stopped is for restart to bring back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.asking import objections
from restartmanager.closing import Closer
from restartmanager.ledger import StopLedger
from restartmanager.plan import plan_after_vote
from restartmanager.progress import Progress
from restartmanager.service_stop import ServiceStopper
from restartmanager.vote import take_vote
from restartmanager.wire import EndReason

if TYPE_CHECKING:
    from restartmanager.asking import Answers, Conversations
    from restartmanager.equipment import Equipment
    from restartmanager.model import Outcome
    from restartmanager.plan import ShutdownMode, ShutdownPlan

__all__ = ["Shutdown"]


class Shutdown:
    """Carries out one plan; use it once.

    ``first_sequence`` is the number of the last entry that the journal already has.
    """

    def __init__(
        self, equipment: Equipment, mode: ShutdownMode, *, first_sequence: int = 0
    ) -> None:
        self._equipment = equipment
        self._mode = mode
        self._first_sequence = first_sequence

    def carry_out(self, plan: ShutdownPlan) -> tuple[Outcome, ...]:
        """Stop what is to be stopped; what became of each.

        Raises OperationCancelledError, with the outcomes so far, when it was called off.
        """
        self._equipment.reporter.report(Progress(0))
        ledger = StopLedger(self._equipment, len(plan), self._first_sequence)
        ledger.check_cancelled()
        voters = [app for stage in plan.stages for app in stage if app.service is None]
        leaders = [app.main_process for app in voters if app.main_process is not None]
        # Who agreed and was not told to exit is told to go on when the block is left.
        with self._equipment.channels.open(leaders) as talks:
            reason = EndReason.FORCED if self._mode.force else EndReason.UPDATE
            against = objections(take_vote(self._equipment, talks, voters, reason))
            ledger.check_cancelled()
            plan = plan_after_vote(plan, against, self._mode)
            self._close(plan, ledger, talks, against)
        self._equipment.reporter.report(Progress(100))
        return (*plan.skipped, *ledger.outcomes)

    def _close(
        self, plan: ShutdownPlan, ledger: StopLedger, talks: Conversations, overridden: Answers
    ) -> None:
        force = self._mode.force
        closer = Closer(self._equipment, ledger, talks, overridden, force=force)
        stopper = ServiceStopper(self._equipment, ledger, force=force)
        for stage in plan.stages:
            services = [app for app in stage if app.service is not None]
            others = [app for app in stage if app.service is None]
            for applications, work in ((others, closer.close), (services, stopper.stop)):
                if applications:
                    ledger.check_cancelled()
                    work(applications)
