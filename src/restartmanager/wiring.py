"""Read the settings, choose the adapters: the only module that knows them all.

Adapters are imported inside the functions, so that only what is used is loaded.

Settings come from the environment, of which a privileged program started by sudo(8) gets none:
RESTARTMANAGER_STATE_DIR (where sessions are remembered) and RESTARTMANAGER_TIMEOUT_S (how long an
application may take to exit).
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from restartmanager.errors import UsageError
from restartmanager.shutdown import TimeLimits

if TYPE_CHECKING:
    from restartmanager.engine import Engine
    from restartmanager.policy import Policy

__all__ = ["limits", "make_engine", "shipped_policy", "state_folder"]

_STATE_VARIABLE = "RESTARTMANAGER_STATE_DIR"
_TIMEOUT_VARIABLE = "RESTARTMANAGER_TIMEOUT_S"


def make_engine() -> Engine:
    """The engine for the calling user on this machine."""
    from restartmanager.engine import Engine
    from restartmanager.linux.clock import SystemClock
    from restartmanager.linux.holders import ProcScanner
    from restartmanager.linux.packages import SystemPackages
    from restartmanager.linux.processes import LinuxProcesses
    from restartmanager.lookout import Lookout
    from restartmanager.store.sqlite import SqliteStore

    scanner = ProcScanner()
    processes = LinuxProcesses()
    return Engine(
        store=SqliteStore(state_folder()),
        lookout=Lookout(scanner, processes, os.geteuid(), shipped_policy()),
        scanner=scanner,
        processes=processes,
        packages=SystemPackages(),
        clock=SystemClock(),
        limits=limits(),
    )


def state_folder() -> str:
    """The folder in which this user's sessions are remembered."""
    chosen = os.environ.get(_STATE_VARIABLE)
    if chosen:
        if not os.path.isabs(chosen):
            raise UsageError(f"{_STATE_VARIABLE} is {chosen!r}.", hint="Give an absolute path.")
        return chosen
    if os.geteuid() == 0:
        return "/var/lib/restartmanager"
    base = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):  # the base directory specification: ignore relative ones
        base = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "restartmanager")


def limits() -> TimeLimits:
    """How long to wait for what."""
    text = os.environ.get(_TIMEOUT_VARIABLE)
    if not text:
        return TimeLimits()
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 3600:
        raise UsageError(
            f"{_TIMEOUT_VARIABLE} is {text!r}.", hint="Give seconds, more than 0, up to 3600."
        )
    return TimeLimits(application_s=seconds)


@cache
def shipped_policy() -> Policy:
    """The rules that come with the package."""
    from restartmanager.policy import parse_policy

    path = os.path.join(os.path.dirname(__file__), "policy.toml")
    with open(path, encoding="utf-8") as file:
        return parse_policy(file.read(), path)
