"""Suspended processes: those that cannot act on anything that they are asked.

A process that was stopped (signal(7)), is being traced (ptrace(2)) or frozen with its control group
(cgroups(7)) runs nothing until somebody else lets it. One that waits in the kernel for a disk or a
server that does not answer may do so for ever; as a rule such a wait is over in no time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.control_groups import file_in_group, parse_groups

if TYPE_CHECKING:
    from restartmanager.adapters.proc.procfs import ProcDirectory

_WAITS_S = 0.5
_BETWEEN_LOOKS_S = 0.02
_STATES = {
    "T": "it is stopped, and cannot answer until it is continued (kill -CONT)",
    "t": "a debugger holds it, so it cannot answer",
}


def why_suspended(directory: ProcDirectory) -> str:
    """Why a process runs nothing now, in words; empty where it runs, or is gone."""
    state = _state(directory)
    if state in _STATES:
        return _STATES[state]
    if state and _is_frozen(directory.read("cgroup") or b""):
        return "its control group is frozen, so it cannot answer"
    until = time.monotonic() + _WAITS_S
    while _state(directory) == "D":
        if time.monotonic() >= until:
            return "it waits in the kernel, for a disk or a server that does not answer"
        time.sleep(_BETWEEN_LOOKS_S)
    return ""


def _state(directory: ProcDirectory) -> str:
    facts = directory.stat()
    return "" if facts is None or facts.dead else facts.state


def _is_frozen(groups: bytes) -> bool:
    for name, group in parse_groups(groups).items():
        if name == "" and b"frozen 1" in file_in_group(name, group, "cgroup.events"):
            return True
        if name == "freezer" and file_in_group(name, group, "freezer.state").strip() == b"FROZEN":
            return True
    return False
