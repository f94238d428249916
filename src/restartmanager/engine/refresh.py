"""The refresh: after a change, what uses old files is restarted where it stands.

Applications are closed, services restarted in one step each, and the applications brought back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.engine.restart import Restart
from restartmanager.engine.shutdown import Shutdown
from restartmanager.model import Outcome, Result, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from restartmanager.engine.context import OperationContext
    from restartmanager.engine.inspector import Stale
    from restartmanager.model import Application, Filter
    from restartmanager.model.journal import JournalEntry
    from restartmanager.rules.plan import RefreshPlan


class Refresh:
    """One refresh; use it once. ``read_journal`` has what was written so far, ``find_stale`` looks
    who still uses old files."""

    def __init__(
        self,
        context: OperationContext,
        *,
        read_journal: Callable[[], Sequence[JournalEntry]],
        find_stale: Callable[[], Stale],
        filters: Sequence[Filter],
    ) -> None:
        self._context = context
        self._read_journal = read_journal
        self._find_stale = find_stale
        self._filters = filters

    def carry_out(self, plan: RefreshPlan) -> tuple[Outcome, ...]:
        """Carry out a plan; what became of each application, in the end.

        Raises OperationCancelledError when it was called off; what is still owed stays owed.
        """
        first = self._last_sequence()
        closing = Shutdown(self._context, first_sequence=first).carry_out(plan.closing)
        outcomes = [outcome for outcome in closing if outcome.result is not Result.DONE]
        outcomes += self._reexecuted(plan.managers)
        restart = Restart(self._context, find_stale=self._find_stale, filters=self._filters)
        if plan.services:
            outcomes += restart.renew(plan.services, self._last_sequence())
        closed = [entry for entry in self._read_journal() if entry.application.service is None]
        outcomes += restart.carry_out(closed)
        return tuple(_latest(outcomes))

    def _reexecuted(self, managers: Iterable[Application]) -> list[Outcome]:
        """Have service managers run their program anew, and see whether the old one is gone."""
        outcomes = []
        for application in managers:
            main = application.main_process
            user = None if main is None or main.pid == 1 else main.uid
            trouble = self._context.services.reexecute(user)
            if not trouble and main is not None and main.pid in self._find_stale().pids:
                trouble = "it still uses the old files"
            result = Result.FAILED if trouble else Result.DONE
            message = trouble or "it runs its program anew"
            outcomes.append(Outcome(application, Step.START, result, message))
        return outcomes

    def _last_sequence(self) -> int:
        return max((entry.sequence for entry in self._read_journal()), default=0)


def _latest(outcomes: Iterable[Outcome]) -> Iterable[Outcome]:
    """The last outcome of each application."""
    return {outcome.application.key: outcome for outcome in outcomes}.values()
