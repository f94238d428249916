"""The scanner's contract: kept by every way of asking on this machine, and by the simulated one."""

from __future__ import annotations

import os
import shutil
from itertools import count
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.bpf.iterator import why_unavailable
from restartmanager.adapters.proc.files import LinuxFileIdentifier
from restartmanager.adapters.scan.scanner import LinuxScanner
from restartmanager.model import How
from restartmanager.model.identity import UniqueProcess
from restartmanager.testing.contracts.scanner import ScannerContract
from restartmanager.testing.machine import SimulatedFileIdentifier, SimulatedScanner
from restartmanager.testing.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from restartmanager.ports.machine import FileIdentifier, Scanner
    from support.spawning import Spawn


class RealMachine(ScannerContract):
    """The hooks, with real files and real processes."""

    @pytest.fixture(autouse=True)
    def _machine(self, spawn: Spawn, tmp_path: Path) -> None:
        self.spawn = spawn
        self.folder = tmp_path
        self.numbers = count()

    def files(self) -> FileIdentifier:
        return LinuxFileIdentifier()

    def new_folder(self) -> str:
        path = self.folder / str(next(self.numbers))
        path.mkdir()
        return str(path)

    def new_program(self, path: str) -> None:
        new = f"{path}.new"
        shutil.copy("/bin/sleep", new)
        os.replace(new, path)

    def remove(self, path: str) -> None:
        os.remove(path)

    def opens(self, *paths: str) -> UniqueProcess:
        actions = [word for path in paths for word in ("open", path)]
        return UniqueProcess.of(self.spawn.holding(*actions).pid)

    def maps(self, path: str) -> UniqueProcess:
        return UniqueProcess.of(self.spawn.holding("map", path).pid)

    def executes(self, path: str) -> UniqueProcess:
        return UniqueProcess.of(self.spawn.running(path, "600").pid)

    def works_in(self, folder: str) -> UniqueProcess:
        return UniqueProcess.of(self.spawn.holding("chdir", folder).pid)

    def end(self, process: UniqueProcess) -> None:
        for child in self.spawn.children:
            if child.pid == process.pid:
                self.spawn.end(child)


class TestReadingProc(RealMachine):
    def scanner(self) -> Scanner:
        return LinuxScanner(leases=False, kernel=False)


class TestWithLeases(RealMachine):
    def scanner(self) -> Scanner:
        return LinuxScanner(leases=True, kernel=False)


@pytest.mark.root
class TestWithTheKernel(RealMachine):
    @pytest.fixture(autouse=True)
    def _asks_the_kernel(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reason = why_unavailable()
        if reason is not None:
            pytest.skip(reason)
        monkeypatch.setattr("restartmanager.adapters.scan.scanner._WORTH_ASKING", 0)

    def scanner(self) -> Scanner:
        return LinuxScanner(leases=False, kernel=True)


class TestSimulatedScanner(ScannerContract):
    @pytest.fixture(autouse=True)
    def _world(self) -> None:
        self.world = World()
        self.numbers = count()

    def scanner(self) -> Scanner:
        return SimulatedScanner(self.world)

    def files(self) -> FileIdentifier:
        return SimulatedFileIdentifier(self.world)

    def new_folder(self) -> str:
        path = f"/folder{next(self.numbers)}"
        self.world.make_folder(path)
        return path

    def new_program(self, path: str) -> None:
        self.world.install(path)

    def remove(self, path: str) -> None:
        del self.world.files[path]

    def opens(self, *paths: str) -> UniqueProcess:
        process = self.world.run("/bin/opener")
        for path in paths:
            self.world.hold(process, path, How.OPEN)
        return process

    def maps(self, path: str) -> UniqueProcess:
        process = self.world.run("/bin/mapper")
        self.world.hold(process, path, How.MAPPED)
        return process

    def executes(self, path: str) -> UniqueProcess:
        return self.world.run(path)

    def works_in(self, folder: str) -> UniqueProcess:
        process = self.world.run("/bin/worker")
        self.world.hold(process, folder, How.CWD)
        return process

    def end(self, process: UniqueProcess) -> None:
        self.world.end(process)
