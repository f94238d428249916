"""``restartctl recover``: bring back what dead installers left stopped."""

from __future__ import annotations

import sys

import click

from restartmanager.cli.commands import Command, examples
from restartmanager.cli.options import dry_run_option, json_option


@examples(
    ("An update was killed half way:", "restartctl recover"),
    ("What would that bring back?", "restartctl recover --dry-run"),
    ("At boot, from a unit:", "restartctl recover --json"),
)
@click.command(cls=Command)
@dry_run_option
@json_option
def recover(*, dry_run: bool, as_json: bool) -> int:
    """Bring back what an installer left closed that died, or whose session has expired.

    The next session does so, too; this is for those who do not want to wait for one.

    Exit status: 0 all is back, or nothing was left closed; 3 something did not come back.
    """
    from restartmanager.api import sessions
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.output.console import Console
    from restartmanager.cli.output.outcomes import outcome_lines
    from restartmanager.errors import RestartError

    if dry_run:
        from restartmanager.api.journal import preview_recovery
        from restartmanager.cli import preview

        preview.show(preview_recovery(), as_json=as_json)
        return ExitCode.DONE
    outcomes = sessions.recover()
    error = RestartError(outcomes) if any(outcome.failed for outcome in outcomes) else None
    out = Console(sys.stdout)
    if as_json:
        from restartmanager.cli.output.json_documents import dumps, outcomes_document

        out.say(dumps(outcomes_document("recover", outcomes, error)))
    elif not outcomes:
        out.say("Nothing was left closed.")
    else:
        out.lines(outcome_lines(outcomes, out.look))
    if error is not None:
        raise error
    return ExitCode.DONE
