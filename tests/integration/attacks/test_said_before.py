"""What the list says is what happens: what could not come back is not closed without a word."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import restartmanager as rm
from restartmanager.errors import CannotComeBackError
from restartmanager.model import Result
from restartmanager.model.preview import PlannedStep

if TYPE_CHECKING:
    import subprocess

    from integration.conftest import Children

pytestmark = pytest.mark.root
SLEEP = ("/bin/sleep", "1000")


@pytest.fixture(autouse=True)
def _memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))


def asleep(children: Children, *before: str) -> subprocess.Popen[bytes]:
    """A child that sleeps, after these commands have brought it there."""
    child = children.spawn(*before, *SLEEP, cwd="/")
    while os.readlink(f"/proc/{child.pid}/exe") != os.path.realpath(SLEEP[0]):
        assert child.poll() is None
        os.sched_yield()
    return child


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (("setpriv", "--no-new-privs"), "sandbox"),
        (("unshare", "--net"), r"namespace \(net\)"),
        (("setpriv", "--bounding-set=-net_raw"), "capabilities"),
        (("unshare", "--cgroup"), r"namespace \(cgroup\)"),
        (("setpriv", "--inh-caps=+net_raw"), "inheritable capabilities"),
    ],
)
def test_a_restriction_that_it_would_shed(
    children: Children, before: tuple[str, ...], why: str
) -> None:
    child = asleep(children, *before)
    with rm.start_session() as session:
        session.register(processes=[rm.UniqueProcess.of(child.pid)])
        (listed,) = session.affected(relaunch="all").applications
        assert not listed.restartable
        for attempt in (session.preview_shutdown, session.shutdown):
            with pytest.raises(CannotComeBackError, match=why):
                attempt(relaunch="all")
        (left,) = session.preview_shutdown(relaunch="all", partial=True).steps
        assert left.step is PlannedStep.LEAVE
        (outcome,) = session.shutdown(relaunch="all", partial=True).outcomes
        assert outcome.result is Result.SKIPPED
        assert listed.restart_obstacle in outcome.message
        (left,) = session.preview_refresh(relaunch="all").steps or (left,)
        assert left.step is PlannedStep.LEAVE
    assert child.poll() is None
    with rm.start_session() as session:
        session.register(processes=[rm.UniqueProcess.of(child.pid)])
        with session.shutdown(relaunch="all", leave_closed=True) as stopped:
            assert child.wait(20) < 0
        (outcome,) = stopped.restarted
        assert listed.restart_obstacle in outcome.message
        assert outcome.result is Result.SKIPPED


def test_a_program_that_is_gone(children: Children, tmp_path: Path) -> None:
    program = Path(shutil.copy(SLEEP[0], tmp_path / "prog"))
    child = children.spawn(str(program), "1000", cwd="/")
    program.unlink()
    with rm.start_session() as session:
        session.register(processes=[rm.UniqueProcess.of(child.pid)])
        with pytest.raises(CannotComeBackError, match="there is no program"):
            session.shutdown(relaunch="all")
        session.shutdown().leave_stopped()  # nobody wanted it back
    assert child.wait(20) < 0


def test_what_comes_back_is_said_so_and_does(children: Children) -> None:
    child = asleep(children)
    with rm.start_session() as session:
        session.register(processes=[rm.UniqueProcess.of(child.pid)])
        (listed,) = session.affected(relaunch="all").applications
        assert (listed.restartable, listed.restart_obstacle) == (True, "")
        with session.shutdown(relaunch="all") as stopped:
            assert child.wait(20) < 0
        (outcome,) = stopped.restarted
        assert outcome.process is not None
        children.adopt(outcome.process)
        assert outcome.result is Result.DONE
