"""Carrying out a shutdown or a restart with somebody watching."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from restartmanager.cli.interrupts import Interrupts
from restartmanager.cli.output.console import Console
from restartmanager.cli.output.live import Live
from restartmanager.cli.output.outcomes import outcome_lines
from restartmanager.errors import ActionError, OperationCancelledError, RebootNeededError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from restartmanager.api.primary import PrimarySession
    from restartmanager.model import Outcome
    from restartmanager.model.progress import Progress

    Work = Callable[[Callable[[Progress], object]], Sequence[Outcome]]


def recover_first() -> None:
    """What starting a session does anyway, but with a word about what came back."""
    from restartmanager.api import sessions
    from restartmanager.cli.output.console import Console
    from restartmanager.cli.output.outcomes import outcome_lines

    outcomes = sessions.recover()
    if outcomes:
        notes = Console(sys.stderr)
        notes.say("An earlier installer died and left these closed:")
        notes.lines(outcome_lines(outcomes, notes.look))


_NOTHING = {
    "shutdown": "Nothing had to be closed.",
    "refresh": "Nothing had to be restarted.",
}


def act(
    operation: str,
    session: PrimarySession,
    work: Work,
    *,
    force: bool = False,
    as_json: bool = False,
) -> None:
    """Do the work, show its progress on standard error and what became of each application on
    standard output. A signal calls it off. What it raises is raised again after the outcomes were
    shown."""
    live = Live(Console(sys.stderr), force=force)
    with Interrupts() as interrupts, interrupts.cancelling(session) as cancel_if_asked:

        def event(progress: Progress) -> None:
            live.show(progress)
            cancel_if_asked(progress)

        try:
            with live:
                outcomes = work(event)
        except (ActionError, OperationCancelledError) as error:
            _show(operation, error.outcomes, error, as_json=as_json)
            raise
    _show(operation, outcomes, None, as_json=as_json)


def _show(
    operation: str, outcomes: Sequence[Outcome], error: Exception | None, *, as_json: bool
) -> None:
    out = Console(sys.stdout)
    if as_json:
        from restartmanager.cli.output.json_documents import dumps, outcomes_document

        out.say(dumps(outcomes_document(operation, outcomes, error)))
        return
    if isinstance(error, RebootNeededError):
        return  # its sentence names them all
    out.lines(outcome_lines(outcomes, out.look))
    if not outcomes and error is None:
        out.say(_NOTHING.get(operation, "Nothing was closed."))
