"""Whose desktop entry counts: that of the program which the process of the unit's own user runs."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.desktop import entry_places
from restartmanager.adapters.desktop.entry_lookup import DesktopEntries
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.model.identity import UniqueProcess
from support.spawning import PYTHON

if TYPE_CHECKING:
    from pathlib import Path

    from restartmanager.model import Entry, Process
    from support.spawning import Spawn

pytestmark = pytest.mark.root
USER, OTHER = 65002, 65003
SLEEP = os.path.realpath("/bin/sleep")


def unit_of(user: int, name: str = "app-gnome-org.example.app-7.scope") -> str:
    return f"/user.slice/user-{user}.slice/user@{user}.service/app.slice/{name}"


class Desk:
    """One entry, and processes that are said to be in units."""

    def __init__(self, folder: Path, spawn: Spawn) -> None:
        self.folder = folder
        self.spawn = spawn
        (folder / "applications").mkdir()

    def program(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def enter(self, command: str) -> None:
        text = f"[Desktop Entry]\nType=Application\nName=App\nExec={command}\n"
        path = self.folder / "applications/org.example.app.desktop"
        path.write_text(text)
        path.chmod(0o644)

    def running(self, *command: str, program: str, uid: int = 0, cgroup: str = "") -> Process:
        """A real process, once it runs this program, in a unit that root's manager has made."""
        child = self.spawn.running(*command, user=uid)
        while os.readlink(f"/proc/{child.pid}/exe") != program:
            os.sched_yield()
        found = LinuxProcesses().describe(UniqueProcess.of(child.pid))
        return replace(found, cgroup=cgroup or unit_of(uid))


@pytest.fixture
def desk(tmp_path: Path, spawn: Spawn, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(entry_places, "SYSTEM_FOLDERS", (str(tmp_path),))
    return Desk(tmp_path, spawn)


def found(process: Process) -> Entry:
    entry = DesktopEntries().find(process)
    assert entry is not None
    return entry


# -- whose unit it is ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uid", "cgroup", "owner"),
    [
        (0, unit_of(USER), f"user {USER}"),
        (USER, unit_of(OTHER), f"user {OTHER}"),
        (USER, unit_of(0), "user 0"),
        (0, "/system.slice/app-gnome-org.example.app-7.scope", "the system"),
        (USER, "/system.slice/app-org.example.app@7.service", "the system"),
        (
            USER,
            f"/user.slice/user-{USER}.slice/session-2.scope/app-gnome-org.example.app-7.scope",
            None,
        ),
        (
            0,
            f"{unit_of(USER, 'user@0.service')}/app.slice/app-gnome-org.example.app-7.scope",
            None,
        ),
    ],
    ids=["sudo", "another's", "root's", "system scope", "system service", "session", "posing"],
)
def test_a_unit_that_another_has_made_names_no_entry(
    desk: Desk, uid: int, cgroup: str, owner: str | None
) -> None:
    desk.enter("sleep 600")
    process = desk.running(SLEEP, "600", program=SLEEP, uid=uid)
    assert found(process).doubt == ""
    entry = DesktopEntries().find(replace(process, cgroup=cgroup))
    if owner is None:
        assert entry is None
    else:
        assert entry is not None
        assert entry.doubt == f"its unit, which names a desktop entry, is one of {owner}"


def test_a_program_with_two_users_is_that_of_none(desk: Desk) -> None:
    """As a set-user-ID program in its user's scope is: what counts is its effective user."""
    desk.enter("sleep 600")
    script = "import os, time; os.setresuid(0, 65002, 0); os.write(1, b'.'); time.sleep(600)"
    child = desk.spawn.ready(PYTHON, "-c", script)
    process = LinuxProcesses().describe(UniqueProcess.of(child.pid))
    assert process.uid == USER
    swapped = script.replace("0, 65002, 0", "65002, 0, 0")
    child = desk.spawn.ready(PYTHON, "-c", swapped)
    process = LinuxProcesses().describe(UniqueProcess.of(child.pid))
    assert found(replace(process, cgroup=unit_of(USER))).doubt


# -- which program it is ---------------------------------------------------------------------------


def wait_script(python: str = PYTHON) -> str:
    return f"#!{python}\nimport time\ntime.sleep(600)\n"


def test_the_program_that_the_command_leads_to_counts(desk: Desk) -> None:
    link = desk.folder / "link"
    link.symlink_to(SLEEP)
    process = desk.running(SLEEP, "600", program=SLEEP)
    for command in ("sleep 9", SLEEP, "env A=1 sleep", "/usr/bin/env sleep"):
        desk.enter(command)
        assert found(process).doubt == "", command
    desk.enter(str(link))
    assert found(desk.running(str(link), "600", program=SLEEP)).doubt == ""


def test_a_script_counts_by_itself_and_with_its_interpreter(desk: Desk) -> None:
    script = desk.program("app.py", wait_script())
    other = desk.program("other.py", wait_script())
    (desk.folder / "link").symlink_to("app.py")
    ways = {
        (str(script),): "",
        (PYTHON, str(script)): "",
        (PYTHON, "-s", str(desk.folder / "link")): "",
        (str(other),): "another",
        (PYTHON, "-c", "import time; time.sleep(600)"): "another",
    }
    for entered in (str(script), f"{PYTHON} {script}", str(desk.folder / "link")):
        desk.enter(entered)
        for command, words in ways.items():
            doubt = found(desk.running(*command, program=PYTHON)).doubt
            assert words in doubt, (entered, command)
            assert bool(words) == bool(doubt), (entered, command)


def test_behind_a_wrapper_nobody_can_tell(desk: Desk) -> None:
    """A script that ends in another program: it could have been started by anything."""
    wrapper = desk.program("app", f'#!/bin/sh\nexec {SLEEP} "$@"\n')
    desk.enter(f"{wrapper} %U")
    process = desk.running(str(wrapper), "600", program=SLEEP)
    assert found(process).doubt == (
        f"its desktop entry starts '{wrapper}', and it runs another program"
    )


@pytest.mark.parametrize("command", ["env -i sleep", "sh -c sleep", "tail -f", "env"])
def test_a_command_that_leads_elsewhere_does_not_count(desk: Desk, command: str) -> None:
    desk.enter(command)
    process = desk.running(SLEEP, "600", program=SLEEP)
    assert found(process).doubt


def test_a_program_that_was_removed_is_still_the_one(desk: Desk) -> None:
    """As during an update: it is known by its path."""
    path = desk.folder / "app"
    shutil.copy(SLEEP, path)
    desk.enter(str(path))
    child = desk.running(str(path), "600", program=str(path))
    desk.program("app.new", "").replace(path)
    process = LinuxProcesses().describe(child.identity)
    assert found(replace(process, cgroup=unit_of(0))).doubt == ""
