"""The contract of who identifies files: kept by this machine, and by the simulated one."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.proc.files import LinuxFileIdentifier
from restartmanager.testing.contracts.files import FileIdentifierContract
from restartmanager.testing.machine import SimulatedFileIdentifier
from restartmanager.testing.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from restartmanager.ports.machine import FileIdentifier


class TestLinuxFileIdentifier(FileIdentifierContract):
    @pytest.fixture(autouse=True)
    def _machine(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.numbers = count()

    def identifier(self) -> FileIdentifier:
        return LinuxFileIdentifier()

    def new_folder(self) -> str:
        path = self.folder / str(next(self.numbers))
        path.mkdir()
        return str(path)

    def new_file(self, path: str) -> None:
        with open(f"{path}.new", "xb"):
            pass
        os.replace(f"{path}.new", path)


class TestSimulatedFileIdentifier(FileIdentifierContract):
    @pytest.fixture(autouse=True)
    def _world(self) -> None:
        self.world = World()
        self.numbers = count()

    def identifier(self) -> FileIdentifier:
        return SimulatedFileIdentifier(self.world)

    def new_folder(self) -> str:
        path = f"/folder{next(self.numbers)}"
        self.world.make_folder(path)
        return path

    def new_file(self, path: str) -> None:
        self.world.install(path)
