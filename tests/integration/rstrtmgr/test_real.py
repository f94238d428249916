"""The Windows API on this machine: real processes, real signals, a session memory on disk."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from restartmanager import rstrtmgr as rm
from restartmanager import start_session
from restartmanager.adapters.scan.scanner import LinuxScanner
from support.paths import PROGRAMS
from support.spawning import PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from restartmanager.model import Resources, Sighting
    from support.spawning import Spawn

OBEYS = str(PROGRAMS / "obeys.py")

REPORTS_REQUESTS = """
import os, signal
signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"T"))
os.write(1, b"R")
while True:
    signal.pause()
"""

FORKS = """
import os
from restartmanager import rstrtmgr as rm
_, handle, _ = rm.RmStartSession(0)
child = os.fork()
if child == 0:
    code = rm.RmEndSession(handle)
    os._exit(code if rm.RmStartSession(0)[1] != handle else 99)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == rm.ERROR_INVALID_HANDLE
assert rm.RmGetList(handle, 0)[0] == rm.ERROR_SUCCESS
assert rm.RmEndSession(handle) == rm.ERROR_SUCCESS
"""


@pytest.fixture(autouse=True)
def _memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the next session on, applications have one second to exit."""
    monkeypatch.setenv("RESTARTMANAGER_TIMEOUT_S", "1")


@pytest.fixture
def handle(_memory: None) -> Iterator[int]:
    code, handle, _ = rm.RmStartSession(0)
    assert code == rm.ERROR_SUCCESS
    yield handle
    rm.RmEndSession(handle)


@pytest.fixture
def library(tmp_path: Path, handle: int) -> str:
    """A registered file."""
    path = tmp_path / "libwidget.so"
    path.write_text("version 1")
    code = rm.RmRegisterResources(handle, 1, [str(path)], 0, None, 0, None)
    assert code == rm.ERROR_SUCCESS
    return str(path)


def register_process(handle: int, process: rm.RM_UNIQUE_PROCESS) -> None:
    code = rm.RmRegisterResources(handle, 0, None, 1, [process], 0, None)
    assert code == rm.ERROR_SUCCESS


def was_left_alone(child: subprocess.Popen[bytes]) -> bool:
    """Whether the child, which obeys signals, ends by itself when its input does."""
    assert child.stdin is not None
    child.stdin.close()
    return child.wait(10) == 0


def test_who_registers_itself_needs_a_reboot_and_nothing_is_touched(
    spawn: Spawn, handle: int, library: str
) -> None:
    child = spawn.holding("map", library)
    register_process(handle, rm.RM_UNIQUE_PROCESS.of(os.getpid()))
    code, needed, _, apps, reasons = rm.RmGetList(handle, 10)
    assert (code, needed, reasons) == (rm.ERROR_SUCCESS, 2, rm.RmRebootReasonDetectedSelf)
    (own,) = (app for app in apps if app.Process.dwProcessId == os.getpid())
    assert own.ApplicationType == rm.RmCritical
    assert rm.RmShutdown(handle, rm.RmForceShutdown, None) == rm.ERROR_FAIL_NOACTION_REBOOT
    assert was_left_alone(child)


def test_what_ignores_the_request_is_killed_only_with_force(
    impatient: None, spawn: Spawn, handle: int
) -> None:
    child = spawn.ready(PYTHON, "-S", "-I", OBEYS, "--stubborn")
    register_process(handle, rm.RM_UNIQUE_PROCESS.of(child.pid))
    assert rm.RmShutdown(handle, 0, None) == rm.ERROR_FAIL_SHUTDOWN
    assert child.poll() is None
    (app,) = rm.RmGetList(handle, 10)[3]
    assert app.AppStatus == rm.RmStatusRunning | rm.RmStatusErrorOnStop
    assert rm.RmShutdown(handle, rm.RmForceShutdown, None) == rm.ERROR_SUCCESS
    assert child.wait(10) == -9


def test_who_is_closed_by_its_user_after_351_was_stopped_by_another(
    impatient: None, spawn: Spawn, handle: int
) -> None:
    child = spawn.ready(PYTHON, "-S", "-I", OBEYS, "--stubborn")
    register_process(handle, rm.RM_UNIQUE_PROCESS.of(child.pid))
    assert rm.RmShutdown(handle, 0, None) == rm.ERROR_FAIL_SHUTDOWN
    child.kill()
    child.wait(10)
    (app,) = rm.RmGetList(handle, 10)[3]
    assert app.AppStatus == rm.RmStatusStoppedOther | rm.RmStatusErrorOnStop == 0x14


