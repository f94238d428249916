"""The scripts that interpreters were started with, as each process sees them.

An interpreter holds no script that it runs, so its arguments tell (``rules.interpreters``). Nothing
that they name is opened; files are looked at as the process would find them. Workers by the hundred
have the same arguments: where they see our root and work in the same folder, they name the same
files, which are looked up once.
"""

from __future__ import annotations

import os
import stat
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from restartmanager.adapters.proc.formats import parse_arguments
from restartmanager.adapters.proc.roots import OurRoot, stat_inside
from restartmanager.adapters.proc.texts import link_text
from restartmanager.adapters.proc.watched import patient_read
from restartmanager.rules.interpreters import interpreter, script_candidates

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from restartmanager.adapters.proc.mounts import Mounts
    from restartmanager.rules.interpreters import Script


RunningScript: TypeAlias = "tuple[str, os.stat_result | None]"
"""The path as the process names it, and the file there now: None for one that is gone, or that
lies on a mount that may hang."""

_Place: TypeAlias = tuple[str, int, int]

_ARGUMENTS_LIMIT = 128 * 1024  # an interpreter's script stands among the first arguments
_PORTION = 4096


class ScriptReader:
    """The reader of scripts, of one process after the other; made for one look at the machine.

    Files on ``devices`` are looked up although their mount may hang.
    """

    def __init__(self, mounts: Mounts, devices: Collection[int] = ()) -> None:
        self._mounts = mounts
        self._devices = devices
        self._ours = OurRoot()
        self._candidates: dict[tuple[str, bytes], tuple[Script, ...]] = {}
        self._shared: dict[tuple[tuple[Script, ...], _Place], tuple[RunningScript, ...]] = {}

    def of(self, base: str) -> tuple[RunningScript, ...]:
        """The scripts of the process in the folder ``base``; none where it is no interpreter.

        Raises OSError for a process that is gone or may not be looked into.
        """
        program = os.readlink(base + "exe")
        if known_interpreter(program) is None:
            return ()
        scripts = self._named(program, _arguments(base + "cmdline"))
        place = self._place(base, scripts) if scripts else None
        if place is None:
            return tuple(self._first_file(base, script) for script in scripts)
        if (scripts, place) not in self._shared:
            found = tuple(self._first_file(base, script) for script in scripts)
            self._shared[scripts, place] = found
        return self._shared[scripts, place]

    def _named(self, program: str, arguments: bytes) -> tuple[Script, ...]:
        key = program, arguments
        if key not in self._candidates:
            self._candidates[key] = script_candidates(program, parse_arguments(arguments))
        return self._candidates[key]

    def _place(self, base: str, scripts: tuple[Script, ...]) -> _Place | None:
        """The place that the paths count from: processes with the same place mean the same files.
        None where that is not certain."""
        if not self._ours.seen_by(base):
            return None
        if all(path.startswith("/") for script in scripts for path in script.paths):
            return "", 0, 0
        if self._mounts.any_remote:  # looking at the folder might hang
            return None
        # The text alone does not do: something may have been mounted over a folder, or it is gone.
        facts = os.stat(base + "cwd")
        return os.readlink(base + "cwd"), facts.st_dev, facts.st_ino

    def _first_file(self, base: str, script: Script) -> RunningScript:
        for path in script.paths:
            if self._mounts.any_remote and self._may_hang(base, path):
                break
            facts = stat_inside(base, path)
            if facts is not None and stat.S_ISREG(facts.st_mode):
                return path, facts
        return script.paths[0], None

    def _may_hang(self, base: str, path: str) -> bool:
        whole = os.path.join(link_text(base + "cwd"), path)
        return self._mounts.may_hang(whole, self._devices)


@lru_cache(maxsize=1024)
def known_interpreter(program: str) -> str | None:
    """The interpreter that this program is, as ``rules.interpreters`` tells; remembered."""
    return interpreter(program)


def _arguments(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return b"".join(_portions(descriptor, path.removesuffix("cmdline")))
    finally:
        os.close(descriptor)


def _portions(descriptor: int, process: str) -> Iterator[bytes]:
    """The arguments in portions, 128 kilobytes at most; the first piece that is not full is the
    last one."""
    for _ in range(_ARGUMENTS_LIMIT // _PORTION):
        portion = patient_read(descriptor, _PORTION, process)
        yield portion
        if len(portion) < _PORTION:
            return
