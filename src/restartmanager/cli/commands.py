"""How verbs are put together: loaded when they are asked for, with examples in their help.

``restartctl --help`` lists names and one line each from a table, so that it imports no verb; and a
verb imports what it needs inside its function, so that ``--help`` of a verb imports nothing more.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

import click

from restartmanager.cli.output.text import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

from typing import TYPE_CHECKING

NAME = "restartctl"


COMPLETION_VARIABLE = "_RESTARTCTL_COMPLETE"
"""In which the script of ``restartctl completion`` says what it wants to know."""


_OPTIONS_WIDTH = 30
_AnyCommand = TypeVar("_AnyCommand", bound="Command | LazyGroup")


class Part(NamedTuple):
    """Where a verb is found, ``module:attribute``, and what it does in one line."""

    home: str
    summary: str


class Command(click.Command):
    """A verb whose help ends with examples."""

    examples: tuple[tuple[str, str], ...] = ()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let every complaint about the arguments know which verb they were for."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options, on a narrow terminal with less room for them than for their meaning."""
        options = [item for item in self.get_params(ctx) if isinstance(item, click.Option)]
        records = [option.get_help_record(ctx) for option in options]
        with formatter.section("Options"):
            formatter.write_dl(
                [record for record in records if record is not None],
                col_max=_OPTIONS_WIDTH if formatter.width >= 2 * _OPTIONS_WIDTH else 16,
            )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the options."""
        del ctx
        _write_examples(formatter, self.examples)


class LazyGroup(click.Group):
    """A group of verbs that are imported when they are called, and not before."""

    parts: ClassVar[Mapping[str, Part]] = {}
    examples: tuple[tuple[str, str], ...] = ()

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table: that of a session's life."""
        del ctx
        return list(self.parts)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb; None when there is none of that name."""
        del ctx
        part = self.parts.get(cmd_name)
        if part is None:
            return None
        module, _, attribute = part.home.partition(":")
        command = getattr(import_module(f"restartmanager.cli.verbs.{module}"), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - a mistake in our own table
        command.short_help = part.summary  # what shells show where they complete it
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from the table."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, part.summary) for name, part in self.parts.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the verbs."""
        del ctx
        _write_examples(formatter, self.examples)


def examples(*pairs: tuple[str, str]) -> Callable[[_AnyCommand], _AnyCommand]:
    """Give a command its examples: what each is for (nothing: more of the same), and the line to
    type."""

    def give(command: _AnyCommand) -> _AnyCommand:
        command.examples = pairs
        return command

    return give


def _write_examples(formatter: click.HelpFormatter, pairs: tuple[tuple[str, str], ...]) -> None:
    """Lines to copy are never wrapped, whatever the width."""
    if not pairs:
        return
    with formatter.section("Examples"):
        indent = " " * formatter.current_indent
        for purpose, line in pairs:
            about = fill(purpose, formatter.width, f"{indent}# ", f"{indent}# ") if purpose else []
            for row in (*about, indent + line):
                formatter.write(f"{row}\n")
