# ruff: noqa: T201 - it talks to the test that runs it
"""An installer that starts a program and never gets past the gate.

Arguments: how it behaves there ("waits", or "forks": a child of it holds all descriptors as well),
the program and its arguments. It prints the number of the process at the gate.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.model import Recipe

if TYPE_CHECKING:
    from restartmanager.model.identity import UniqueProcess


def at_the_gate(identity: UniqueProcess) -> None:
    holder = os.fork() if sys.argv[1] == "forks" else 0
    if sys.argv[1] == "waits" or holder:
        print(identity.pid, holder, flush=True)
    while True:
        signal.pause()


recipe = Recipe(
    executable=sys.argv[2],
    arguments=tuple(sys.argv[2:]),
    directory="/",
    environment=(),
    uid=os.getuid(),
    gid=os.getgid(),
    groups=tuple(os.getgroups()),
    umask=0o022,
    nice=0,
    limits=(),
)
LinuxProcesses().start(recipe, at_the_gate)
