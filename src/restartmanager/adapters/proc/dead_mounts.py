"""Which mounts do not answer, of those for which a program answers (fuse(4)).

Whoever waits for such a program cannot always be killed: once the program has taken the question,
the kernel waits the answer out, and a process with such a thread never ends. So a process of its
own asks first, one for each mount, and is left behind where it gets no answer.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.mounts import Mounts, below
from restartmanager.adapters.proc.procfs import PROC
from restartmanager.model.limits import UNRESPONSIVE_S

if TYPE_CHECKING:
    from collections.abc import Collection
    from subprocess import Popen

_PROGRAM = "import os, sys; os.stat(sys.argv[1])"
_left_behind: list[Popen[bytes]] = []
"""Processes of earlier questions that had no answer in time; they are reaped when they end."""


def dead_mounts_at(paths: Collection[str]) -> set[str]:
    """The mount points at or above these absolute paths whose program does not answer."""
    points = Mounts.read(PROC).served()
    return _silent({point for point in points if any(below(path, point) for path in paths)})


def dead_mounts_below(folder: str) -> set[str]:
    """The mount points below this folder whose program does not answer."""
    points = Mounts.read(PROC).served()
    return _silent({point for point in points if point != folder and below(point, folder)})


def _silent(points: Collection[str]) -> set[str]:
    if not points:
        return set()
    from subprocess import TimeoutExpired

    _left_behind[:] = [process for process in _left_behind if process.poll() is None]
    asked = [(point, _ask(point)) for point in points]
    deadline = time.monotonic() + UNRESPONSIVE_S
    silent = set()
    for point, process in asked:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except TimeoutExpired:
            silent.add(point)
            _left_behind.append(process)
    return silent


def _ask(point: str) -> Popen[bytes]:
    """The process that asks. It has no descriptor of ours, for it may keep it for ever."""
    from subprocess import DEVNULL, Popen

    return Popen(
        [sys.executable, "-I", "-S", "-B", "-c", _PROGRAM, point],
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
    )
