"""Real reboots: what an installer that died had closed is back in the next boot, once.

The sandbox runs this file twice. In the first boot a scene is made, installers die, and systemd
reboots; that run never gets beyond it. The tests run in the second boot.
"""

from __future__ import annotations

import json
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.model import RestartFlags
from restartmanager.model.identity import UniqueProcess
from support.booting import UNIT, restrictions, unit_text
from support.paths import PROGRAMS
from support.units import PYTHON, Units, state, systemctl

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.timeout(240)

BOOT = os.environ.get("SYSTEMD_SANDBOX_BOOT", "")
FOLDER = Path("/srv/reboot")
GONE = Path("/run/gone-with-the-boot")
USER = os.environ.get("SYSTEMD_SANDBOX_USER", "")
RESTARTCTL = str(Path(sys.executable).with_name("restartctl"))
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PATIENCE_S = 50
OF_THIS_BOOT = f"[Service]\nBindReadOnlyPaths=-/run/host/boot_id:{BOOT_ID}\n"
"""For the unit has a /proc of its own, in which the boot ID is that of the machine below."""
INSTALLER = """
import os, signal, sys
import restartmanager as rm
session = rm.start_session()
session.register(files=sys.argv[1:])
session.shutdown(relaunch="all")
os.kill(os.getpid(), signal.SIGKILL)
"""
SERVICES = ("by-hand.service", "at-boot.service", "on-bus.service", "on-socket.service")
"""Started by hand, at boot, held by a mask, and held by its socket."""


class Desk:
    """An application with all that it uses, and all that it leaves behind."""

    def __init__(self, name: str) -> None:
        self.folder = FOLDER / name
        self.home = self.folder / "home"
        self.file = self.folder / "in-use"
        self.starts, self.ready = self.folder / "starts", self.folder / "ready"
        words = FOLDER / "comes_back.py", self.file, self.starts, self.ready
        self.command = list(map(str, words))

    def make(self) -> None:
        self.home.mkdir(parents=True)
        self.file.touch()
        os.mkfifo(self.ready)
        self.starts.touch()
        for path in self.starts, self.ready:
            path.chmod(0o666)

    def run(self, python: str, *words: str, **options: Any) -> None:
        subprocess.Popen(
            [python, *self.command, *words], cwd=self.home, start_new_session=True,
            stdout=subprocess.DEVNULL, **options,
        )  # fmt: skip
        self.await_start()

    def await_start(self) -> None:
        pipe = os.open(self.ready, os.O_RDWR | os.O_NONBLOCK)
        try:
            assert select.select([pipe], [], [], PATIENCE_S)[0], f"{self.folder.name} did not start"
            os.read(pipe, 1)
        finally:
            os.close(pipe)

    def starts_ever(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.starts.read_text(encoding="utf-8").splitlines()]

    def starts_now(self) -> list[dict[str, Any]]:
        """Its starts in this boot."""
        return [start for start in self.starts_ever() if start["boot"] == this_boot()]

    def running(self) -> list[int]:
        """The processes that run it, also one that has just begun."""
        mine, numbers = "\0".join(self.command).encode(), filter(str.isdigit, os.listdir("/proc"))
        return [pid for pid in map(int, numbers) if mine in _words(pid)]

    def back(self) -> dict[str, Any]:
        """Its one start in this boot."""
        self.await_start()
        (start,) = self.starts_now()
        assert self.running() == [start["pid"]]
        assert LinuxProcesses().is_alive(UniqueProcess.of(start["pid"]))
        return dict(start)


