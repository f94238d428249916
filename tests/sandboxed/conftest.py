"""These tests are collected in the sandbox only: see ``tests/sandbox.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import INSIDE
from units import Units, systemctl

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
    systemctl("reset-failed")
    yield
    systemctl("reset-failed")
