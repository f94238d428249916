"""A session memory that cannot be used: said clearly, with the right status, nothing lost."""

import os
import sqlite3
from contextlib import closing

import pytest

from cli.machinery import Machine


def test_a_state_folder_that_others_can_write_to(machine: Machine) -> None:
    machine.state.mkdir()
    machine.state.chmod(0o770)
    done = machine.run("session", "start")
    assert (done.returncode, done.stdout) == (8, "")
    assert "others have access to it (mode 0770)" in done.stderr
    assert "hint: The state folder must belong to you alone" in done.stderr


def test_a_state_folder_that_is_a_link(machine: Machine) -> None:
    (machine.folder / "real").mkdir(mode=0o700)
    machine.state.symlink_to(machine.folder / "real")
    assert machine.run("session", "ls").returncode == 8


def test_a_relative_state_folder(machine: Machine) -> None:
    done = machine.run("session", "ls", RESTARTMANAGER_STATE_DIR="here")
    assert done.returncode == 2
    assert "Give an absolute path." in done.stderr


def test_a_damaged_memory_is_set_aside_and_the_next_call_works(
    machine: Machine, session: str
) -> None:
    database = machine.state / "sessions.db"
    database.write_bytes(b"nonsense" * 1000)
    done = machine.run("session", "show", session)
    assert done.returncode == 8
    assert "it is damaged" in done.stderr
    assert [name for name in os.listdir(machine.state) if ".damaged-" in name]
    assert machine.run("session", "show", session).returncode == 6


@pytest.mark.parametrize("verb", [["ls"], ["start"], ["show", "0" * 32]])
def test_a_newer_memory_is_left_as_it_is(machine: Machine, session: str, verb: list[str]) -> None:
    assert session
    database = machine.state / "sessions.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = database.read_bytes()
    done = machine.run("session", *verb)
    assert done.returncode == 8
    assert "it has format 99" in done.stderr
    assert "hint: Update restartmanager" in done.stderr
    assert database.read_bytes() == before


def test_too_many_sessions(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    from restartmanager import start_session

    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(machine.state))
    for _ in range(64):
        start_session(expires_after_s=60)
    done = machine.run("session", "start")
    assert done.returncode == 8
    assert "already has 64 open sessions" in done.stderr
