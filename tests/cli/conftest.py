"""A machine for each test, which is empty again afterwards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.machinery import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("RESTARTMANAGER_") and name not in {"COLUMNS", "NO_COLOR"}
    }
    environment["RESTARTMANAGER_STATE_DIR"] = str(tmp_path / "state")
    machine = Machine(tmp_path, environment)
    (tmp_path / "bin").mkdir()
    Path(machine.file).write_bytes(b"version 1")
    try:
        yield machine
    finally:
        machine.clear()


@pytest.fixture
def session(machine: Machine) -> str:
    """The key of a session in which the file is registered."""
    key = machine.ok("session", "start").strip()
    machine.ok("session", "register", key, "--file", machine.file)
    return key
