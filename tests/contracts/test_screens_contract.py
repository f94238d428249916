from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from integration.conftest import children
from restartmanager.adapters.clock import SystemClock
from restartmanager.adapters.desktop.windows import X11Windows
from restartmanager.model.answers import WindowKind, Windows
from restartmanager.testing.contracts.screens import ScreensContract
from restartmanager.testing.screens import SimulatedScreens
from restartmanager.testing.world import World
from support.screens import PATIENCE_S, Screen

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from integration.conftest import Children
    from restartmanager.model import Process
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.ports.machine import Clock

__all__ = ["children"]  # a fixture

EDITOR = Windows(WindowKind.MAIN, ("a letter",), responds=True)


class TestX11Windows(ScreensContract):
    @pytest.fixture(autouse=True)
    def _started_screen(self, children: Children, tmp_path: Path) -> Iterator[None]:
        self._children, self._folder = children, tmp_path
        self._started: dict[UniqueProcess, subprocess.Popen[bytes]] = {}
        self._hanging: list[subprocess.Popen[bytes]] = []
        self._desk = Screen(children, tmp_path)
        yield
        for child in self._hanging:
            child.send_signal(signal.SIGCONT)
        self._desk.close()

    def screens(self) -> X11Windows:
        return X11Windows()

    def clock(self) -> SystemClock:
        return SystemClock()

    def editor(self) -> Process:
        return self._known(self._desk.shown("mousepad", "--disable-server"))

    def hanging_editor(self) -> Process:
        process = self.editor()
        self._hanging.append(self._started[process.identity])
        self._hanging[-1].send_signal(signal.SIGSTOP)
        return process

    def unsaved_editor(self) -> Process:
        document = self._folder / "letter.txt"
        document.write_text("Dear ")
        child = self._desk.shown("mousepad", "--disable-server", str(document))
        self._desk.type_key("x")
        self._desk.await_windows(child, lambda found: found.titles[0].startswith("*"))
        return self._known(child)

    def manager(self) -> Process:
        return self._known(self._desk.manager)

    def without(self) -> Process:
        return self._known(self._children.sleeper(env=self._desk.environment))

    def await_exit(self, process: Process) -> None:
        self._started[process.identity].wait(PATIENCE_S)

    def await_question(self, process: Process) -> None:
        child = self._started[process.identity]
        self._desk.await_windows(child, lambda found: bool(found.dialogs))

    def _known(self, child: subprocess.Popen[bytes]) -> Process:
        process = self._desk.process(child)
        self._started[process.identity] = child
        return process


class TestSimulatedScreens(ScreensContract):
    @pytest.fixture(autouse=True)
    def _world(self) -> None:
        self._machine = World()
        self._screens = SimulatedScreens(self._machine)

    def screens(self) -> SimulatedScreens:
        return self._screens

    def clock(self) -> Clock:
        return self._machine

    def editor(self) -> Process:
        return self._showing(EDITOR)

    def hanging_editor(self) -> Process:
        return self._showing(Windows(WindowKind.MAIN, ("a letter",), responds=False))

    def unsaved_editor(self) -> Process:
        return self._showing(EDITOR, "Save changes?")

    def manager(self) -> Process:
        return self._showing(Windows(WindowKind.SHELL))

    def without(self) -> Process:
        return self._machine.lives[self._machine.run("/bin/program")].facts

    def await_exit(self, process: Process) -> None:
        assert not self._machine.is_running(process.identity)

    def await_question(self, process: Process) -> None:
        assert self._machine.is_running(process.identity)

    def _showing(self, windows: Windows, question: str = "") -> Process:
        process = self.without()
        self._screens.shows(process.identity, windows, question)
        return process
