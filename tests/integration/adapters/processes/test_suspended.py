"""Real processes that cannot act on anything that they are asked."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.model.identity import UniqueProcess
from support.paths import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.conftest import Children

WORDS = {  # what freezes a group, what thaws it, and what says that it is frozen
    1: ("freezer.state", "FROZEN", "THAWED", "freezer.state", "FROZEN\n"),
    2: ("cgroup.freeze", "1", "0", "cgroup.events", "frozen 1"),
}
PLACES = {
    1: [Path("/sys/fs/cgroup/freezer")],
    2: [Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")],
}
CC = shutil.which("cc") or ""


def await_state(pid: int, *states: str) -> None:
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in states:
        os.sched_yield()


def test_one_that_sleeps_can_answer(children: Children) -> None:
    child = children.sleeper()
    await_state(child.pid, "S")
    assert LinuxProcesses().suspended(UniqueProcess.of(child.pid)) == ""


def test_one_that_is_stopped_cannot_until_it_is_continued(children: Children) -> None:
    child = children.sleeper()
    identity = UniqueProcess.of(child.pid)
    child.send_signal(signal.SIGSTOP)
    await_state(child.pid, "T")
    assert "kill -CONT" in LinuxProcesses().suspended(identity)
    child.send_signal(signal.SIGCONT)
    await_state(child.pid, "S")
    assert LinuxProcesses().suspended(identity) == ""


def test_one_that_is_gone_is_not_suspended(children: Children) -> None:
    child = children.sleeper()
    identity = UniqueProcess.of(child.pid)
    child.kill()
    child.wait()
    assert LinuxProcesses().suspended(identity) == ""


@pytest.mark.skipif(not CC, reason="there is no C compiler")
def test_one_that_waits_in_the_kernel(children: Children, tmp_path: Path) -> None:
    program = str(tmp_path / "waits")
    subprocess.run([CC, "-o", program, str(PROGRAMS / "waits_in_kernel.c")], check=True)
    child = children.mine(subprocess.Popen([program], process_group=0))
    try:
        await_state(child.pid, "D")
        assert "waits in the kernel" in LinuxProcesses().suspended(UniqueProcess.of(child.pid))
    finally:
        os.killpg(child.pid, signal.SIGKILL)


@pytest.fixture
def frozen(request: pytest.FixtureRequest, children: Children) -> Iterator[int]:
    """A child in a control group that is frozen, of the version that the parameter names."""
    version: int = request.param
    place = next((path for path in PLACES[version] if (path / "cgroup.procs").exists()), None)
    if place is None:
        pytest.skip(f"this machine has no control groups of version {version} that freeze")
    child = children.sleeper()
    group = place / f"restartmanager-frozen-{os.getpid()}"
    group.mkdir()
    file, on, off, said, answer = WORDS[version]
    try:
        (group / "cgroup.procs").write_text(str(child.pid))
        (group / file).write_text(on)
        while answer not in (group / said).read_text():
            os.sched_yield()
        yield child.pid
    finally:
        (group / file).write_text(off)
        (place / "cgroup.procs").write_text(str(child.pid))
        group.rmdir()


@pytest.mark.root
@pytest.mark.parametrize("frozen", [1, 2], indirect=True)
def test_one_whose_control_group_is_frozen(frozen: int) -> None:
    said = LinuxProcesses().suspended(UniqueProcess.of(frozen))
    assert said == "its control group is frozen, so it cannot answer"
