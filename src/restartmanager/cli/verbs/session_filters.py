"""``restartctl session filter``: what must not be closed, or not be brought back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, ClassVar, TypedDict, TypeVar

import click

from restartmanager.cli.commands import Command, LazyGroup, Part, examples
from restartmanager.cli.options import PATH, json_option, key_argument, process_number

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from restartmanager.model import Filter
    from restartmanager.model.identity import UniqueProcess


_Function = TypeVar("_Function", bound="Callable[..., Any]")


class _Target(TypedDict, total=False):
    executable: str
    process: UniqueProcess
    service: str


class _Filters(LazyGroup):
    parts: ClassVar = {
        "add": Part("session_filters:add", "Exclude a program, a process or a service."),
        "remove": Part("session_filters:remove", "Take a filter back."),
        "list": Part("session_filters:list_filters", "List the filters."),
    }


@examples(
    (
        "Never close the database:",
        "restartctl session filter add --no-shutdown --service postgresql.service",
    ),
    ("Which filters are there?", "restartctl session filter list"),
)
@click.group("filter", cls=_Filters, options_metavar="")
def filters() -> None:
    """Exclude something from being closed, or from being brought back."""


def _target_options(function: _Function) -> _Function:
    for decorate in (
        click.option("--service", "-s", metavar="NAME", help="A service."),
        click.option("--pid", "-p", type=process_number, metavar="PID", help="A process."),
        click.option(
            "--executable", "-x", type=PATH, help="A program by its path (not the locked file's)."
        ),
    ):
        function = decorate(function)
    return function


@examples(
    ("Leave this program alone:", "restartctl session filter add --no-shutdown -x /usr/bin/mpv"),
    ("Close it, and leave it closed:", "restartctl session filter add --no-restart --pid 812"),
)
@click.command(cls=Command)
@key_argument
@_target_options
@click.option("--no-shutdown", "action", flag_value="no-shutdown", help="Do not close it.")
@click.option("--no-restart", "action", flag_value="no-restart", help="Do not bring it back.")
def add(
    key: str, *, executable: str | None, pid: int | None, service: str | None, action: str | None
) -> int:
    """Exclude one program, process or service.

    A later filter on the same target takes the place of the earlier one. What is not closed does
    not stand in the way of a shutdown.
    """
    from restartmanager.api.sessions import open_session
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.model import FilterAction

    if action is None:
        raise click.UsageError("Give --no-shutdown or --no-restart.")
    meant = FilterAction[action.upper().replace("-", "_")]
    open_session(key).add_filter(meant, **_target(executable, pid, service))
    return ExitCode.DONE


@examples(("No longer exclude it:", "restartctl session filter remove -x /usr/bin/mpv"))
@click.command(cls=Command)
@key_argument
@_target_options
def remove(key: str, *, executable: str | None, pid: int | None, service: str | None) -> int:
    """Take back the filter on one program, process or service.

    Exit status: 0 done, 1 there is none.
    """
    from restartmanager.api.sessions import open_session
    from restartmanager.cli.exitcodes import ExitCode

    open_session(key).remove_filter(**_target(executable, pid, service))
    return ExitCode.DONE


@examples(("Which filters are there?", "restartctl session filter list"))
@click.command("list", cls=Command)
@key_argument
@json_option
def list_filters(key: str, *, as_json: bool) -> int:
    """List the filters of a session, oldest first."""
    from restartmanager.api.sessions import open_session
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.output.console import Console
    from restartmanager.cli.output.text import table
    from restartmanager.model.escaping import escape

    found = open_session(key).filters()
    out = Console(sys.stdout)
    if as_json:
        from restartmanager.cli.output.json_documents import dumps, filters_document

        out.say(dumps(filters_document(found)))
    elif not found:
        out.say("No filters.")
    else:
        rows = [_row(item) for item in found]
        cells = [[escape(cell) for cell in row] for row in rows]
        out.lines(table(("WHAT", "TARGET", "EXCLUDED FROM"), cells, out.look.width))
    return ExitCode.DONE


def _row(item: Filter) -> tuple[str, str, str]:
    from restartmanager.model import FilterAction

    stopping = item.action is FilterAction.NO_SHUTDOWN
    excluded = "being closed" if stopping else "being brought back"
    return item.trigger.name.lower(), str(item.target), excluded


def _target(executable: str | None, pid: int | None, service: str | None) -> _Target:
    """The one target as the library wants it; it says itself when there is not exactly one."""
    from restartmanager.model.identity import UniqueProcess

    target = _Target()
    if executable is not None:
        target["executable"] = executable
    if pid is not None:
        target["process"] = UniqueProcess.of(pid)
    if service is not None:
        target["service"] = service
    return target
