"""``restartctl stale``: what runs replaced code, and what would cure it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Literal

import click

from restartmanager.cli.commands import Command, examples
from restartmanager.cli.options import relaunch_option, shape_options

if TYPE_CHECKING:
    from restartmanager.cli.options import Shape
    from restartmanager.model import Affected


@examples(
    ("What still runs the old version, after an update?", "restartctl stale"),
    ("Restart it, services by their managers:", "restartctl stale --restart"),
    ("What would that restart?", "restartctl stale --restart --dry-run"),
    ("Service by service:", "restartctl stale --tree --by service"),
    ("Why is something not listed?", "restartctl stale --ignored"),
    ("What does it take? For a fleet:", "restartctl stale --json | jq -r .required"),
)
@click.command(cls=Command)
@click.option("--ignored", is_flag=True, help="Show also what the policy leaves out, and why.")
@click.option("--restart", is_flag=True, help="Restart what can be restarted.")
@click.option("--dry-run", "-n", is_flag=True, help="With --restart: only say what it would do.")
@click.option("--yes", "-y", is_flag=True, help="With --restart: do not ask, also on a terminal.")
@click.option("--force", is_flag=True, help="With --restart: kill what does not exit in time.")
@relaunch_option
@shape_options
def stale(  # noqa: PLR0913 - each is one independent wish
    *,
    ignored: bool,
    restart: bool,
    dry_run: bool,
    yes: bool,
    force: bool,
    relaunch: Literal["registered", "all"],
    as_json: bool,
    shape: Shape | None,
) -> int:
    """Say what runs code that was replaced since it was started, and what would cure it.

    Programs, libraries and scripts count, and a kernel that waits for a reboot. Processes of other
    users can be seen by root only; the last line says how many could not be looked into.

    With --restart, services are restarted or reloaded by their managers, programs that registered
    for it are closed and brought back, and a service manager runs its own program anew. What
    cannot be stopped, or would stay closed, is left alone. On a terminal it asks first.

    Exit status: 0 nothing to do, or nothing is left; 1 something runs replaced code; 3 something
    that was to be restarted did not come back, or still runs it.
    """
    from restartmanager.api import questions
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.output.console import Console

    if not restart and (dry_run or yes or force):
        raise click.UsageError("--dry-run, --yes and --force go with --restart.")
    if shape is not None:
        if restart or ignored:
            raise click.UsageError(
                "--tree, --by, --lines and --watch go without --restart and --ignored."
            )
        affected = _shown(shape)
        return ExitCode.NO if affected.applications else ExitCode.DONE
    affected = questions.stale()
    if restart and affected.applications:
        return _restart(relaunch, dry_run=dry_run, yes=yes, force=force, as_json=as_json)
    out = Console(sys.stdout)
    if as_json:
        from restartmanager.cli.output.json_documents import affected_document, dumps

        out.say(dumps(affected_document(affected)))
    else:
        from restartmanager.cli.output.render import reservations
        from restartmanager.cli.output.stale import ignored_lines, stale_lines

        if ignored:
            out.lines([*ignored_lines(affected.ignored, out.look), ""])
        out.lines(stale_lines(affected, out.look))
        notes = Console(sys.stderr)
        notes.lines(reservations(affected, notes.look, root=os.geteuid() == 0))
    return ExitCode.NO if affected.applications else ExitCode.DONE


def _shown(shape: Shape) -> Affected:
    """Ask, and show the answer in that shape."""
    from restartmanager.api import questions
    from restartmanager.cli.output.shapes import View
    from restartmanager.cli.output.stale import run_words, stale_lines
    from restartmanager.cli.output.tree import Wording

    grouped = shape.tree or shape.by is not None
    nobody = "Nothing runs replaced code." if grouped else ""  # else it is the advice
    return View(Wording(run_words, "replaced"), stale_lines, nobody, shape).show(questions.stale)


def _restart(
    relaunch: Literal["registered", "all"],
    *,
    dry_run: bool,
    yes: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Say what will be restarted, ask, and do it."""
    from restartmanager.api import questions, sessions
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.output.console import Console, somebody_is_there
    from restartmanager.cli.output.stale import refresh_lines
    from restartmanager.cli.progress import act

    planned = questions.preview_refresh(relaunch=relaunch)
    if dry_run and as_json:
        from restartmanager.cli import preview

        preview.show(planned, as_json=True)
        return ExitCode.NO
    notes = Console(sys.stderr)
    notes.lines(refresh_lines(planned, notes.look))
    if dry_run or planned.idle:
        return ExitCode.NO
    if not yes and somebody_is_there() and not notes.agreed("Go on?"):
        notes.say("Nothing was restarted.")
        return ExitCode.NO
    with sessions.start_session() as session:
        act(
            "refresh",
            session,
            lambda on_event: session.refresh(
                everything=True, force=force, relaunch=relaunch, on_event=on_event
            ),
            force=force,
            as_json=as_json,
        )
    return ExitCode.NO if questions.stale().applications else ExitCode.DONE
