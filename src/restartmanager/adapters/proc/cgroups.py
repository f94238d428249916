"""Who is in a control group (cgroups(7))."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from restartmanager.adapters.proc import procfs
from restartmanager.errors import ProcessError
from restartmanager.model.identity import UniqueProcess

if TYPE_CHECKING:
    from restartmanager.model import Process

__all__ = ["oldest_process"]

_MOUNTS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
"""Where the unified hierarchy is: beside version 1, or alone."""
_SIZE_LIMIT = 1024 * 1024


def oldest_process(cgroup: str, mount: str | None = None) -> Process | None:
    """The process of this control group that was started first; None when it is empty, or cannot
    be seen. Control groups below it do not count."""
    root = _unified() if mount is None else mount
    if root is None or ".." in cgroup.split("/"):
        return None
    found = []
    for number in _numbers(f"{root}{cgroup}/cgroup.procs"):
        try:
            found.append(UniqueProcess.of(number))
        except ProcessError:
            continue
    for identity in sorted(found, key=lambda one: (one.start_ticks, one.pid)):
        try:
            return procfs.describe(identity)
        except ProcessError:
            continue
    return None


def _numbers(path: str) -> list[int]:
    """0 stands for a process of another pid namespace."""
    try:
        with open(path, "rb") as file:
            text = file.read(_SIZE_LIMIT)
    except (OSError, ValueError):  # a NUL byte in the path
        return []
    return [int(word) for word in text.split() if word.isdigit() and int(word) > 0]


@cache
def _unified() -> str | None:
    """Where the unified hierarchy is mounted."""
    return next((path for path in _MOUNTS if os.path.exists(f"{path}/cgroup.procs")), None)
