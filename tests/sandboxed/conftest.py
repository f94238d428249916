"""These tests are collected in the sandbox only: see ``tests/sandbox.py``."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from sandbox import INSIDE
from units import Units

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

collect_ignore_glob = [] if INSIDE else ["test_*.py"]


@pytest.fixture
def units(tmp_path: Path) -> Iterator[Units]:
    """Makes units of this sandbox; all are stopped and removed afterwards."""
    made = Units(tmp_path)
    try:
        yield made
    finally:
        made.remove_all()


@pytest.fixture(autouse=True)
def _no_failed_units() -> Iterator[None]:
    subprocess.run(["systemctl", "reset-failed"], check=True)
    yield
    subprocess.run(["systemctl", "reset-failed"], check=False)
