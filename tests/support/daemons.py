"""Daemons that real service managers run in tests, and what they say when they are ready."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import tempfile
import time
from typing import TYPE_CHECKING

from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.errors import ProcessError
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess
from support.paths import PROGRAMS
from support.spawning import PYTHON

if TYPE_CHECKING:
    from typing import Self

    from restartmanager.model import Process

PATIENCE_S = 20.0


class Daemons:
    """A folder for what they need, and the socket to which they say that they are ready.

    The folder has a short name: the path of a socket has at most 107 bytes.
    """

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="rm-")
        self._ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ready.bind(self.path("ready"))
        self._children: dict[int, UniqueProcess] = {}
        self._mains: list[UniqueProcess] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listen(wait=False)
        for identity in (*self._mains, *self._children.values()):
            kill(identity)
        self._ready.close()
        shutil.rmtree(self.folder)

    def path(self, name: str) -> str:
        """A path in the folder."""
        return os.path.join(self.folder, name)

    def command(self, *options: str) -> str:
        """The command of a daemon, as a shell would read it; its options are in daemon.py."""
        program = str(PROGRAMS / "daemon.py")
        words = (PYTHON, "-S", "-I", program, "notify", self.path("ready"), *options)
        return shlex.join(words)

    def await_ready(self, pid: int) -> None:
        """Wait until this one has said that it is ready."""
        while pid not in self._children:
            self._listen(wait=True)

    def next_ready(self) -> int:
        """Wait until the next one says that it is ready; its number."""
        known = set(self._children)
        while not self._children.keys() - known:
            self._listen(wait=True)
        return (self._children.keys() - known).pop()

    def child_of(self, pid: int) -> Process:
        """The child of a daemon, when it has said who that is."""
        self.await_ready(pid)
        return LinuxProcesses().describe(self._children[pid])

    def _listen(self, *, wait: bool) -> None:
        """Note who says that it is ready: one of them, or all that have said so by now."""
        self._ready.settimeout(PATIENCE_S if wait else 0.0)
        with contextlib.suppress(BlockingIOError):
            while True:
                pid, child = self._ready.recv(64).split()
                with contextlib.suppress(ProcessError):
                    self._mains.append(UniqueProcess.of(int(pid)))
                    self._children[int(pid)] = UniqueProcess.of(int(child))
                if wait:
                    return


def kill(identity: UniqueProcess) -> None:
    """Kill it and wait until it has gone."""
    processes = LinuxProcesses()
    with contextlib.suppress(ProcessError), processes.open(identity) as handle:
        handle.send(Signal.KILL)
        processes.wait([handle], time.monotonic() + PATIENCE_S)
