"""Applications of a user's desktop session, in scopes of that user's own manager."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.api.sessions import start_session
from restartmanager.model import AppType, RestartBy, Result, Signal
from restartmanager.model.identity import UniqueProcess
from support.units import library_at, maps, systemctl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restartmanager.api.primary import PrimarySession

USER = os.environ.get("SYSTEMD_SANDBOX_USER", "")
UID = int(os.environ.get("SYSTEMD_SANDBOX_UID", "0"))
APPLICATION = "org.example.Widget"
ENTRY = Path("/usr/share/applications") / f"{APPLICATION}.desktop"
PATIENCE_S = 30


class Desk:
    """What a user's desktop has started: programs that have a library preloaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.library = library_at(folder / "lib" / "libwidget.so")
        self._children: list[subprocess.Popen[bytes]] = []
        self._adopted: list[UniqueProcess] = []

    def serve(self, unit: str, *command: str) -> UniqueProcess:
        """A program in a service that is made for it."""
        options = ("--user", "-M", f"{USER}@")
        preload = f"--setenv=LD_PRELOAD={self.library}"
        run = ["/usr/bin/systemd-run", *options, "--quiet", "--collect", f"--unit={unit}"]
        subprocess.run([*run, preload, *command], check=True)
        pid = int(systemctl(*options, "show", "--property=MainPID", "--value", unit))
        self._await_program(pid, command[0], preload=True)
        return self.adopt(UniqueProcess.of(pid))

    def start(
        self, unit: str, *command: str, preload: bool = True, becomes: str = ""
    ) -> UniqueProcess:
        """A program in a scope of this name; the number is that of the program itself, which in the
        end is another one where the command ``becomes`` that."""
        account = pwd.getpwnam(USER)
        environment = {
            "XDG_RUNTIME_DIR": f"/run/user/{UID}",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{UID}/bus",
            "PATH": "/usr/bin:/bin",
            "HOME": account.pw_dir,
        }
        program = ["/usr/bin/env", f"LD_PRELOAD={self.library}" if preload else "PLAIN=1", *command]
        child = subprocess.Popen(
            ["/usr/bin/systemd-run", "--user", "--scope", "--quiet", f"--unit={unit}", *program],
            user=UID,
            group=account.pw_gid,
            extra_groups=[],
            cwd=self.folder,
            env=environment,
            process_group=0,
        )
        self._children.append(child)
        self._await_program(child.pid, becomes or command[0], preload=preload)
        return UniqueProcess.of(child.pid)

    def _await_program(self, pid: int, program: str, *, preload: bool) -> None:
        """Until it runs this, and has the library mapped: a moment passes between the two."""
        deadline = time.monotonic() + PATIENCE_S
        path = os.path.realpath(program)
        while os.readlink(f"/proc/{pid}/exe") != path or (preload and not maps(pid, self.library)):
            assert time.monotonic() < deadline, f"{program} does not run"
            os.sched_yield()

    def adopt(self, identity: UniqueProcess | None) -> UniqueProcess:
        assert identity is not None
        self._adopted.append(identity)
        return identity

    def clear(self) -> None:
        for child in self._children:
            child.kill()
            child.wait()
        for identity in self._adopted:
            if LinuxProcesses().is_alive(identity):
                with LinuxProcesses().open(identity) as handle:
                    handle.send(Signal.KILL)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = Path("/srv") / tmp_path.name
    folder.mkdir()
    ENTRY.parent.mkdir(parents=True, exist_ok=True)
    ENTRY.write_text(
        f"[Desktop Entry]\nType=Application\nName=Widget\nExec=env LD_PRELOAD={folder}/lib/"
        "libwidget.so sleep 2000\n"
    )
    ENTRY.chmod(0o644)
    made = Desk(folder)
    try:
        yield made
    finally:
        made.clear()
        ENTRY.unlink()
        shutil.rmtree(folder)


@pytest.fixture
def session(desk: Desk) -> Iterator[PrimarySession]:
    with start_session() as started:
        started.register(files=[desk.library])
        yield started
        started.leave_stopped()


def cgroup_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text().rpartition("::")[2].strip()


def test_root_brings_back_by_the_entry_in_the_users_own_manager(
    desk: Desk, session: PrimarySession
) -> None:
    before = desk.start(f"app-gnome-{APPLICATION}-42.scope", "/usr/bin/sleep", "1000")
    (application,) = session.affected().applications
    assert application.main_process is not None
    assert application.main_process.identity == before
    assert application.type is AppType.MAIN_WINDOW
    assert application.restart_by is RestartBy.DESKTOP
    with session.shutdown() as stopped:
        library_at(desk.library)
    (outcome,) = stopped.restarted
    assert outcome.result is Result.DONE
    back = desk.adopt(outcome.process)
    unit = f"app-gnome-{APPLICATION}-{back.pid}_{back.start_ticks}.scope"
    assert cgroup_of(back.pid).endswith(f"/user@{UID}.service/app.slice/{unit}")
    assert systemctl("--user", "-M", f"{USER}@", "is-active", unit) == "active"
    assert Path(f"/proc/{back.pid}/cmdline").read_bytes() == b"sleep\x002000\x00"
    assert f"Uid:\t{UID}\t{UID}\t{UID}\t{UID}" in Path(f"/proc/{back.pid}/status").read_text()
    (again,) = session.affected().applications
    assert again.restart_by is RestartBy.DESKTOP  # its scope still tells which application it is


