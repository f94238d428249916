"""Write docs/reference/command-line.md from the help texts of restartctl.

``python docs/generate.py`` writes the page. With ``--check`` it writes nothing: its exit
status is 1 when the page is out of date.
"""
# ruff: noqa: INP001, T201 - a program of its own

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from restartmanager.cli.app import restartctl

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).parent / "reference" / "command-line.md"

_HEAD = """\
# Command line

<!-- Made by docs/generate.py with click {click}; do not edit. -->

These are the help texts of `restartctl`, verb by verb. What the exit statuses mean stands in
[exit codes](exit-codes.md), what `--json` prints in [JSON](json.md), and which variables count in
[settings](settings.md).
"""


def click_version() -> str:
    """The version of click as far as help texts depend on it."""
    from importlib.metadata import version

    return ".".join(version("click").split(".")[:2])


def page() -> str:
    """The whole page."""
    parts = [_HEAD.format(click=click_version())]
    for command, context in _commands(restartctl, None, "restartctl"):
        text = command.get_help(context)
        parts.append(f"\n## `{context.command_path}`\n\n```text\n{text}\n```\n")
    return "".join(parts)


def _commands(
    command: click.Command, parent: click.Context | None, name: str
) -> Iterator[tuple[click.Command, click.Context]]:
    """The command and all below it, in the order in which help lists them."""
    names = ["-h", "--help"]
    with click.Context(
        command, parent=parent, info_name=name, terminal_width=78, help_option_names=names
    ) as context:
        yield command, context
        if isinstance(command, click.Group):
            for part in command.list_commands(context):
                found = command.get_command(context, part)
                if found is not None:
                    yield from _commands(found, context, part)


def main() -> int:
    """Write or check."""
    text = page()
    if sys.argv[1:] == ["--check"]:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else 1
    if sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
