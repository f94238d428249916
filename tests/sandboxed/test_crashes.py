"""An installer that is killed while it stops and starts real services: nothing stays behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crashes import runs
from crashes.services import service_workshop

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(300)
def test_an_installer_of_services_may_be_killed_anywhere(tmp_path: Path) -> None:
    """Every third point; ``make crashes`` takes all."""
    count, complaints = runs.killed_while_updating(tmp_path, 3, service_workshop)
    assert complaints == []
    assert count >= 15


@pytest.mark.timeout(300)
def test_a_recovery_of_services_may_be_killed_as_well(tmp_path: Path) -> None:
    count, complaints = runs.killed_while_recovering(tmp_path, 3, service_workshop)
    assert complaints == []
    assert count >= 8
