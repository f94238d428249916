"""The unit that brings back at boot what an installer that died had left closed."""

from __future__ import annotations

import os
import pwd
import re
import select
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess
from support.booting import UNIT, restrictions, unit_text
from support.units import systemctl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.units import Units

PATIENCE_S = 60
APPLICATION = """
import os, signal, sys
from restartmanager import app
held = open(sys.argv[1])
app.register_application_restart(sys.argv[1:])
with open(sys.argv[2], "w") as ready:
    print(os.getpid(), file=ready)
signal.pause()
"""
INSTALLER = """
import os, sys
import restartmanager as rm
session = rm.start_session()
session.register(files=[sys.argv[1]])
session.shutdown()
os._exit(9)
"""


class Desk:
    """An application that uses a file and tells when it is ready, again and again."""

    def __init__(self, folder: Path) -> None:
        self.file, self.ready = folder / "in-use", folder / "ready"
        self.program = folder / "application.py"
        self.program.write_text(APPLICATION)
        self.file.write_text("old")
        os.mkfifo(self.ready)
        self._pipe = os.open(self.ready, os.O_RDWR | os.O_NONBLOCK)
        self._started: list[UniqueProcess] = []

    def next_one(self) -> UniqueProcess:
        assert select.select([self._pipe], [], [], PATIENCE_S)[0], "nobody got ready"
        self._started.append(UniqueProcess.of(int(os.read(self._pipe, 100))))
        return self._started[-1]

    def clear(self) -> None:
        for identity in self._started:
            if LinuxProcesses().is_alive(identity):
                with LinuxProcesses().open(identity) as handle:
                    handle.send(Signal.KILL)
        os.close(self._pipe)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.clear()


def test_what_a_dead_installer_left_closed_comes_back_and_stays(units: Units, desk: Desk) -> None:
    units.add(UNIT, unit_text())
    units.start()
    systemctl("start", UNIT)
    assert systemctl("show", "--property=ConditionResult", "--value", UNIT) == "no"

    words = [str(desk.program), str(desk.file), str(desk.ready)]
    application = subprocess.Popen([sys.executable, *words], start_new_session=True)
    first = desk.next_one()
    installer = [sys.executable, "-c", INSTALLER, str(desk.file)]
    assert subprocess.run(installer, check=False).returncode == 9
    application.wait(PATIENCE_S)
    assert not LinuxProcesses().is_alive(first)

    systemctl("start", UNIT)
    second = desk.next_one()
    assert systemctl("show", "--property=Result", "--value", UNIT) == "success"
    assert systemctl("show", "--property=ActiveState", "--value", UNIT) == "inactive"
    assert LinuxProcesses().is_alive(second)
    assert UNIT not in Path(f"/proc/{second.pid}/cgroup").read_text()
    assert restrictions(second.pid) == restrictions(1)


def test_what_was_a_users_comes_back_as_that_users(units: Units) -> None:
    """In a scope of its own, with none of the restrictions of the unit."""
    units.add(UNIT, unit_text())
    units.start()
    user = pwd.getpwnam("tester")
    held = units.folder / "held"
    held.write_text("old")
    tail = ["/usr/bin/tail", "-f", str(held)]
    old = subprocess.Popen(
        tail, cwd="/", user=user.pw_uid, group=user.pw_gid, extra_groups=[], start_new_session=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    text = INSTALLER.replace("shutdown()", 'shutdown(relaunch="all")')
    assert subprocess.run([sys.executable, "-c", text, str(held)], check=False).returncode == 9
    old.wait(PATIENCE_S)
    systemctl("start", UNIT)
    assert systemctl("show", "--property=Result", "--value", UNIT) == "success"
    (pid,) = map(int, subprocess.check_output(["/usr/bin/pgrep", "-xf", " ".join(tail)]).split())
    with LinuxProcesses().open(UniqueProcess.of(pid)) as handle:
        facts, free = restrictions(pid), restrictions(1)
        assert os.stat(f"/proc/{pid}").st_uid == user.pw_uid
        assert UNIT not in Path(f"/proc/{pid}/cgroup").read_text()
        handle.send(Signal.KILL)
    assert int(facts.pop("CapEff"), 16) == 0
    assert facts == {name: free[name] for name in facts}


def test_the_unit_is_restricted(units: Units) -> None:
    units.add(UNIT, unit_text("/bin/true"))
    units.start()
    command = ["/usr/bin/systemd-analyze", "security", "--no-pager", UNIT]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found is not None
    assert float(found[1]) <= 3.0, said
