"""``restartctl ui``: the files in use as a page of the terminal, and what to do about each user."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Literal

import click

from restartmanager.cli.commands import Command, examples
from restartmanager.cli.options import NOTHING_TO_CHANGE, relaunch_option, resource_options

if TYPE_CHECKING:
    from restartmanager.cli.screen.visit import Visit
    from restartmanager.model import ResourceSpec


@examples(
    ("Choose what to close, then change the files yourself:", "restartctl ui --tree /opt/app"),
    (
        "Choose what to close while a command runs:",
        "restartctl ui --package libssl3 -- apt-get install libssl3",
    ),
)
@click.command(cls=Command, context_settings={"allow_interspersed_args": False})
@resource_options
@click.option("--force", is_flag=True, help="Begin with force: kill what does not exit in time.")
@relaunch_option
@click.argument("command", nargs=-1, metavar="[-- COMMAND...]", type=click.UNPROCESSED)
def ui(
    command: tuple[str, ...],
    *,
    spec: ResourceSpec,
    force: bool,
    relaunch: Literal["registered", "all"],
) -> int:
    """Show who uses these files on a page of the terminal, and choose what becomes of each.

    Each application can be closed and brought back afterwards, left alone, or restarted after the
    change. Then the command runs, or the page waits until you have changed the files. Everything
    is done with the keyboard; the page says which keys there are. It needs the package's extra
    'ui'.

    Exit status: as that of 'run'; without a command 0 done, 3 something did not come back, 7 called
    off.
    """
    from restartmanager.cli.verbs.run import tell_if_missing

    if not spec:
        raise click.UsageError(NOTHING_TO_CHANGE)
    _insist_on_a_terminal()
    status = tell_if_missing(command[0]) if command else None
    if status is not None:
        return status
    return _visit()(command, relaunch, force=force).carry_out(spec)


def _insist_on_a_terminal() -> None:
    from restartmanager.cli.output.console import somebody_is_there

    dumb = os.environ.get("TERM", "dumb") == "dumb"
    utf8 = (sys.stderr.encoding or "").lower().replace("-", "") == "utf8"
    if not somebody_is_there() or dumb or not utf8:
        raise click.UsageError(
            "The page needs a terminal that can move its cursor and show UTF-8. "
            "'restartctl run' does the same anywhere."
        )


def _visit() -> type[Visit]:
    from restartmanager.errors import RestartManagerError

    try:
        from restartmanager.cli.screen.visit import Visit
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"textual", "rich"}:
            raise
        raise RestartManagerError(
            "The page needs the package textual, which is not installed.",
            hint="pip install 'restartmanager[ui]', or use 'restartctl run', which asks less.",
        ) from None
    return Visit
