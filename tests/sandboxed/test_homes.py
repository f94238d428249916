"""What is started again is where it was, under the limits that it had, on a real systemd."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import restartmanager as rm
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.adapters.services.systemd.manager import Systemd
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess
from support.units import systemctl

if TYPE_CHECKING:
    from collections.abc import Iterator

UID = int(os.environ.get("SYSTEMD_SANDBOX_UID", "0"))
USER = os.environ.get("SYSTEMD_SANDBOX_USER", "")
OF_USER = ("--user", "-M", f"{USER}@")
AS_USER = ("/usr/bin/setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups")
SLEEP = ("/bin/sleep", "1000")
LIMITS = {
    "MemoryMax": "1073741824",
    "MemoryHigh": "536870912",
    "TasksMax": "77",
    "CPUWeight": "50",
    "CPUQuotaPerSecUSec": "500ms",
    "AllowedCPUs": "0",
    "DevicePolicy": "closed",
    "DeviceAllow": "/dev/null rw",
    "IPAddressDeny": "10.0.0.0/8",
    "SocketBindDeny": "tcp1-1024",
}
AS_SET = {"CPUQuotaPerSecUSec": "CPUQuota", "500ms": "50%", "tcp1-1024": "tcp:1-1024"}


class Programs:
    """Programs in scopes; all are gone afterwards."""

    def __init__(self) -> None:
        self._made: list[subprocess.Popen[bytes]] = []
        self._adopted: list[UniqueProcess] = []

    def sleeper(self, *options: str, before: tuple[str, ...] = ()) -> UniqueProcess:
        """A program that sleeps in a scope that systemd-run(1) makes with these options."""
        command = [*before, "/usr/bin/systemd-run", "--scope", "--quiet", *options, *SLEEP]
        child = subprocess.Popen(command, cwd="/", start_new_session=True)
        self._made.append(child)
        while os.readlink(f"/proc/{child.pid}/exe") != os.path.realpath(SLEEP[0]):
            assert child.poll() is None
            os.sched_yield()
        return UniqueProcess.of(child.pid)

    def adopt(self, identity: UniqueProcess | None) -> UniqueProcess:
        assert identity is not None
        self._adopted.append(identity)
        return identity

    def end(self) -> None:
        for child in self._made:
            child.kill()
            child.wait()
        for identity in self._adopted:
            if LinuxProcesses().is_alive(identity):
                with LinuxProcesses().open(identity) as handle:
                    handle.send(Signal.KILL)


@pytest.fixture
def programs() -> Iterator[Programs]:
    made = Programs()
    try:
        yield made
    finally:
        made.end()


def cgroup_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text().rpartition("::")[2].strip()


def limits_of(pid: int, *manager: str) -> dict[str, str]:
    unit = cgroup_of(pid).rpartition("/")[2]
    said = systemctl(*manager, "show", *(f"--property={name}" for name in LIMITS), unit)
    return dict(line.split("=", 1) for line in said.splitlines())


def brought_back(identity: UniqueProcess, programs: Programs) -> UniqueProcess:
    with rm.start_session() as session:
        session.register(processes=[identity])
        with session.shutdown(relaunch="all") as stopped:
            pass
    return programs.adopt(stopped.restarted[0].process)


def options(limits: dict[str, str]) -> list[str]:
    words = {AS_SET.get(name, name): AS_SET.get(value, value) for name, value in limits.items()}
    return [f"--property={name}={value}" for name, value in words.items()]


def test_a_program_of_roots_has_its_slice_and_its_limits_again(programs: Programs) -> None:
    old = programs.sleeper("--slice=rmtest-inner.slice", *options(LIMITS))
    before = limits_of(old.pid)
    assert before == LIMITS
    back = brought_back(old, programs)
    name = f"restartmanager-{back.pid}_{back.start_ticks}.scope"
    assert cgroup_of(back.pid) == f"/rmtest.slice/rmtest-inner.slice/{name}"
    assert limits_of(back.pid) == before


@pytest.mark.parametrize("uid", ["0", str(UID)])
def test_a_program_of_a_login_stays_below_the_slice_of_its_user(
    programs: Programs, uid: str
) -> None:
    """It outlives the installer, and what the user's own manager does at the end of a login."""
    old = programs.sleeper(f"--slice=user-{uid}.slice", f"--uid={uid}", "--unit=session-rm.scope")
    back = brought_back(old, programs)
    above, _, unit = cgroup_of(back.pid).rpartition("/")
    assert above == f"/user.slice/user-{uid}.slice"
    assert unit.startswith("restartmanager-")
    assert os.stat(f"/proc/{back.pid}").st_uid == int(uid)


def test_the_manager_of_a_user_gives_the_limits_again_that_it_can(programs: Programs) -> None:
    runtime = f"XDG_RUNTIME_DIR=/run/user/{UID}"
    limits = {"TasksMax": "77", "MemoryMax": "1073741824"}
    old = programs.sleeper(
        *("--user", "--slice=session.slice"),
        *options(limits),
        before=("/usr/bin/env", runtime, *AS_USER),
    )
    before = limits_of(old.pid, *OF_USER)
    assert limits.items() <= before.items()
    back = brought_back(old, programs)
    assert f"/user@{UID}.service/session.slice/restartmanager-" in cgroup_of(back.pid)
    assert limits_of(back.pid, *OF_USER) == before


def test_a_user_cannot_shed_what_only_root_can_give_again(programs: Programs) -> None:
    shared = [f"--slice=user-{UID}.slice", f"--uid={UID}"]
    free = programs.sleeper(*shared)
    tied = programs.sleeper(*shared, "--property=DevicePolicy=closed")
    apart = programs.sleeper("--slice=rmtest.slice", f"--uid={UID}")
    for old, why in (
        (free, ""),
        (tied, "only root can give it DevicePolicy= of"),
        (apart, "only root may put it back beside"),
    ):
        obstacle = obstacle_for_the_user(old)
        assert obstacle.startswith(why)
        assert bool(obstacle) == bool(why), obstacle


def obstacle_for_the_user(identity: UniqueProcess) -> str:
    """What stands against its coming back when the user asks, who has the system's bus only."""
    home = Systemd(UID).home(LinuxProcesses().describe(identity), UID)
    assert home is not None
    return home.obstacle
