"""Desktop entries: whether a process runs the program of an entry.

Whoever starts a process chooses the name of the unit that it is in, and with it the entry. So the
entry counts only for what its own command leads to, and in doubt it does not: behind a script that
runs another program (a wrapper) nobody can tell::

    >>> script = ("/usr/share/app/app.py",)
    >>> entry = Command("/usr/bin/python3.11", script, ("python3", *script))
    >>> is_program_of(entry, Command("/usr/bin/python3.11", script, ("/usr/bin/python3", *script)))
    True
    >>> is_program_of(entry, Command("/usr/lib/app/app", (), ("app",)))
    False
"""

from __future__ import annotations

import os.path
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


class Command(NamedTuple):
    """A command with what it leads to: ``program`` and ``scripts``, which an interpreter runs, are
    paths without links. A script whose path is not known is an empty text."""

    program: str
    scripts: tuple[str, ...]
    words: tuple[str, ...]
    """The command itself, its name first."""


def is_program_of(entry: Command, running: Command) -> bool:
    """Whether a process that runs the one command has been started by the other, as far as its
    program goes.

    Files and addresses that the entry names must be among the arguments of the process: many
    applications are one program with another file each (``java -jar``, web applications).
    """
    if "" in entry.scripts or entry.scripts != running.scripts:
        return False
    if not entry.scripts and not _is_same_binary(entry, running):
        return False
    wanted = {word for word in entry.words[1:] if "/" in word} - {*entry.scripts}
    return wanted <= {*running.words[1:]} | {*running.scripts}


def _is_same_binary(entry: Command, running: Command) -> bool:
    """Whether both are the same program. One that is called by several names may be several."""
    if entry.program != running.program:
        return False
    names = {_name(entry.program), _name(entry.words[0])}
    return len(names) == 1 or bool(running.words and _name(running.words[0]) in names)


def _name(path: str) -> str:
    return os.path.basename(path).removeprefix("-")


def without_env(words: Sequence[str]) -> tuple[str, ...]:
    """A command without an env(1) in front that only sets variables; empty where nothing is left.

    >>> without_env(["env", "GDK_BACKEND=x11", "app", "--new"])
    ('app', '--new')
    """
    rest = list(words)
    while rest and os.path.basename(rest[0]) == "env":
        del rest[0]
        while rest and _ASSIGNMENT.match(rest[0]):
            del rest[0]
    return tuple(rest)
