"""One session memory, many processes at the same time."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.store.sqlite import SqliteStore
from restartmanager.model import FileIdentity, FileResource, Resources
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.journal import SessionRecord
from support.paths import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = str(PROGRAMS / "uses_store.py")
KEY = "0123456789abcdef" * 2
BOOT = "b" * 32


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "state")


@pytest.fixture
def store(folder: str) -> Iterator[SqliteStore]:
    with SqliteStore(folder) as store:
        store.create_session(SessionRecord(KEY, 1.0, BOOT), limit=64)
        yield store


def start(verb: str, folder: str, *arguments: str) -> subprocess.Popen[str]:
    """A process that is ready to act as soon as it is told to."""
    return subprocess.Popen(
        [sys.executable, PROGRAM, verb, folder, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def run_together(*commands: tuple[str, ...]) -> list[list[str]]:
    """Run these at the same moment; what each of them said."""
    with ExitStack() as stack:
        processes = [stack.enter_context(start(*command)) for command in commands]
        try:
            assert [told(process) for process in processes] == ["ready"] * len(processes)
            for process in processes:
                tell(process)
            answers = [process.communicate()[0].split() for process in processes]
        finally:
            for process in processes:
                process.kill()
    assert [process.returncode for process in processes] == [0] * len(processes)
    return answers


def is_sound(folder: str) -> bool:
    connection = sqlite3.connect(os.path.join(folder, "sessions.db"))
    try:
        verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
        orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
    finally:
        connection.close()
    return verdict == "ok" and not orphans


def test_twenty_secondaries_that_register_at_once_lose_nothing(
    store: SqliteStore, folder: str
) -> None:
    run_together(*[("register", folder, KEY, str(n), "5000") for n in range(20)])
    files = store.resources(KEY).files
    assert len(files) == 100_000
    assert len(set(files)) == 100_000


def test_a_process_that_writes_without_a_pause_keeps_nobody_out(
    store: SqliteStore, folder: str
) -> None:
    run_together(*[("register_singly", folder, KEY, str(n), "60") for n in range(5)])
    assert len(store.resources(KEY).files) == 300


def test_processes_that_register_the_same_files_keep_one_of_each(
    store: SqliteStore, folder: str
) -> None:
    run_together(*[("register", folder, KEY, "same", "500") for _ in range(4)])
    assert len(store.resources(KEY).files) == 500


def test_processes_that_start_at_once_share_one_new_memory(folder: str) -> None:
    answers = run_together(*[("create", folder, f"{n:032x}", "64") for n in range(8)])
    assert answers == [["created"]] * 8
    with SqliteStore(folder) as store:
        assert len(store.sessions()) == 8
    assert sorted(os.listdir(folder)) == ["sessions.db", "sessions.db-journal", "sessions.lock"]


def test_sessions_created_at_once_never_exceed_the_limit(store: SqliteStore, folder: str) -> None:
    answers = run_together(*[("create", folder, f"{n:032x}", "5") for n in range(10)])
    assert sorted(answers) == [["created"]] * 4 + [["limit"]] * 6
    assert len(store.sessions()) == 5


def test_of_eight_processes_that_claim_a_session_one_wins(store: SqliteStore, folder: str) -> None:
    answers = run_together(*[("begin", folder, KEY, str(n)) for n in range(1, 9)])
    assert sorted(answers) == [["lost"]] * 7 + [["won"]]
    assert store.session(KEY).worker == UniqueProcess(answers.index(["won"]) + 1, 1, BOOT)


def test_a_process_may_fork_while_its_threads_write(store: SqliteStore, folder: str) -> None:
    [[batches, verdict]] = run_together(("fork", folder, KEY))
    assert verdict == "good"
    assert len(store.resources(KEY).files) == 50 * (int(batches) + 10)
    assert is_sound(folder)


def test_a_writer_killed_in_mid_transaction_leaves_a_good_memory(
    store: SqliteStore, folder: str
) -> None:
    files = tuple(FileResource(f"/{n}", FileIdentity(1, n, n, n, n)) for n in range(2000))
    store.add_resources(KEY, Resources(files=files))
    with start("die", folder, KEY) as process:
        assert told(process) == "ready"
        tell(process)
        assert told(process) == "locked"
        assert os.path.getsize(os.path.join(folder, "sessions.db-journal")) > 50_000
        process.kill()
    assert store.session(KEY).created_at == 1.0
    assert store.resources(KEY) == Resources(files=files)
    store.add_member(KEY, UniqueProcess(1, 1, BOOT))
    assert is_sound(folder)


def test_processes_that_meet_damage_at_once_set_aside_one_file(folder: str) -> None:
    os.mkdir(folder, 0o700)
    with open(os.path.join(folder, "sessions.db"), "wb") as file:
        file.write(b"not a database at all" * 1000)
    answers = run_together(*[("create_in_damaged", folder, f"{n:032x}") for n in range(8)])
    assert {answer[-1] for answer in answers} == {"created"}
    assert ["damaged", "created"] in answers
    with SqliteStore(folder) as store:
        assert len(store.sessions()) == 8
    assert len([name for name in os.listdir(folder) if "damaged" in name]) == 1