def _words(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def this_boot() -> str:
    return BOOT_ID.read_text(encoding="ascii").strip()


LIBRARY = FOLDER / "services" / "lib" / "libwidget.so"
EDITOR, OF_USER, WEARY = Desk("editor"), Desk("of-user"), Desk("weary")
CUT_OFF, POLITE = Desk("cut-off"), Desk("polite")
DESKS = (EDITOR, OF_USER, WEARY, CUT_OFF, POLITE)


# -- the first boot ----------------------------------------------------------------------------


def first_boot() -> None:
    FOLDER.mkdir()
    shutil.copy(PROGRAMS / "comes_back.py", FOLDER)
    units = Units(LIBRARY.parents[1])
    assert units.library == LIBRARY
    for desk in DESKS:
        desk.make()
    (FOLDER / "boot").write_text(this_boot())
    GONE.touch()
    units.add(UNIT, unit_text())
    units.add("boot-id.conf", OF_THIS_BOOT, Path(f"/etc/systemd/system/{UNIT}.d"))
    start_services(units)
    systemctl("enable", UNIT)
    user = pwd.getpwnam(USER)
    OF_USER.run(
        PYTHON, "as-before", user=user.pw_uid, group=user.pw_gid, extra_groups=[user.pw_gid],
        env={"PATH": "/usr/bin:/bin", "HOME": user.pw_dir},
    )  # fmt: skip
    EDITOR.run(sys.executable, "register", "0")
    WEARY.run(sys.executable, "register", str(int(RestartFlags.NO_REBOOT)))
    for desk, ends_by in ((CUT_OFF, "SIGKILL"), (POLITE, "SIGTERM")):
        desk.run(sys.executable, "register", "0")
        begin_run(desk, ends_by)
    files = [str(LIBRARY), str(EDITOR.file), str(OF_USER.file), str(WEARY.file)]
    done = subprocess.run([sys.executable, "-c", INSTALLER, *files], check=False)
    assert done.returncode == -signal.SIGKILL
    assert state(*SERVICES) == ["inactive"] * 4
    assert file_state("on-bus.service") == "masked-runtime"
    assert [desk for desk in DESKS if desk.running()] == []


def start_services(units: Units) -> None:
    for name in SERVICES:
        note = f"ExecStartPre=/bin/sh -c 'cat {BOOT_ID} >>{starts_of(name)}'"
        bus = ["BusName=org.example.reboot"] if name == "on-bus.service" else []
        units.service(name, service=[note, *bus], kept=name == "at-boot.service")
    # Beside a file in /etc, a mask in /run has no effect.
    shutil.move("/etc/systemd/system/on-bus.service", "/usr/lib/systemd/system")
    units.add("on-socket.socket", f"[Socket]\nListenStream={units.folder}/socket\n")
    units.start("on-socket.socket", *SERVICES)
    assert state(*SERVICES) == ["active"] * 4


def starts_of(service: str) -> Path:
    return FOLDER / f"{service}.starts"


def file_state(unit: str) -> str:
    return systemctl("show", "--property=UnitFileState", "--value", unit)


def begin_run(desk: Desk, ends_by: str) -> None:
    """A ``restartctl run`` whose command is at it until the reboot, which ends both this way."""
    amid = desk.folder / "amid"
    os.mkfifo(amid)
    pipe = os.open(amid, os.O_RDWR)
    unit = ["--quiet", f"--unit=run-{desk.folder.name}", f"--property=KillSignal={ends_by}"]
    command = ["/bin/sh", "-c", f"echo >{amid}; exec sleep infinity"]
    subprocess.run(
        ["/usr/bin/systemd-run", *unit, RESTARTCTL, "run", "--file", desk.file, "--", *command],
        check=True,
    )
    assert select.select([pipe], [], [], PATIENCE_S)[0], "the command was not run"
    os.close(pipe)


# -- the second boot ---------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def unit() -> dict[str, str]:
    """What the unit did in the second boot; in the first, all is made and nobody comes back."""
    if BOOT == "1":
        first_boot()
        systemctl("reboot")
        while True:  # until systemd ends this process, or the time limit of the tests
            signal.pause()
    return dict(line.split("=", 1) for line in systemctl("show", UNIT).splitlines())


def test_it_is_another_boot_on_the_same_files() -> None:
    assert BOOT == "2"
    assert (FOLDER / "boot").read_text() != this_boot()
    assert UniqueProcess.of(1).boot_id == this_boot().replace("-", "")
    assert not GONE.exists()


def test_the_unit_was_started_by_the_boot_with_its_restrictions(unit: dict[str, str]) -> None:
    journal = ["journalctl", "--boot", "--no-pager", "--output=cat", f"--unit={UNIT}"]
    said = subprocess.run(journal, capture_output=True, text=True, check=False).stdout
    assert unit["Result"] == "success", said
    assert unit["ActiveState"] == "inactive"
    assert unit["ExecMainStatus"] == "0"
    assert unit["ConditionResult"] == "yes"
    assert unit["ProtectSystem"] == "strict"
    assert unit["NoNewPrivileges"] == "yes"
    assert Path(unit["FragmentPath"]).read_text(encoding="utf-8") == unit_text()


def test_what_registered_is_back_as_it_wanted() -> None:
    start = EDITOR.back()
    assert start["words"] == ["restored"]
    assert start["directory"] == str(EDITOR.home)
    assert (start["uids"], start["gids"]) == ([0] * 3, [0] * 3)
    assert UNIT not in start["cgroup"]
    assert restrictions(start["pid"]) == restrictions(1)


def test_what_was_a_users_is_back_as_that_users() -> None:
    start, user = OF_USER.back(), pwd.getpwnam(USER)
    assert start["words"] == ["as-before"]
    assert start["directory"] == str(OF_USER.home)
    assert (start["uids"], start["gids"]) == ([user.pw_uid] * 3, [user.pw_gid] * 3)
    assert start["groups"] == [user.pw_gid]
    assert UNIT not in start["cgroup"]
    facts, free = restrictions(start["pid"]), restrictions(1)
    assert int(facts.pop("CapEff"), 16) == 0
    assert facts == {name: free[name] for name in facts}


def test_what_wants_no_reboot_to_bring_it_back_stays_closed() -> None:
    assert WEARY.starts_now() == []
    assert WEARY.running() == []


def test_what_a_run_had_closed_when_the_boot_ended_is_back_once() -> None:
    assert CUT_OFF.back()["words"] == ["restored"]


def test_what_a_run_brought_back_while_the_system_went_down_is_not_started_twice() -> None:
    """Then the reboot ends it like everything that runs, and nobody owes it any more. It may be
    ended before it says that it was started."""
    first, *later = (start["words"] for start in POLITE.starts_ever())
    assert first == ["register", "0"]
    assert later in ([], [["restored"]])
    assert len(POLITE.running()) == len(POLITE.starts_now())


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_active_again_and_was_started_once(name: str) -> None:
    assert state(name) == ["active"]
    starts = starts_of(name).read_text(encoding="ascii").split()
    assert starts.count(this_boot()) == 1


def test_what_was_held_is_released() -> None:
    assert file_state("on-bus.service") == "static"
    assert state("on-socket.socket") == ["active"]


@pytest.mark.parametrize(
    "command",
    [
        ["/usr/bin/systemctl", "start", UNIT],
        [RESTARTCTL, "recover"],
        [RESTARTCTL, "run", "--file", str(FOLDER / "free"), "--", "/bin/true"],
    ],
    ids=["unit", "recover", "run"],
)
def test_nothing_is_started_twice(command: Sequence[str]) -> None:
    before = everything_that_runs()
    (FOLDER / "free").touch()
    subprocess.run(command, check=True)
    assert everything_that_runs() == before


def everything_that_runs() -> list[object]:
    found: list[object] = [(desk.running(), desk.starts_now()) for desk in DESKS]
    return found + [starts_of(name).read_text(encoding="ascii") for name in SERVICES]