def test_a_list_is_called_off_while_the_machine_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, handle: int, library: str
) -> None:
    looking, answer = threading.Event(), threading.Event()
    find = LinuxScanner.find_holders

    def find_late(scanner: LinuxScanner, resources: Resources) -> Sighting:
        looking.set()
        answer.wait(60)
        return find(scanner, resources)

    def cancel_while_it_looks() -> None:
        assert looking.wait(60)
        codes.append(rm.RmCancelCurrentTask(handle))

    codes: list[rm.WinError] = []
    monkeypatch.setattr(LinuxScanner, "find_holders", find_late)
    thread = threading.Thread(target=cancel_while_it_looks)
    thread.start()
    try:
        code, needed, *_ = rm.RmGetList(handle, 10)
        assert not answer.is_set()
    finally:
        answer.set()
        thread.join()
    assert (code, needed, codes) == (rm.ERROR_CANCELLED, 0, [rm.ERROR_SUCCESS])
    assert rm.RmGetList(handle, 10)[0] == rm.ERROR_SUCCESS


def test_cancelling_from_another_thread_leaves_the_target_alive(spawn: Spawn, handle: int) -> None:
    child = spawn.ready(PYTHON, "-S", "-I", "-c", REPORTS_REQUESTS)
    register_process(handle, rm.RM_UNIQUE_PROCESS.of(child.pid))
    codes: list[rm.WinError] = []

    def cancel_when_asked() -> None:
        assert child.stdout is not None
        assert child.stdout.read(1) == b"T"
        codes.append(rm.RmCancelCurrentTask(handle))

    thread = threading.Thread(target=cancel_when_asked)
    thread.start()
    code = rm.RmShutdown(handle, rm.RmForceShutdown, None)
    thread.join()
    assert (code, codes) == (rm.ERROR_CANCELLED, [rm.ERROR_SUCCESS])
    assert child.poll() is None


@pytest.mark.parametrize("difference", [1, -1, 100_000, -100_000])
def test_a_process_with_another_start_is_never_signalled(
    spawn: Spawn, handle: int, difference: int
) -> None:
    child = spawn.holding("chdir", "/")
    real = rm.RM_UNIQUE_PROCESS.of(child.pid)
    start = rm.FILETIME.of(real.ProcessStartTime.value + difference)
    register_process(handle, rm.RM_UNIQUE_PROCESS(child.pid, start))
    assert rm.RmGetList(handle, 0)[:2] == (rm.ERROR_SUCCESS, 0)
    assert rm.RmShutdown(handle, rm.RmForceShutdown, None) == rm.ERROR_SUCCESS
    assert was_left_alone(child)


def test_a_process_that_appears_meanwhile_makes_the_loop_go_round(
    spawn: Spawn, handle: int, library: str
) -> None:
    pids = {spawn.holding("map", library).pid}
    code, room, *_ = rm.RmGetList(handle, 0)
    assert (code, room) == (rm.ERROR_MORE_DATA, 1)
    pids.add(spawn.holding("open", library).pid)
    answers = []
    while code == rm.ERROR_MORE_DATA:
        code, room, _, apps, _ = rm.RmGetList(handle, room)
        answers.append((code, len(apps)))
    assert answers == [(rm.ERROR_MORE_DATA, 0), (rm.ERROR_SUCCESS, 2)]
    apps = rm.RmGetList(handle, room)[3]
    assert {app.Process.dwProcessId for app in apps} == pids


def test_a_dropped_session_gives_its_slot_back_to_every_process() -> None:
    for _ in range(65):
        start_session()
    command = [sys.executable, "-c", "from restartmanager import sessions; print(len(sessions()))"]
    told = subprocess.run(command, check=True, timeout=30, capture_output=True, text=True)
    assert told.stdout == "0\n"


def test_a_forked_child_has_no_handles_of_its_parent() -> None:
    subprocess.run([sys.executable, "-c", FORKS], check=True, timeout=30)
