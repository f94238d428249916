from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.clock import SystemClock
from restartmanager.adapters.processes.channels import LinuxChannels
from restartmanager.model.answers import Answer, AnswerKind
from restartmanager.model.identity import UniqueProcess
from restartmanager.testing.channels import Listening, SimulatedChannels
from restartmanager.testing.contracts.channels import ChannelsContract
from restartmanager.testing.world import World
from support.listeners import PROCESSES, App, folder
from support.paths import PROGRAMS

if TYPE_CHECKING:
    from restartmanager.model import Process
    from restartmanager.ports.machine import Clock
    from support.spawning import Spawn

__all__ = ["folder"]  # a fixture


class TestLinuxChannels(ChannelsContract):
    @pytest.fixture(autouse=True)
    def _children(self, spawn: Spawn) -> None:
        self._spawn = spawn
        self._apps: dict[UniqueProcess, App] = {}

    def channels(self) -> LinuxChannels:
        return LinuxChannels()

    def clock(self) -> SystemClock:
        return SystemClock()

    def agreeing(self) -> Process:
        return self._app("agree")

    def refusing(self, reason: str) -> Process:
        return self._app("refuse", reason)

    def hanging(self) -> Process:
        return self._app("hang")

    def dying(self) -> Process:
        return self._app("die")

    def deaf(self) -> Process:
        child = self._spawn.running("/bin/sleep", "1000")
        return PROCESSES.describe(UniqueProcess.of(child.pid))

    def heard(self, process: Process, count: int) -> list[str]:
        return [self._apps[process.identity].line() for _ in range(count)]

    def _app(self, how: str, *more: str) -> Process:
        program = str(PROGRAMS / "listens.py")
        app = App(self._spawn.running(sys.executable, program, how, "thread", *more))
        process = app.process
        self._apps[process.identity] = app
        return process


class TestSimulatedChannels(ChannelsContract):
    @pytest.fixture(autouse=True)
    def _world(self) -> None:
        self._machine = World()
        self._channels = SimulatedChannels(self._machine)
        self._listening: dict[UniqueProcess, Listening] = {}

    def channels(self) -> SimulatedChannels:
        return self._channels

    def clock(self) -> Clock:
        return self._machine

    def agreeing(self) -> Process:
        return self._app(Listening())

    def refusing(self, reason: str) -> Process:
        return self._app(Listening(query=Answer(AnswerKind.NO, reason)))

    def hanging(self) -> Process:
        return self._app(Listening(after_s=None))

    def dying(self) -> Process:
        return self._app(Listening(query=Answer(AnswerKind.DIED)))

    def deaf(self) -> Process:
        return self._machine.lives[self._machine.run("/bin/program")].facts

    def heard(self, process: Process, count: int) -> list[str]:
        told = self._listening[process.identity].heard
        assert len(told) >= count
        found = told[:count]
        del told[:count]
        return found

    def _app(self, listening: Listening) -> Process:
        process = self.deaf()
        self._listening[process.identity] = self._channels.listens(process.identity, listening)
        return process
