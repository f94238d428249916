from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.clock import SystemClock
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.errors import ProcessGoneError
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess
from restartmanager.testing.contracts.processes import ProcessesContract
from restartmanager.testing.machine import SimulatedProcesses
from restartmanager.testing.world import Program, Temper, World
from support.paths import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from restartmanager.model import Recipe
    from restartmanager.ports.machine import Clock

PROGRAM = str(PROGRAMS / "obeys.py")


class TestLinuxProcesses(ProcessesContract):
    @pytest.fixture(autouse=True)
    def _cleared_away(self, tmp_path: Path) -> Iterator[None]:
        self._folder = tmp_path
        self._children: list[subprocess.Popen[bytes]] = []
        self._started: list[UniqueProcess] = []
        yield
        for child in self._children:
            child.kill()
            child.communicate()
        for identity in self._started:
            with contextlib.suppress(ProcessGoneError), LinuxProcesses().open(identity) as handle:
                handle.send(Signal.KILL)
                LinuxProcesses().wait([handle], time.monotonic() + 10)

    def processes(self) -> LinuxProcesses:
        return LinuxProcesses()

    def clock(self) -> SystemClock:
        return SystemClock()

    def obedient(self) -> UniqueProcess:
        return UniqueProcess.of(self._child().pid)

    def stubborn(self) -> UniqueProcess:
        return UniqueProcess.of(self._child("--stubborn").pid)

    def exiting(self) -> UniqueProcess:
        child = self._child("--after-eof")
        identity = UniqueProcess.of(child.pid)
        assert child.stdin is not None
        child.stdin.close()
        child.stdin = None
        return identity

    def risky(self, recipe: Recipe) -> Recipe:
        program = self._folder / "program"
        shutil.copy("/bin/sleep", program)
        os.chmod(program, 0o777)  # noqa: S103 - that is the risk
        return replace(recipe, executable=str(program))

    def started(self, identity: UniqueProcess) -> None:
        self._started.append(identity)

    def _child(self, *options: str) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            [sys.executable, PROGRAM, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        return child


class TestSimulatedProcesses(ProcessesContract):
    @pytest.fixture(autouse=True)
    def _world(self) -> None:
        self._machine = World()
        for path, starts in (("/bin/program", True), ("/bin/broken", False)):
            self._machine.install(path)
            self._machine.programs[path] = Program(temper=Temper(starts=starts))
        self._installer = self._machine.run("/bin/installer")

    def processes(self) -> SimulatedProcesses:
        return SimulatedProcesses(self._machine, self._installer)

    def clock(self) -> Clock:
        return self._machine

    def obedient(self) -> UniqueProcess:
        return self._machine.run("/bin/program")

    def stubborn(self) -> UniqueProcess:
        return self._machine.run("/bin/program", temper=Temper(obeys_after_s=None))

    def exiting(self) -> UniqueProcess:
        return self._machine.run("/bin/program", temper=Temper(lives_s=0.1))

    def unrunnable(self, recipe: Recipe) -> Recipe:
        return replace(recipe, executable="/bin/broken")

    def risky(self, recipe: Recipe) -> Recipe:
        self._machine.risks["/bin/shared"] = "everybody can change '/bin/shared'"
        return replace(recipe, executable="/bin/shared")
