"""Where the command of a desktop entry leads to, and whether a process runs that."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from restartmanager.adapters.desktop.entry_places import find_program
from restartmanager.adapters.proc.files import first_bytes
from restartmanager.adapters.proc.ways import Ways
from restartmanager.rules.entries import Command, is_program_of, without_env
from restartmanager.rules.interpreters import script_candidates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.model import Process
    from restartmanager.rules.interpreters import Script


def is_started_by(process: Process, command: Sequence[str]) -> bool:
    """Whether this process runs the program, or the script, that the command of an entry leads to.

    Where others than root and its user could change that program, nothing of it is looked at: it
    is taken for the same, and not started (``processes.trust``).
    """
    words = without_env(command)
    program = find_program(words[0]) if words else None
    if program is None:
        return False
    ways = Ways(process.uid)
    way = ways.to_file(program)
    if way.risk:
        return True
    return is_program_of(_command(way.path, words, ways), _running(process, ways))


def _command(program: str, words: tuple[str, ...], ways: Ways) -> Command:
    if first_bytes(program, 2) == b"#!":
        return Command(program, (program,), words)
    return Command(program, _scripts(script_candidates(program, words), ways), words)


def _running(process: Process, ways: Ways) -> Command:
    program = process.executable or ""
    scripts = script_candidates(program, process.arguments)
    return Command(program, _scripts(scripts, ways), process.arguments)


def _scripts(scripts: Sequence[Script], ways: Ways) -> tuple[str, ...]:
    return tuple(_place_of(script, ways) for script in scripts)


def _place_of(script: Script, ways: Ways) -> str:
    """The path of a script without links; empty where it is not known: relative to a working
    directory, on a way that others could change, or no longer there."""
    for path in script.paths:
        if not os.path.isabs(path):
            return ""
        way = ways.to_file(path)
        if way.risk or way.leads_to_file:
            return "" if way.risk else way.path
    return ""
