"""Scopes of a systemd manager: units around processes that somebody else has started."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from restartmanager.adapters.services.systemd.jobs import Jobs
from restartmanager.model.progress import CancelToken

if TYPE_CHECKING:
    from restartmanager.adapters.services.systemd.dbus import Bus

__all__ = ["make_scope"]

_PATIENCE_S = 5.0


def make_scope(bus: Bus, pid: int, name: str) -> str:
    """Put a process into a new scope. What went wrong, in words; empty when it was done.

    The manager of a user has the system's one move processes that are not in its own control
    groups; that one sees to it that they are the user's.
    """
    properties = [
        ("PIDs", ("au", [pid])),
        ("Description", ("s", "brought back by the Restart Manager")),
        ("CollectMode", ("s", "inactive-or-failed")),
    ]
    jobs = Jobs(bus)
    jobs.start_transient(name, properties)
    deadline = time.monotonic() + _PATIENCE_S
    with CancelToken() as never:
        for _, trouble in jobs.finished(deadline, never):
            return trouble
    return "it takes too long"
