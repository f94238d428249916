"""``restartctl who``: who uses these files."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from restartmanager.cli.commands import Command, examples
from restartmanager.cli.options import PATH, package_option, shape_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from restartmanager.cli.options import Shape
    from restartmanager.cli.output.console import Look
    from restartmanager.model import Affected


_TYPED_AT_MOST = 100


@examples(
    ("Who uses this library, also in a version that was replaced?", "restartctl who /usr/lib/x.so"),
    ("Why can the disk not be unmounted?", "restartctl who /mnt/usb"),
    ("Who uses anything of this package?", "restartctl who --package libssl3"),
    ("Everything below a folder, file by file:", "restartctl who --tree --by file /opt/app"),
    ("Until the last one has gone:", "restartctl who --watch /mnt/usb"),
    ("In a script:", "restartctl who ./app.db >/dev/null && echo in use"),
    ("", "restartctl who --lines /opt/app | cut -f 1 | sort -u"),
)
@click.command(cls=Command)
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=PATH)
@package_option
@shape_options
def who(
    paths: tuple[str, ...], *, packages: tuple[str, ...], as_json: bool, shape: Shape | None
) -> int:
    """Say who uses these files right now, and how.

    A directory stands for everything below it, a package for the files it owns. Files that are
    mapped, open or run count, and scripts that an interpreter runs. Processes of other users can be
    seen by root only; the last line says how many could not be looked into.

    Nobody uses a file that does not exist, unless a process still has a removed one: a note says
    so, for the path may be mistyped. A path that you may not look at is an error.

    Exit status: 0 somebody uses them, 1 nobody that can be seen, 2 no such package, 5 permission
    denied.
    """
    from restartmanager.api.questions import who_uses

    if not (paths or packages):
        raise click.UsageError("Nothing to ask about: give a PATH or --package.")

    def ask() -> Affected:
        return _without_ourselves(who_uses(*paths, packages=packages))

    if shape is not None:
        _note_missing(paths)
        return _status(_shown(ask, shape, len(paths + packages)))
    affected = ask()
    _note_missing(paths)
    if as_json:
        from restartmanager.cli.output.json_documents import affected_document, dumps

        click.echo(dumps(affected_document(affected)))
    else:
        from restartmanager.cli.output.console import Console
        from restartmanager.cli.output.render import affected_lines, reservations

        out, notes = Console(sys.stdout), Console(sys.stderr)
        out.lines(affected_lines(affected, out.look, fate=False))
        left = reservations(affected, notes.look, root=os.geteuid() == 0)
        if affected.applications and left:
            notes.say()
        elif not affected.applications and not affected.unexplained:
            notes.say(_nobody(len(paths + packages)))
        notes.lines(left)
    return _status(affected)


def _shown(ask: Callable[[], Affected], shape: Shape, asked_about: int) -> Affected:
    """Ask, and show the answer in that shape."""
    from restartmanager.cli.output.render import affected_lines, use_words
    from restartmanager.cli.output.shapes import View
    from restartmanager.cli.output.tree import Wording

    def plain(affected: Affected, look: Look) -> list[str]:
        return affected_lines(affected, look, fate=False)

    return View(Wording(use_words, "old version"), plain, _nobody(asked_about), shape).show(ask)


def _status(affected: Affected) -> int:
    from restartmanager.cli.exitcodes import ExitCode

    in_use = affected.applications or affected.unexplained
    return ExitCode.DONE if in_use else ExitCode.NO


def _nobody(asked_about: int) -> str:
    return "Nobody uses it." if asked_about == 1 else "Nobody uses these."


def _without_ourselves(affected: Affected) -> Affected:
    """Who asks with ``who .`` works in that directory for a moment, and so do we; that we do is no
    answer."""
    others = (
        application
        for application in affected.applications
        if application.main_process is None or application.main_process.pid != os.getpid()
    )
    return replace(affected, applications=tuple(others))


def _note_missing(paths: tuple[str, ...]) -> None:
    """A missing file is worth asking about, and worth a word: it may be a typing error. Nobody has
    typed very many."""
    if len(paths) > _TYPED_AT_MOST:
        return
    from restartmanager.cli.output.console import Console
    from restartmanager.model.escaping import escape

    for path in paths:
        if _is_missing(path):
            Console(sys.stderr).say(f"note: {escape(path)} does not exist")


def _is_missing(path: str) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):  # what cannot be asked about is an error of its own
        return False
    return False
