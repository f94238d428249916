"""No limit of a control group is shed: real groups of this machine, of whichever version it has."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import restartmanager as rm
from restartmanager.errors import CannotComeBackError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.conftest import Children

pytestmark = pytest.mark.root
CGROUPS = Path("/sys/fs/cgroup")
LIMITS = {  # of version 2 and of version 1: the file, and what is written to it
    "pids": ("pids.max", "pids.max", "50"),
    "memory": ("memory.max", "memory.limit_in_bytes", str(1 << 30)),
    "cpu": ("cpu.max", "cpu.cfs_quota_us", "90000"),
    "devices": ("", "devices.deny", "c 1:3 w"),
}


@pytest.fixture(autouse=True)
def _memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))


def place_of(controller: str) -> tuple[Path, str, str]:
    """The folder below which a group with this controller can be made, the file and its text."""
    unified, single, text = LIMITS[controller]
    if (CGROUPS / controller / "cgroup.procs").exists():
        return CGROUPS / controller, single, text
    control = CGROUPS / "cgroup.subtree_control"
    if unified and control.exists() and controller in control.read_text().split():
        return CGROUPS, unified, text
    pytest.skip(f"this machine has no control groups for {controller}")


@contextlib.contextmanager
def group(controller: str) -> Iterator[tuple[Path, str, str]]:
    place, file, text = place_of(controller)
    made = place / f"restartmanager-test-{os.getpid()}"
    made.mkdir()
    try:
        yield made, file, text
    finally:
        for pid in (made / "cgroup.procs").read_text().split():
            (place / "cgroup.procs").write_text(pid)
        made.rmdir()


@pytest.mark.parametrize("controller", LIMITS)
def test_a_limit_that_it_would_shed(children: Children, controller: str) -> None:
    """Whether a group limits devices, version 1 does not tell: it counts as if it did."""
    child = children.sleeper(cwd="/")
    with group(controller) as (made, file, text), rm.start_session() as session:
        session.register(processes=[rm.UniqueProcess.of(child.pid)])
        (made / "cgroup.procs").write_text(str(child.pid))
        (listed,) = session.affected(relaunch="all").applications
        assert bool(listed.restart_obstacle) == (controller == "devices")
        (made / file).write_text(text)
        (listed,) = session.affected(relaunch="all").applications
        assert f"it would lose a limit of its control group '/{made.name}'" in (
            listed.restart_obstacle
        )
        with pytest.raises(CannotComeBackError, match=controller):
            session.shutdown(relaunch="all")
    assert child.poll() is None
