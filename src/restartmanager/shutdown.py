"""Carry out a shutdown plan: stage by stage, applications and services each in their own way.

Everything is written to the journal before it is asked to stop, and again when its outcome is
known. Nothing is rolled back: what was stopped is for restart to bring back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.closing import Closer
from restartmanager.ledger import StopLedger
from restartmanager.progress import Progress
from restartmanager.service_stop import ServiceStopper

if TYPE_CHECKING:
    from restartmanager.equipment import Equipment
    from restartmanager.model import Outcome
    from restartmanager.plan import ShutdownPlan

__all__ = ["Shutdown"]


class Shutdown:
    """Carries out one plan; use it once.

    ``first_sequence`` is the number of the last entry that the journal already has.
    """

    def __init__(self, equipment: Equipment, *, force: bool, first_sequence: int = 0) -> None:
        self._equipment = equipment
        self._force = force
        self._first_sequence = first_sequence

    def carry_out(self, plan: ShutdownPlan) -> tuple[Outcome, ...]:
        """Stop what is to be stopped; what became of each.

        Raises OperationCancelledError, with the outcomes so far, when it was called off.
        """
        reporter = self._equipment.reporter
        ledger = StopLedger(self._equipment, len(plan), self._first_sequence)
        closer = Closer(self._equipment, ledger, force=self._force)
        stopper = ServiceStopper(self._equipment, ledger, force=self._force)
        reporter.report(Progress(0))
        for stage in plan.stages:
            services = [app for app in stage if app.service is not None]
            others = [app for app in stage if app.service is None]
            for applications, work in ((others, closer.close), (services, stopper.stop)):
                if applications:
                    ledger.check_cancelled()
                    work(applications)
        reporter.report(Progress(100))
        return (*plan.skipped, *ledger.outcomes)
