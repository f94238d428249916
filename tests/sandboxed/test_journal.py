"""What a program said to the journal it says to the journal again."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

import restartmanager as rm
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess
from support.units import PYTHON, systemctl

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.timeout(60)

UID = int(os.environ.get("SYSTEMD_SANDBOX_UID", "0"))
TALKS = "import os, signal; print('it is', os.getpid(), flush=True); signal.pause()"


def said_by(pid: int) -> str:
    """What the journal has of a process; it is asked until it has something."""
    command = ["/usr/bin/journalctl", "--quiet", "--output=cat", f"_PID={pid}"]
    while not (text := subprocess.run(command, capture_output=True, text=True, check=True).stdout):
        subprocess.run(["/usr/bin/journalctl", "--sync"], check=True)
    return text


@pytest.mark.parametrize("user", [(), (f"--reuid={UID}", f"--regid={UID}", "--clear-groups")])
def test_it_goes_on(user: Sequence[str]) -> None:
    command = ["/usr/bin/systemd-cat", "--identifier=talker", PYTHON, "-S", "-I", "-c", TALKS]
    before = ["/usr/bin/setpriv", *user] if user else []
    child = subprocess.Popen([*before, *command], cwd="/", start_new_session=True)
    assert said_by(child.pid) == f"it is {child.pid}\n"
    with rm.start_session() as session:
        session.register(processes=[UniqueProcess.of(child.pid)])
        with session.shutdown(relaunch="all") as stopped:
            child.wait()
    back = stopped.restarted[0].process
    assert back is not None
    try:
        assert said_by(back.pid) == f"it is {back.pid}\n"
    finally:
        with LinuxProcesses().open(back) as handle:
            handle.send(Signal.KILL)


def test_a_journal_that_has_stopped_is_no_reason_to_stay_closed() -> None:
    command = ["/usr/bin/systemd-cat", PYTHON, "-S", "-I", "-c", TALKS]
    child = subprocess.Popen(command, cwd="/", start_new_session=True)
    assert said_by(child.pid)
    journal = ["systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald"]
    with rm.start_session() as session:
        session.register(processes=[UniqueProcess.of(child.pid)])
        session.shutdown(relaunch="all")
        child.wait()
        systemctl("stop", *journal)
        try:
            (outcome,) = session.restart()
        finally:
            systemctl("start", *journal)
    assert outcome.process is not None
    with LinuxProcesses().open(outcome.process) as handle:
        handle.send(Signal.KILL)
