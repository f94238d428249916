"""``restartctl doctor``: what can be done here, what is missing, and how to get it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from restartmanager.cli.commands import Command, examples
from restartmanager.cli.options import json_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.cli.output.console import Look
    from restartmanager.cli.output.records import Check


@examples(
    ("What does this machine lack?", "restartctl doctor"),
    ("For a fleet:", "restartctl doctor --json | jq '.checks[] | select(.ok | not)'"),
)
@click.command(cls=Command)
@json_option
def doctor(*, as_json: bool) -> int:
    """Say what this kernel, user and machine can do, what is missing, what that means, and how to
    get it. Nothing is changed.

    Exit status: 0 nothing essential is missing, 1 something is.
    """
    from restartmanager.cli.doctor.checks import all_checks
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.output.console import Console

    checks = all_checks()
    sound = all(check.ok for check in checks if check.essential)
    out = Console(sys.stdout)
    if as_json:
        from restartmanager.cli.output.json_documents import doctor_document, dumps

        out.say(dumps(doctor_document(checks, sound=sound)))
    else:
        out.lines(doctor_lines(checks, out.look, sound=sound))
    return ExitCode.DONE if sound else ExitCode.NO


def doctor_lines(checks: Sequence[Check], look: Look, *, sound: bool) -> list[str]:
    """One entry for each check: what was found and, where it is missing, what that means."""
    from restartmanager.cli.output.text import fill
    from restartmanager.model.escaping import escape

    lines = []
    for check in checks:
        failed = look.bad() if check.essential else look.neutral()
        mark = look.good() if check.ok else failed
        head, *rest = fill(f"{check.name}: {escape(check.finding)}", look.width, "  ", "    ")
        lines += [f"{mark} {head[2:]}", *rest]
        if not check.ok:
            lines += fill(escape(check.meaning), look.width, "    ")
            lines += fill(escape(check.remedy), look.width, "    hint: ") if check.remedy else []
    verdict = "Nothing essential is missing." if sound else "Something essential is missing."
    return [*lines, "", verdict]
