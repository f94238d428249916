"""Write docs/reference/command-line.md and the manual page from the help texts of restartctl.

``python docs/generate.py`` writes them. With ``--check`` it writes nothing: its exit status is 1
when one of them is out of date.
"""
# ruff: noqa: INP001, T201 - a program of its own

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from restartmanager.cli.app import restartctl

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, str(Path(__file__).parent))  # imported by a test, it is not there
from manpage import man_page  # type: ignore[import-not-found]

__all__ = ["MANUAL", "PAGE", "manual", "page"]

_REFERENCE = Path(__file__).parent / "reference"
PAGE = _REFERENCE / "command-line.md"
MANUAL = Path(__file__).parents[1] / "data" / "man" / "man1" / "restartctl.1"

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


def manual() -> str:
    """The manual page; what the statuses and variables mean stands in the reference."""
    commands = _commands(restartctl, None, "restartctl")
    statuses = _table("exit-codes.md", r"\| (\d+) \| `\w+` \| (.*) \|")
    variables = _table("settings.md", r"\| `(RESTARTMANAGER_\w+)` \| (.*?) \| .*\|")
    return man_page(commands, statuses, variables, click_version())


def _table(name: str, row: str) -> list[tuple[str, str]]:
    text = (_REFERENCE / name).read_text(encoding="utf-8")
    rows = re.findall(f"^{row}$", text, re.MULTILINE)
    return [(cell, meaning.replace("`", "")) for cell, meaning in rows]


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
    texts = {PAGE: page(), MANUAL: manual()}
    if sys.argv[1:] == ["--check"]:
        fresh = (path.exists() and path.read_text("utf-8") == text for path, text in texts.items())
        return 0 if all(fresh) else 1
    if sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
