"""``restartctl stale``: what runs replaced code, and what would cure it."""

from __future__ import annotations

import os
import sys

import click

from restartmanager.cli.commands import Command, examples
from restartmanager.cli.params import json_option

__all__ = ["stale"]


@examples(
    ("What still runs the old version, after an update?", "restartctl stale"),
    ("Why is something not listed?", "restartctl stale --ignored"),
    ("What does it take? For a fleet:", "restartctl stale --json | jq -r .required"),
)
@click.command(cls=Command)
@click.option("--ignored", is_flag=True, help="Show also what the policy leaves out, and why.")
@json_option
def stale(*, ignored: bool, as_json: bool) -> int:
    """Say what runs code that was replaced since it was started, and what would cure it.

    Programs, libraries and scripts count, and a kernel that waits for a reboot. Nothing is
    restarted. Processes of other users can be seen by root only; the last line says how many could
    not be looked into.

    Exit status: 0 nothing to do, 1 something runs replaced code.
    """
    from restartmanager import questions
    from restartmanager.cli.console import Console
    from restartmanager.cli.exitcodes import ExitCode

    affected = questions.stale()
    out = Console(sys.stdout)
    if as_json:
        from restartmanager.cli.jsonform import affected_document, dumps

        out.say(dumps(affected_document(affected)))
    else:
        from restartmanager.cli.render import reservations
        from restartmanager.cli.stale_view import ignored_lines, stale_lines

        if ignored:
            out.lines([*ignored_lines(affected.ignored, out.look), ""])
        out.lines(stale_lines(affected, out.look))
        notes = Console(sys.stderr)
        notes.lines(reservations(affected, notes.look, root=os.geteuid() == 0))
    return ExitCode.NO if affected.applications else ExitCode.DONE
