"""A real installer is killed at every point of its work, and nothing is lost or started twice."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from crashes import runs
from crashes.workshop import Program, Workshop

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.usefixtures("undisturbed"), pytest.mark.timeout(600)]


def test_an_installer_may_be_killed_anywhere(tmp_path: Path) -> None:
    count, complaints = runs.killed_while_updating(tmp_path)
    assert complaints == []
    assert count >= 60


def test_a_recovery_may_be_killed_as_well(tmp_path: Path) -> None:
    """Every third point; ``make crashes`` takes all."""
    count, complaints = runs.killed_while_recovering(tmp_path, step=3)
    assert complaints == []
    assert count >= 10


def test_an_installer_may_be_killed_beside_another(tmp_path: Path) -> None:
    """Every third point; ``make crashes`` takes all."""
    count, complaints = runs.killed_beside_another(tmp_path, step=3)
    assert complaints == []
    assert count >= 20


def test_what_is_lost_or_doubled_would_be_noticed(tmp_path: Path) -> None:
    with Workshop(tmp_path, tempers=["obeys"]) as workshop:
        [program] = workshop.subjects
        assert isinstance(program, Program)
        assert runs.close_all(workshop) == []
        assert workshop.complaints() == ["obeys runs 0 times"]
        workshop.recover()
        assert workshop.complaints() == []
        with subprocess.Popen(program.command, env=workshop.environment) as second:
            workshop.await_start(program.ticket, second.pid)
            assert workshop.complaints() == ["obeys runs 2 times"]
            second.kill()
        [first] = program.running()
        assert first.pid != second.pid
        assert workshop.complaints() == []
