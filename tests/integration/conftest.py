"""Real processes for tests: ready before they are looked at, gone afterwards whatever happens."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.errors import ProcessGoneError
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess
from support.paths import PROGRAMS
from support.spawning import await_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restartmanager.model import Process, Recipe


class Children:
    """Starts processes and takes them all away again."""

    def __init__(self) -> None:
        self.processes = LinuxProcesses()
        self._spawned: list[subprocess.Popen[bytes]] = []
        self._adopted: list[UniqueProcess] = []

    def spawn(self, *command: str, **options: Any) -> subprocess.Popen[bytes]:
        """A child that runs this command; it has begun when this returns (execve(2) is done)."""
        child = self.mine(subprocess.Popen(command, **options))
        await_program(child)
        return child

    def mine(self, child: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        """Take this child away as well in the end."""
        self._spawned.append(child)
        return child

    def python(self, program: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """A child that runs one of the programs beside the tests, with pipes to talk to it."""
        command = (sys.executable, os.path.join(PROGRAMS, program), *arguments)
        return self.spawn(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)

    def sleeper(self, **options: Any) -> subprocess.Popen[bytes]:
        """A child that does nothing for long."""
        return self.spawn("/bin/sleep", "1000", **options)

    def describe(self, pid: int) -> Process:
        """What is known about a process."""
        return self.processes.describe(UniqueProcess.of(pid))

    def start(self, recipe: Recipe) -> UniqueProcess:
        """Start by a recipe; the process is nobody's child, and killed in the end all the same."""
        return self.processes.start(recipe, self._adopted.append)

    def adopt(self, identity: UniqueProcess) -> UniqueProcess:
        """Kill this one as well in the end."""
        self._adopted.append(identity)
        return identity

    def clean_up(self) -> None:
        """Kill and reap everything."""
        for child in self._spawned:
            child.kill()
        for child in self._spawned:
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
        for identity in self._adopted:
            with contextlib.suppress(ProcessGoneError), self.processes.open(identity) as handle:
                handle.send(Signal.KILL)
                self.processes.wait([handle], time.monotonic() + 10)


@pytest.fixture
def children() -> Iterator[Children]:
    """Real processes that do not outlive the test."""
    made = Children()
    try:
        yield made
    finally:
        made.clean_up()


@contextlib.contextmanager
def acting_as(uid: int, gid: int | None = None) -> Iterator[None]:
    """The calling process without root's rights for a while."""
    group = uid if gid is None else gid
    os.setresgid(group, group, 0)
    os.setresuid(uid, uid, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)


@pytest.fixture
def as_nobody() -> Any:
    """`acting_as` for a user who owns nothing; only for root."""
    if os.geteuid() != 0:
        pytest.skip("needs root's rights")
    return lambda: acting_as(65534)
