"""The scanner that reads /proc keeps the scanner's contract, on this machine."""

from __future__ import annotations

import os
import shutil
from itertools import count
from typing import TYPE_CHECKING

import pytest

from restartmanager.identity import UniqueProcess
from restartmanager.linux.holders import ProcScanner
from restartmanager.testing.scanner_contract import ScannerContract

if TYPE_CHECKING:
    from pathlib import Path

    from restartmanager.ports import Scanner
    from spawning import Spawn


class TestProcScanner(ScannerContract):
    @pytest.fixture(autouse=True)
    def _machine(self, spawn: Spawn, tmp_path: Path) -> None:
        self.spawn = spawn
        self.folder = tmp_path
        self.numbers = count()

    def scanner(self) -> Scanner:
        return ProcScanner()

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
