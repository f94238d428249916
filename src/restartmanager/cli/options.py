"""Arguments and options that several verbs share."""

from __future__ import annotations

import re
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import click

from restartmanager.api.settings import KEY_VARIABLE

if TYPE_CHECKING:
    import os
    from collections.abc import Callable


_Function = TypeVar("_Function", bound="Callable[..., Any]")


class _AnyPath(click.Path):
    """A path that shells complete, and that nobody looks at before the question is asked."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        """As it was given: the base class would look at the file, and do nothing about it."""
        del param, ctx
        return value


PATH = _AnyPath()
"""Any path, whether or not it exists: a file that is gone may still be in use."""

NOTHING_TO_CHANGE = "Nothing to change: give --file, --tree, --package, --service or --pid."

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_S = 366 * 86400


def process_number(text: str) -> int:
    """The number of a process, whether or not there is one; an option's type."""
    if not re.fullmatch(r"[1-9][0-9]{0,9}", text):
        raise click.BadParameter(f"{text!a} is no process number.")
    return int(text)


def seconds_of(context: click.Context, parameter: click.Parameter, value: str) -> float:
    """A length of time such as 90s, 30m, 24h, 2d or 1h30m, as seconds; an option's callback."""
    text = value.strip().lower()
    if not re.fullmatch(r"(\d{1,9}[smhd])+", text):
        message = f"{value!a} is no length of time; 90s, 30m, 24h and 1h30m are."
        raise click.BadParameter(message, context, parameter)
    seconds = sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)([smhd])", text))
    if not 0 < seconds <= _LONGEST_S:
        raise click.BadParameter(f"{text} is not between a second and a year.", context, parameter)
    return float(seconds)


def _given_key(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    """Whether it is the key of a session, the engine says."""
    del context, parameter
    if value is None or not value.strip():
        raise click.UsageError(f"There is no session key: give it, or set {KEY_VARIABLE}.")
    return value


def key_argument(function: _Function) -> _Function:
    """KEY, by default from the environment; an argument counts more than the environment."""
    return click.argument("key", required=False, envvar=KEY_VARIABLE, callback=_given_key)(function)


def json_option(function: _Function) -> _Function:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print a JSON document instead.")(
        function
    )


class Shape(NamedTuple):
    """How an answer is wanted that is not to be as usual. ``by`` is "service", "user", "file" or
    None; with ``interval_s`` it is asked for again and again."""

    tree: bool
    by: str | None
    lines: bool
    interval_s: float | None


def shape_options(function: _Function) -> _Function:
    """--json, --tree, --by, --lines, --watch and --interval: ``as_json``, and ``shape``, which is
    None where none of the others was given."""

    @wraps(function)
    def shaped(**given: object) -> object:
        interval_s = cast("float", given.pop("interval"))
        shape = Shape(
            bool(given.pop("tree")),
            cast("str | None", given.pop("by")),
            bool(given.pop("as_lines")),
            interval_s if given.pop("watched") else None,
        )
        if shape.lines and (shape.tree or shape.by):
            raise click.UsageError("--lines goes without --tree and --by.")
        if given["as_json"] and any(shape):
            raise click.UsageError("--json goes without --lines, --tree, --by and --watch.")
        return function(shape=shape if any(shape) else None, **given)

    return _all_of(
        cast("_Function", shaped),
        click.option("as_json", "--json", is_flag=True, help="Print a JSON document instead."),
        click.option(
            "as_lines",
            "--lines",
            is_flag=True,
            help="Print a line for each use, tabs between its fields, for scripts.",
        ),
        click.option("--tree", is_flag=True, help="Draw it as a tree: application, process, use."),
        click.option(
            "--by",
            type=click.Choice(["service", "user", "file"]),
            help="Group it by service, user or file.",
        ),
        click.option(
            "watched", "--watch", "-w", is_flag=True, help="Look again until it is interrupted."
        ),
        click.option(
            "--interval",
            callback=seconds_of,
            default="2s",
            show_default=True,
            metavar="DURATION",
            help="With --watch: how long from one look to the next.",
        ),
    )


def dry_run_option(function: _Function) -> _Function:
    """--dry-run."""
    return click.option("--dry-run", "-n", is_flag=True, help="Only say what would be done.")(
        function
    )


def package_option(function: _Function) -> _Function:
    """--package."""
    return click.option(
        "packages",
        "--package",
        multiple=True,
        metavar="NAME",
        help="An installed package (dpkg, rpm): all files that it owns.",
    )(function)


def relaunch_option(function: _Function) -> _Function:
    """--relaunch."""
    return click.option(
        "--relaunch",
        type=click.Choice(["registered", "all"]),
        default="registered",
        show_default=True,
        help="What comes back afterwards: services and what registered for it, or everything, "
        "by the command it was started with.",
    )(function)


def resource_options(function: _Function) -> _Function:
    """--file, --tree, --package, --service, --pid and --allow-missing: ``spec``, which is a
    ResourceSpec."""

    @wraps(function)
    def gathered(**given: Any) -> object:  # noqa: ANN401 - what click makes of the options
        from restartmanager.model.identity import UniqueProcess
        from restartmanager.model.resources import ResourceSpec

        spec = ResourceSpec(
            files=given.pop("files"),
            trees=given.pop("trees"),
            packages=given.pop("packages"),
            services=given.pop("services"),
            processes=tuple(UniqueProcess.of(pid) for pid in given.pop("pids")),
            allow_missing=given.pop("allow_missing"),
        )
        return function(spec=spec, **given)

    return _all_of(
        cast("_Function", gathered),
        click.option("files", "--file", "-f", multiple=True, type=PATH, help="A file to change."),
        click.option(
            "trees",
            "--tree",
            "-t",
            multiple=True,
            type=PATH,
            help="A directory below which anything may change.",
        ),
        package_option,
        click.option(
            "services", "--service", "-s", multiple=True, metavar="NAME", help="A service to stop."
        ),
        click.option(
            "pids",
            "--pid",
            "-p",
            multiple=True,
            type=process_number,
            metavar="PID",
            help="A process to stop.",
        ),
        click.option(
            "--allow-missing",
            is_flag=True,
            help="Files, directories, packages and services that only come with the change may be "
            "among them.",
        ),
    )


def mode_options(function: _Function) -> _Function:
    """--force, --partial, --leave-closed, --only-registered and --relaunch."""
    return _all_of(
        function,
        click.option("--force", is_flag=True, help="Kill what does not exit in time."),
        click.option(
            "--partial",
            is_flag=True,
            help="Close what can be closed, although something cannot, or could not come back.",
        ),
        click.option(
            "--leave-closed",
            is_flag=True,
            help="Close also what could not come back; it stays closed.",
        ),
        click.option(
            "--only-registered",
            is_flag=True,
            help="Close nothing unless everything would come back.",
        ),
        relaunch_option,
    )


def _all_of(function: _Function, *decorators: Callable[[_Function], _Function]) -> _Function:
    for decorate in reversed(decorators):
        function = decorate(function)
    return function
