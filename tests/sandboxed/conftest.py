"""These tests are collected in the sandbox only: see ``tests/support/sandbox.py``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.sandbox import INSIDE
from support.units import Units, systemctl

if TYPE_CHECKING:
    from collections.abc import Iterator

collect_ignore_glob = [] if INSIDE else ["test_*.py"]


@pytest.fixture
def units(tmp_path: Path) -> Iterator[Units]:
    """Makes units of this sandbox; all are stopped and removed afterwards."""
    made = Units(Path("/srv") / tmp_path.name)  # below /tmp the policy ignores what was replaced
    try:
        yield made
    finally:
        made.remove_all()


@pytest.fixture(autouse=True)
def _no_failed_units() -> Iterator[None]:
    systemctl("reset-failed")
    yield
    systemctl("reset-failed")
