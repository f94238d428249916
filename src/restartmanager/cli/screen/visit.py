"""The transaction around the page: before it, the command after it, and bringing back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from restartmanager.cli.child import run_command
from restartmanager.cli.exitcodes import ExitCode, code_of
from restartmanager.cli.output.outcomes import outcome_lines
from restartmanager.cli.screen.app import FilesInUse
from restartmanager.cli.screen.session_work import Work
from restartmanager.cli.screen.words import left_lines
from restartmanager.cli.transaction import Transaction, Wishes
from restartmanager.errors import RestartManagerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.api.primary import PrimarySession
    from restartmanager.model import ResourceSpec


class Visit(Transaction):
    """One visit to the page, and one change; use it once."""

    def __init__(
        self, command: Sequence[str], relaunch: Literal["registered", "all"], *, force: bool
    ) -> None:
        super().__init__(command, Wishes(force=force, relaunch=relaunch))

    def _within(self, session: PrimarySession, spec: ResourceSpec) -> int:
        session.register(**spec._asdict())
        work = Work(session, self._wishes.relaunch)
        page = FilesInUse(work, command=self._command, force=self._wishes.force)
        with self._interrupts.postponed():
            self._show(page)
            if not page.agreed or self._interrupts.number is not None:
                return ExitCode.NOT_RUN if self._command else ExitCode.CANCELLED
            if not self._command:
                incomplete = any(outcome.failed for outcome in page.returned)
                return ExitCode.INCOMPLETE if incomplete else ExitCode.DONE
            status = run_command(self._command, {**os.environ, **session.environ()})
            return status if self._settle(work) else ExitCode.NOT_ALL_BACK

    def _show(self, page: FilesInUse) -> None:
        """Show the page, and leave behind what it has done, where people scroll back to."""
        with self._interrupts.meaning(page.interrupt):
            page.run(mouse=False)
        outcomes = (*page.closed, *page.returned)
        self._notes.lines(outcome_lines(outcomes, self._notes.look))
        if page.trouble is not None:
            raise page.trouble
        if page.return_code:
            raise RuntimeError("the page has failed")
        if page.agreed:
            self._notes.lines(left_lines(page.left, self._notes.look))
        elif not outcomes:
            self._notes.say("Nothing was closed.")

    def _settle(self, work: Work) -> bool:
        """Bring back what was closed, and restart what was to be restarted later."""
        try:
            with self._live() as live:
                outcomes = work.bring_back(live.show, force=self._wishes.force)
        except RestartManagerError as error:
            self._leave_for_recovery(error)
            return False
        self._notes.lines(outcome_lines(outcomes, self._notes.look))
        return not any(outcome.failed for outcome in outcomes)

    def _trouble(self, error: RestartManagerError) -> int:
        return super()._trouble(error) if self._command else code_of(error)
