"""What carries logins, terminals, jobs and connections is left alone, and so is the service that it
lives in: with a real login manager, real sockets, and tmux."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import restartmanager as rm
from restartmanager.adapters.logins import LoginFiles
from restartmanager.adapters.services.systemd.manager import Systemd
from restartmanager.errors import RebootNeededError
from restartmanager.model import Hold, Required, Result, Service
from restartmanager.model.identity import UniqueProcess
from support.units import library_at, main_pid, state, systemctl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from restartmanager.model import Application
    from support.units import Units

pytestmark = pytest.mark.timeout(90)

USER = os.environ.get("SYSTEMD_SANDBOX_USER", "")
PATIENCE_S = 30
SLEEPS = "ExecStart=/bin/sleep 1000\n"
TMUX = ("/usr/bin/tmux", "-L", "rmtest")


def awaited(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline
        os.sched_yield()


def left_alone(session: rm.PrimarySession, why: str) -> Application:
    """The one application of the session, which cannot be closed, whatever is tried."""
    (application,) = session.affected(relaunch="all").applications
    assert why in application.reason
    with pytest.raises(RebootNeededError):
        session.shutdown(force=True, relaunch="all")
    stopped = session.shutdown(force=True, relaunch="all", partial=True, leave_closed=True)
    assert [outcome.result for outcome in stopped.outcomes] == [Result.SKIPPED]
    return application


# -- logins ----------------------------------------------------------------------------------------


@pytest.fixture
def login() -> Iterator[int]:
    """The number of the process that carries a login of the user, by su(1)."""
    before = {known.id for known in LoginFiles().all()}
    child = subprocess.Popen(
        ["/bin/su", "-l", USER, "-c", "exec sleep 1000"],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    awaited(lambda: {known.id for known in LoginFiles().all()} - before)
    yield child.pid
    child.terminate()
    child.wait()


def test_who_carries_a_login_is_known_by_what_it_is(login: int) -> None:
    with rm.start_session() as session:
        session.register(processes=[UniqueProcess.of(login)])
        application = left_alone(session, f"it carries the login of {USER}")
    assert application.required is Required.RELOGIN
    assert Path(f"/proc/{login}").exists()


def test_what_runs_in_the_login_is_like_any_other(login: int) -> None:
    awaited(lambda: asleep_below(login))
    (inside,) = asleep_below(login)
    with rm.start_session() as session:
        session.register(processes=[UniqueProcess.of(inside)])
        (application,) = session.affected().applications
    assert not application.reboot_reasons


def asleep_below(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    sleep = os.path.realpath("/bin/sleep")
    return [int(pid) for pid in children if os.readlink(f"/proc/{pid}/exe") == sleep]


# -- services --------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which(TMUX[0]) is None, reason="tmux is not installed")
def test_a_service_with_somebodys_terminals_is_left_alone(units: Units) -> None:
    script = "tmux -L rmtest new-session -d 'sleep 1000'; exec sleep 1000"
    units.add("with-terminals.service", f'[Service]\nExecStart=/bin/sh -c "{script}"\n')
    units.start("with-terminals.service")
    awaited(lambda: subprocess.run([*TMUX, "ls"], capture_output=True, check=False).returncode == 0)
    try:
        with rm.start_session() as session:
            session.register(services=["with-terminals"])
            application = left_alone(session, "would end with it: somebody works in its terminals")
        assert application.required is Required.RESTART
        assert state("with-terminals.service") == ["active"]
    finally:
        subprocess.run([*TMUX, "kill-server"], check=False)


def test_a_job_that_runs_is_not_broken_off(units: Units) -> None:
    units.add("nightly.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 1000\n")
    systemctl("start", "--no-block", "nightly.service")
    awaited(lambda: main_pid("nightly.service"))
    job = main_pid("nightly.service")
    with rm.start_session() as session:
        session.register(services=["nightly"])
        left_alone(session, "its job is running")
        assert [outcome.result for outcome in session.refresh()] == [Result.SKIPPED]
    assert main_pid("nightly.service") == job


def test_a_connection_that_is_served_is_not_broken_off(units: Units, tmp_path: Path) -> None:
    path = f"{units.folder}/served"
    units.add("served.socket", f"[Socket]\nListenStream={path}\nAccept=yes\n")
    units.add("served@.service", "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n")
    units.start("served.socket")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(b"a word")
        assert client.recv(100) == b"a word"
        said = systemctl("list-units", "--plain", "--no-legend", "served@*.service")
        (name, *_) = said.split()
        with rm.start_session() as session:
            session.register(services=[name])
            left_alone(session, "it serves one connection")
        client.sendall(b"another")
        assert client.recv(100) == b"another"
    awaited(lambda: not systemctl("list-units", "--plain", "--no-legend", "served@*.service"))


# -- many upgrades in a row ------------------------------------------------------------------------


def test_no_start_limit_leaves_a_service_down(units: Units) -> None:
    """As when unattended-upgrades calls after each of its steps."""
    limit = ["StartLimitIntervalSec=1h", "StartLimitBurst=3"]
    units.service("limited.service", unit=limit, kept=True)
    units.add("limited.socket", f"[Socket]\nListenStream={units.folder}/limited\n")
    units.start("limited.socket", "limited.service")
    for _ in range(5):
        with rm.start_session() as session:
            session.register(services=["limited"])
            with session.shutdown():
                pass
            assert state("limited.service", "limited.socket") == ["active", "active"]
    for _ in range(5):
        with rm.start_session() as session:
            session.register(services=["limited"], files=[units.library])
            library_at(units.library)
            assert [outcome.result for outcome in session.refresh()] == [Result.DONE]
        assert state("limited.service", "limited.socket") == ["active", "active"]


def test_nor_one_that_is_restarted_with_another(units: Units) -> None:
    """It needs one whose old library is replaced at each step, and so does its own limit count."""
    limit = ["StartLimitIntervalSec=1h", "StartLimitBurst=3"]
    units.service("below.service", kept=True)
    needs = ["Requires=below.service", "After=below.service"]
    units.add("above.service", "\n".join(["[Unit]", *needs, *limit, "[Service]", SLEEPS]))
    units.start("below.service", "above.service")
    for _ in range(5):
        with rm.start_session() as session:
            session.register(files=[units.library])
            library_at(units.library)
            session.refresh()
        assert state("below.service", "above.service") == ["active", "active"]


def test_what_has_failed_and_is_not_started_keeps_its_mark(units: Units) -> None:
    """For the administrator, who looks for what has failed."""
    units.add("broken.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n")
    systemctl("start", "broken.service", check=False)
    broken = Service("systemd", "broken.service")
    assert all(result.done for result in Systemd(0).release({broken: Hold()}))
    assert state("broken.service") == ["failed"]
