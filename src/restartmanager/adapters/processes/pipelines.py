"""Pipelines: the processes that read what the caller writes, and write what it reads.

They are in the process group of the caller, as a shell arranges it, and are found along the pipes:
from reader to reader downwards, from writer to writer upwards. Who merely writes into the same pipe
as the caller, as all jobs of a script do, is none of them.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from restartmanager.adapters.proc import procfs
from restartmanager.errors import ProcessError
from restartmanager.model.identity import UniqueProcess

if TYPE_CHECKING:
    from collections.abc import Iterable


_INPUT, _OUTPUTS = 0, (1, 2)
_ACCESS = 0o3  # O_ACCMODE


class _Ends:
    """The ends of pipes that one process has at its standard streams."""

    def __init__(self, pid: int) -> None:
        self.reads: set[str] = set()
        self.writes: set[str] = set()
        for number in (_INPUT, *_OUTPUTS):
            with contextlib.suppress(OSError):
                what = os.readlink(f"{procfs.PROC}/{pid}/fd/{number}")
                if what.startswith("pipe:"):
                    ends = self.reads if _is_read(pid, number) else self.writes
                    ends.add(what)


def own_pipeline() -> frozenset[UniqueProcess]:
    """The other processes of the caller's own pipeline."""
    ours = _Ends(os.getpid())
    if not (ours.reads or ours.writes):
        return frozenset()
    group = os.getpgrp()
    others = {pid: _Ends(pid) for pid in procfs.pids() if pid != os.getpid() and _is_in(pid, group)}
    below = _along(ours.writes, {pid: (e.reads, e.writes) for pid, e in others.items()})
    above = _along(ours.reads, {pid: (e.writes, e.reads) for pid, e in others.items()})
    found = set()
    for pid in below | above:
        with contextlib.suppress(ProcessError):
            found.add(UniqueProcess.of(pid))
    return frozenset(found)


def _along(pipes: Iterable[str], others: dict[int, tuple[set[str], set[str]]]) -> set[int]:
    """The processes that have the other ends of these pipes, and so on in the same direction."""
    found: set[int] = set()
    left = set(pipes)
    while left:
        next_ones = {pid for pid, (near, _) in others.items() if near & left} - found
        found |= next_ones
        left = {pipe for pid in next_ones for pipe in others[pid][1]}
    return found


def _is_in(pid: int, group: int) -> bool:
    try:
        return os.getpgid(pid) == group
    except OSError:
        return False


def _is_read(pid: int, number: int) -> bool:
    with open(f"{procfs.PROC}/{pid}/fdinfo/{number}", "rb") as file:
        for line in file:
            name, _, value = line.partition(b":")
            if name == b"flags":
                return int(value, 8) & _ACCESS == os.O_RDONLY
    return False