@pytest.mark.parametrize("relaunch", ["registered", "all"])
def test_root_starts_nothing_that_a_user_chose_by_the_name_of_a_scope(
    desk: Desk, session: PrimarySession, relaunch: Literal["registered", "all"]
) -> None:
    """A daemon that sudo(8) left in the user's scope, called as an entry of the system is."""
    before = desk.start(f"app-gnome-{APPLICATION}-51.scope", "/usr/bin/sleep", "1000")
    group = Path("/sys/fs/cgroup") / cgroup_of(before.pid).lstrip("/")
    environment = {"LD_PRELOAD": str(desk.library), "DISPLAY": ":99"}
    daemon = subprocess.Popen(["/usr/bin/sleep", "3000"], env=environment, cwd="/")
    desk._children.append(daemon)
    desk._await_program(daemon.pid, "/usr/bin/sleep", preload=True)
    (group / "cgroup.procs").write_text(str(daemon.pid))
    with LinuxProcesses().open(before) as handle:
        handle.send(Signal.KILL)
    (application,) = session.affected(relaunch=relaunch).applications
    assert application.main_process is not None
    assert application.main_process.pid == daemon.pid
    assert application.type is not AppType.MAIN_WINDOW
    with session.shutdown(relaunch=relaunch) as stopped:
        daemon.wait()
    if relaunch == "registered":
        assert application.restart_by is RestartBy.NONE
        assert application.reason == (
            f"its unit, which names a desktop entry, is one of user {UID}"
        )
        assert stopped.restarted[0].process is None
    else:
        back = desk.adopt(stopped.restarted[0].process)
        assert Path(f"/proc/{back.pid}/cmdline").read_bytes() == b"/usr/bin/sleep\x003000\x00"
        name = f"restartmanager-{back.pid}_{back.start_ticks}.scope"
        assert cgroup_of(back.pid) == f"/user.slice/user-{UID}.slice/{name}"


def test_an_entry_of_another_program_does_not_count(desk: Desk, session: PrimarySession) -> None:
    """A wrapper: a script that ends in another program, as many browsers have."""
    wrapper = desk.folder / "wrapper"
    wrapper.write_text('#!/bin/sh\nexec /usr/bin/sleep "$@"\n')
    wrapper.chmod(0o755)
    ENTRY.write_text(f"[Desktop Entry]\nType=Application\nName=Widget\nExec={wrapper}\n")
    desk.start(f"app-gnome-{APPLICATION}-52.scope", "/usr/bin/sleep", "1000")
    (application,) = session.affected().applications
    assert application.restart_by is RestartBy.NONE
    assert application.reason == (
        f"its desktop entry starts '{wrapper}', and it runs another program"
    )


def test_a_service_that_a_desktop_made_for_one_start_is_an_application(
    desk: Desk, session: PrimarySession
) -> None:
    before = desk.serve(f"app-{APPLICATION}@0a1b.service", "/usr/bin/sleep", "1000")
    (application,) = session.affected().applications
    assert application.service is None
    assert application.main_process is not None
    assert application.main_process.identity == before
    assert application.restart_by is RestartBy.DESKTOP
    with session.shutdown() as stopped:
        assert not LinuxProcesses().is_alive(before)
    back = desk.adopt(stopped.restarted[0].process)
    unit = f"app-{APPLICATION}-{back.pid}_{back.start_ticks}.scope"
    own_slice = f"app-app\\x2d{APPLICATION}.slice"  # that of all instances of a template
    assert cgroup_of(back.pid).endswith(f"/user@{UID}.service/app.slice/{own_slice}/{unit}")


def test_a_scope_is_led_by_its_oldest_process_though_it_uses_nothing(
    desk: Desk, session: PrimarySession
) -> None:
    """A helper that its leader has disowned is none of its children, but of its scope."""
    script = f"(LD_PRELOAD={desk.library} setsid sleep 1000 &) ; exec tail -f /dev/null"
    unit = f"app-gnome-{APPLICATION}-43.scope"
    leader = desk.start(unit, "/bin/sh", "-c", script, preload=False, becomes="/usr/bin/tail")
    deadline = time.monotonic() + PATIENCE_S
    while not (found := session.affected().applications):
        assert time.monotonic() < deadline
    (application,) = found
    assert application.main_process is not None
    assert application.main_process.identity == leader
    assert len(application.processes) == 2
    outcomes = session.shutdown().outcomes
    assert [outcome.result for outcome in outcomes] == [Result.DONE]
    assert not any(LinuxProcesses().is_alive(p.identity) for p in application.processes)


def test_what_was_in_no_scope_of_a_desktop_gets_one_of_its_own(
    desk: Desk, session: PrimarySession
) -> None:
    desk.start("run-42.scope", "/usr/bin/sleep", "1000")
    with session.shutdown(relaunch="all") as stopped:
        pass
    back = desk.adopt(stopped.restarted[0].process)
    unit = f"restartmanager-{back.pid}_{back.start_ticks}.scope"
    assert cgroup_of(back.pid).endswith(f"/user@{UID}.service/app.slice/{unit}")


def test_without_an_answer_of_the_users_manager_it_comes_back_all_the_same(
    desk: Desk, session: PrimarySession
) -> None:
    desk.start("run-43.scope", "/usr/bin/sleep", "1000")
    manager = int(systemctl("show", "--property=MainPID", "--value", f"user@{UID}.service"))
    held = os.pidfd_open(manager)
    with session.shutdown(relaunch="all") as stopped:
        signal.pidfd_send_signal(held, signal.SIGSTOP)
    try:
        back = desk.adopt(stopped.restarted[0].process)
        assert stopped.restarted[0].result is Result.DONE
        name = f"restartmanager-{back.pid}_{back.start_ticks}.scope"
        assert cgroup_of(back.pid) == f"/user.slice/user-{UID}.slice/{name}"
    finally:
        signal.pidfd_send_signal(held, signal.SIGCONT)
        os.close(held)
