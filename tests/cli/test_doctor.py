"""restartctl doctor: it looks, and changes nothing."""

import sqlite3
from contextlib import closing

from cli.machinery import Machine, assert_valid


def test_a_sound_machine(machine: Machine) -> None:
    done = machine.run("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"State folder: {machine.state} will be made by the first session" in done.stdout
    assert done.stdout.endswith("\nNothing essential is missing.\n")
    assert not machine.state.exists()
    document = machine.json("doctor")
    assert_valid("doctor", document)
    assert document["sound"]


def test_a_state_folder_that_others_can_write_to(machine: Machine) -> None:
    machine.state.mkdir()
    machine.state.chmod(0o777)
    done = machine.run("doctor")
    assert done.returncode == 1
    assert "others have access to it (mode 0777)" in done.stdout
    assert "Something essential is missing." in done.stdout
    assert machine.state.stat().st_mode & 0o777 == 0o777


def test_a_damaged_memory_is_named_and_left_alone(machine: Machine, session: str) -> None:
    assert session
    database = machine.state / "sessions.db"
    database.write_bytes(b"nonsense" * 100)
    done = machine.run("doctor")
    assert done.returncode == 1
    assert "the file is not a session memory" in done.stdout
    assert database.read_bytes() == b"nonsense" * 100


def test_a_newer_memory(machine: Machine, session: str) -> None:
    assert session
    with closing(sqlite3.connect(machine.state / "sessions.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    done = machine.run("doctor")
    assert done.returncode == 1
    assert "format 99; this program knows formats up to" in done.stdout


def test_a_good_memory(machine: Machine, session: str) -> None:
    assert session
    done = machine.run("doctor")
    assert done.returncode == 0
    assert f"{machine.state}, owner " in done.stdout
    assert "mode 0700" in done.stdout
