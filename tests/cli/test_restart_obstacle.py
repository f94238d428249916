"""What could not come back is said before anything is closed, by every verb that closes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from cli.machinery import Machine, assert_valid
from cli.test_ui import Stage
from restartmanager.cli.screen.page import Phase
from support.simulated import EDITOR

if TYPE_CHECKING:
    from cli.machinery import Holder

RISK = "user 65002 can change '/usr/bin'"


@pytest.fixture
def holder(machine: Machine) -> Holder:
    """An application that registered, in a folder that everybody may write to."""
    holding = machine.hold("register")
    (machine.folder / "bin").chmod(0o777)
    return holding


def why(machine: Machine) -> str:
    return f"could not come back: everybody can change '{machine.folder}/bin'"


def test_the_command_is_not_run(machine: Machine, holder: Holder) -> None:
    for way in ((), ("--force",), ("--relaunch", "all"), ("--only-registered",)):
        done = machine.run("run", *way, "-f", machine.file, "--", "echo", "ran", COLUMNS="999")
        assert (done.returncode, done.stdout) == (125, "")
        assert why(machine) in done.stderr
        assert "Nothing was shut down, for this could not come back: editor." in done.stderr
        assert "--leave-closed" in done.stderr
    assert holder.lives
    assert machine.ok("session", "ls") == "No open sessions.\n"


def test_a_dry_run_says_so(machine: Machine, holder: Holder) -> None:
    command = ("-f", machine.file, "--dry-run", "--", "echo")
    done = machine.run("run", *command, COLUMNS="999")
    assert done.returncode == 125
    assert why(machine) in done.stderr
    assert "The command would not be run." in done.stderr
    assert "--leave-closed" in done.stderr
    assert machine.run("run", "--partial", *command).returncode == 0
    assert machine.run("run", "--leave-closed", *command).returncode == 0


def test_partial_leaves_it_open(machine: Machine, holder: Holder) -> None:
    command = ("-f", machine.file, "--", "echo", "ran")
    done = machine.run("run", "--partial", *command, COLUMNS="999")
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert f"editor: left alone (it {why(machine)})" in done.stderr
    assert machine.holders() == [holder.pid]


def test_leave_closed_closes_it(machine: Machine, holder: Holder) -> None:
    command = ("-f", machine.file, "--", "echo", "ran")
    done = machine.run("run", "--leave-closed", *command, COLUMNS="999")
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert f"editor: closed (was process {holder.pid})" in done.stderr
    assert f"editor: stays closed (it {why(machine)})" in done.stderr
    assert machine.holders() == []


def test_a_change_that_comes_first_is_made(machine: Machine, holder: Holder) -> None:
    program = machine.folder / "bin" / "editor"
    command = ("run", "--when", "after", "-f", str(program), "--")
    done = machine.run(*command, "cp", "--remove-destination", machine.file, str(program))
    assert done.returncode == 0
    assert "left alone" in done.stderr
    assert holder.lives
    wrong = machine.run("run", "--leave-closed", *command[1:], "true")
    assert wrong.returncode == 2


def test_a_session(machine: Machine, session: str, holder: Holder) -> None:
    listed = machine.json("session", "list", session)
    assert_valid("affected", listed)
    (application,) = listed["applications"]
    assert application["restart_obstacle"] == f"everybody can change '{machine.folder}/bin'"
    assert (application["restartable"], application["restart_by"]) == (False, "none")
    done = machine.run("session", "shutdown", session, COLUMNS="999")
    assert done.returncode == 3
    assert why(machine) in done.stdout + done.stderr
    document = machine.json("session", "shutdown", session)
    assert_valid("outcomes", document)
    assert document["error"]["kind"] == "CannotComeBackError"
    assert machine.run("session", "shutdown", session, "--dry-run").returncode == 3
    planned = machine.json("session", "shutdown", session, "--dry-run", "--leave-closed")
    assert [step["step"] for step in planned["steps"]] == ["close"]
    assert holder.lives
    machine.ok("session", "shutdown", session, "--leave-closed")
    assert machine.holders() == []
    done = machine.run("session", "restart", session, COLUMNS="999")
    assert done.returncode == 0
    assert f"stays closed (it {why(machine)})" in done.stdout


def test_who_is_asked_about_closes_nothing(machine: Machine, holder: Holder) -> None:
    (application,) = machine.json("who", machine.file)["applications"]
    assert application["restart_obstacle"] == ""
    assert application["restart_by"] == "registered"


def test_stale_leaves_it_alone(machine: Machine, holder: Holder) -> None:
    machine.replace_program()
    done = machine.run("stale", "--restart", "--yes", "--dry-run", COLUMNS="999")
    assert f"editor ({holder.pid}): it {why(machine)}" in done.stderr
    assert holder.lives


def test_on_the_page_it_is_left_alone_until_somebody_wants_it_closed() -> None:
    stage = Stage()
    stage.world.risks[EDITOR] = RISK

    async def leave() -> None:
        async with stage.shown() as pilot:
            assert stage.cells("choice") == ["leave", "close"]
            assert stage.cells("now")[0] == f"could not come back: {RISK}"
            await pilot.press("enter")
            await stage.reach(pilot, Phase.CLOSED)
            assert stage.runs(stage.editor)
            assert not stage.runs(stage.viewer)

    asyncio.run(leave())


def test_on_the_page_it_can_be_closed_for_good() -> None:
    stage = Stage()
    stage.world.risks[EDITOR] = RISK

    async def close() -> None:
        async with stage.shown() as pilot:
            await pilot.press("space")
            assert stage.cells("choice") == ["close", "close"]
            await pilot.press("enter")
            await stage.reach(pilot, Phase.CLOSED)
            assert not stage.runs(stage.editor)
            await pilot.press("enter")
            await stage.reach(pilot, Phase.OVER)
            assert stage.world.running(EDITOR) == []

    asyncio.run(close())
