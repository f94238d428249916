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
    from collections.abc import Mapping


_READ, _WRITTEN = True, False
_STREAMS = (0, 1, 2)
_ACCESS = 0o3  # O_ACCMODE


def own_pipeline() -> frozenset[UniqueProcess]:
    """The other processes of the caller's own pipeline."""
    me, group = os.getpid(), os.getpgrp()
    ours = _pipes_of(me)
    if not ours:
        return frozenset()
    others = {pid: _pipes_of(pid) for pid in procfs.pids() if pid != me and _is_in(pid, group)}
    below = _along({p for n, p in ours.items() if _is_end(me, n, end=_WRITTEN)}, others, end=_READ)
    above = _along({p for n, p in ours.items() if _is_end(me, n, end=_READ)}, others, end=_WRITTEN)
    found = set()
    for pid in below | above:
        with contextlib.suppress(ProcessError):
            found.add(UniqueProcess.of(pid))
    return frozenset(found)


def _pipes_of(pid: int) -> dict[int, str]:
    """The pipes at the standard streams of a process, by the number of the stream."""
    found = {}
    for number in _STREAMS:
        with contextlib.suppress(OSError):
            what = os.readlink(f"{procfs.PROC}/{pid}/fd/{number}")
            if what.startswith("pipe:"):
                found[number] = what
    return found


def _along(pipes: set[str], others: Mapping[int, Mapping[int, str]], *, end: bool) -> set[int]:
    """The processes that have this end of one of these pipes, that end of the pipes at whose other
    ends they are, and so on."""
    found: set[int] = set()
    left = set(pipes)
    while left:
        next_ones = {
            pid
            for pid, streams in others.items()
            for number, pipe in streams.items()
            if pid not in found and pipe in left and _is_end(pid, number, end=end)
        }
        found |= next_ones
        left = {
            pipe
            for pid in next_ones
            for number, pipe in others[pid].items()
            if _is_end(pid, number, end=not end)
        }
    return found


def _is_in(pid: int, group: int) -> bool:
    try:
        return os.getpgid(pid) == group
    except OSError:
        return False


def _is_end(pid: int, number: int, *, end: bool) -> bool:
    """Whether a stream is the end that is read, or the one that is written."""
    try:
        with open(f"{procfs.PROC}/{pid}/fdinfo/{number}", "rb") as file:
            for line in file:
                name, _, value = line.partition(b":")
                if name == b"flags":
                    return (int(value, 8) & _ACCESS == os.O_RDONLY) is end
    except OSError:
        pass
    return False
