"""What the store does when its folder, its file or the disk is not as it should be."""

from __future__ import annotations

import os
import pwd
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from integration.conftest import acting_as
from restartmanager.adapters.proc.writers import members_of
from restartmanager.adapters.store import schema
from restartmanager.adapters.store.folder import StateFolder
from restartmanager.adapters.store.sqlite import SqliteStore
from restartmanager.api.sessions import recover
from restartmanager.errors import (
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreUnsafeError,
    StoreVersionError,
    UsageError,
)
from restartmanager.model import (
    Application,
    AppType,
    FileIdentity,
    FileResource,
    Recipe,
    Resources,
    TreeResource,
)
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.journal import JournalEntry, JournalStep, SessionRecord
from support.paths import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = str(PROGRAMS / "uses_store.py")
KEY = "0123456789abcdef" * 2
BOOT = "b" * 32
RECORD = SessionRecord(KEY, 1.0, BOOT)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root's rights")


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "state")


@pytest.fixture
def database(folder: str) -> str:
    return os.path.join(folder, "sessions.db")


@pytest.fixture
def store(folder: str) -> Iterator[SqliteStore]:
    """A store with one session, closed."""
    with SqliteStore(folder, busy_timeout_s=5) as store:
        store.create_session(RECORD, limit=64)
        store.close()
        yield store


def change(database: str, *statements: str) -> None:
    connection = sqlite3.connect(database)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def contents(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def asides(folder: str) -> list[str]:
    return sorted(name for name in os.listdir(folder) if "damaged" in name)


# -- damage ------------------------------------------------------------------------------------


def spoil(database: str, offset: int, garbage: bytes) -> None:
    with open(database, "r+b") as file:
        file.seek(offset)
        file.write(garbage)


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: spoil(path, 0, b"not a database at all"),
        lambda path: spoil(path, 5 * 4096, b"\xff" * 8192),
        lambda path: os.truncate(path, 0),
        lambda path: os.truncate(path, 50),
        lambda path: os.truncate(path, os.path.getsize(path) // 2),
        lambda path: change(path, "PRAGMA application_id = 7"),
        lambda path: change(path, "DROP TABLE session"),
        lambda path: change(path, "UPDATE session SET operation = 'dance'"),
        lambda path: change(path, "UPDATE session SET owner = x'ff'"),
    ],
    ids=[
        "not-a-database",
        "malformed-page",
        "empty",
        "cut-in-header",
        "cut-in-half",
        "another-program's",
        "table-missing",
        "unknown-word",
        "wrong-type",
    ],
)
def test_a_damaged_memory_is_set_aside_once_and_kept(
    store: SqliteStore, folder: str, database: str, harm: object
) -> None:
    assert callable(harm)
    harm(database)
    damaged = contents(database)
    with pytest.raises(StoreDamagedError) as caught:
        store.sessions()
    assert caught.value.path == database
    assert contents(caught.value.aside) == damaged
    assert store.sessions() == ()
    store.create_session(RECORD, limit=64)
    assert store.sessions() == (RECORD,)
    assert asides(folder) == [os.path.basename(caught.value.aside)]


def test_damage_in_a_large_memory_is_noticed_where_it_is_met(
    store: SqliteStore, folder: str, database: str
) -> None:
    files = tuple(FileResource(f"/{n:06}", FileIdentity(1, n, n, n, n)) for n in range(40_000))
    store.add_resources(KEY, Resources(files=files))
    store.close()
    for page in range(200, 300):
        spoil(database, page * 4096, b"\xff" * 4096)
    with pytest.raises(StoreDamagedError):
        store.resources(KEY)
    assert store.sessions() == ()


def test_damage_met_by_an_open_store_is_set_aside(
    store: SqliteStore, folder: str, database: str
) -> None:
    assert store.sessions() == (RECORD,)
    change(database, "UPDATE session SET operation = 'dance'")
    with pytest.raises(StoreDamagedError):
        store.session(KEY)
    assert store.sessions() == ()


def test_two_memories_damaged_in_the_same_second_are_both_kept(
    store: SqliteStore, folder: str, database: str
) -> None:
    for _ in range(3):
        store.close()
        spoil(database, 0, b"not a database at all")
        with pytest.raises(StoreDamagedError):
            store.sessions()
        assert store.sessions() == ()
    assert len(asides(folder)) == 3


def test_the_journal_of_a_damaged_memory_is_not_played_into_the_next_one(
    store: SqliteStore, folder: str, database: str
) -> None:
    with open(f"{database}-journal", "wb") as file:
        file.write(b"left behind")
    state = StateFolder(folder)
    mark = state.mark()
    assert mark is not None
    aside = state.set_aside(mark)
    assert contents(f"{aside}-journal") == b"left behind"
    assert not os.path.exists(f"{database}-journal")
    assert store.sessions() == ()
    assert state.set_aside(mark) == aside, "the good file is left alone"
    assert store.sessions() == ()


def test_an_open_store_follows_to_the_memory_that_replaced_its_own(
    store: SqliteStore, folder: str, database: str
) -> None:
    assert store.sessions() == (RECORD,)
    os.rename(database, f"{database}.away")
    assert store.sessions() == ()
    with SqliteStore(folder) as other:
        other.create_session(RECORD, limit=64)
    assert store.sessions() == (RECORD,)


def test_a_newer_memory_is_refused_and_left_untouched(
    store: SqliteStore, folder: str, database: str
) -> None:
    change(database, "PRAGMA user_version = 99")
    before = contents(database)
    for _ in range(2):
        with pytest.raises(StoreVersionError) as caught:
            store.create_session(RECORD, limit=64)
        assert (caught.value.found, caught.value.known) == (99, schema.VERSION)
    assert contents(database) == before
    assert asides(folder) == []


def test_an_older_memory_is_brought_up_to_date_with_all_that_is_in_it(
    folder: str, database: str
) -> None:
    os.mkdir(folder, 0o700)
    write_version_1(database)
    with SqliteStore(folder) as store:
        assert store.sessions() == (RECORD,)
        assert store.resources(KEY) == Resources(
            files=(
                FileResource("/z", FileIdentity(1, 2, 3, 4, 5)),
                FileResource("/a", None),
            ),
            trees=(TreeResource("/t", (FileResource("/t", FileIdentity(1, 9, 9, 9, 9)),)),),
            services=("nginx.service",),
        )
        later = FileResource("/later", None)
        store.add_resources(KEY, Resources(files=(FileResource("/a", None), later)))
        assert store.resources(KEY).files[1:] == (FileResource("/a", None), later)
    assert asides(folder) == []


def write_version_1(database: str) -> None:
    """A memory as the first version wrote it: a session with two files, a tree and a service."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA auto_vacuum = FULL")
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID:d}")
        for statement in schema._MIGRATIONS[0]:
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 1")
        connection.execute(
            "INSERT INTO session (id, key, created_at, boot_id, shut_down, next_position)"
            " VALUES (7, ?, 1.0, ?, 0, 3)",
            (KEY, BOOT),
        )
        connection.execute("INSERT INTO tree VALUES (3, 7, x'2f74')")
        connection.execute("INSERT INTO service VALUES (1, 7, CAST('nginx.service' AS BLOB))")
        connection.executemany(
            "INSERT INTO file VALUES (7, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (0, b"/a", -1, 0, 0, 0, 0, 1),
                (0, b"/z", 1, 2, 3, 4, 5, 0),
                (3, b"/t", 1, 9, 9, 9, 9, 2),
            ],
        )


# -- the folder --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o750, 0o701])
def test_a_folder_that_others_can_reach_is_refused(folder: str, mode: int) -> None:
    os.mkdir(folder)
    os.chmod(folder, mode)
    with pytest.raises(StoreUnsafeError, match=f"{mode:04o}"):
        SqliteStore(folder).sessions()
    assert os.listdir(folder) == []


@needs_root
@pytest.mark.root
def test_a_folder_of_somebody_else_is_refused(folder: str) -> None:
    os.mkdir(folder, 0o700)
    os.chown(folder, 12345, 12345)
    with pytest.raises(StoreUnsafeError, match="belongs to user 12345"):
        SqliteStore(folder).sessions()


@needs_root
@pytest.mark.root
@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_below_one_of_somebody_else_is_refused(tmp_path: Path, *, exists: bool) -> None:
    theirs = tmp_path / "theirs"
    (theirs / "between").mkdir(parents=True)
    if exists:
        (theirs / "between/state").mkdir(mode=0o700)
    os.chown(theirs, 12345, 12345)
    (tmp_path / "short").symlink_to("theirs/between")
    for folder in (theirs / "between/state", tmp_path / "short/state"):
        with pytest.raises(StoreUnsafeError, match=r"user 12345 can change '.*/theirs'"):
            SqliteStore(str(folder)).sessions()
        assert folder.exists() is exists
        assert not exists or os.listdir(folder) == []


@pytest.mark.parametrize(("mode", "refused"), [(0o757, True), (0o777, True), (0o1777, False)])
def test_a_folder_that_others_could_replace_is_refused(
    tmp_path: Path, mode: int, *, refused: bool
) -> None:
    (tmp_path / "open").mkdir()
    os.chmod(tmp_path / "open", mode)
    store = SqliteStore(str(tmp_path / "open/state"))
    if refused:
        with pytest.raises(StoreUnsafeError, match=r"everybody can change '.*/open'"):
            store.sessions()
    else:
        assert store.sessions() == ()
    store.close()


def shared_with(folder: Path, gid: int, mode: int = 0o2775) -> Path:
    folder.mkdir()
    os.chown(folder, -1, gid)
    folder.chmod(mode)
    return folder


@needs_root
@pytest.mark.root
@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_that_a_group_could_replace_is_refused(tmp_path: Path, *, exists: bool) -> None:
    """As everybody could: also where it is far above, behind a link, or still to be made."""
    team = shared_with(tmp_path / "team", 65050)
    (tmp_path / "short").symlink_to("team/mine")
    if exists:
        (team / "mine/state").mkdir(parents=True)
        (team / "mine/state").chmod(0o700)
    for folder in (team / "mine/state", tmp_path / "short/state"):
        with SqliteStore(str(folder)) as store:
            with pytest.raises(StoreUnsafeError, match=r"group 65050 can change '.*/team'"):
                store.sessions()
            with pytest.raises(StoreUnsafeError, match=r"group 65050 can change '.*/team'"):
                store.exists()
    assert os.listdir(team) == (["mine"] if exists else [])


@needs_root
@pytest.mark.root
def test_a_folder_whom_a_list_lets_others_replace_is_refused(tmp_path: Path) -> None:
    """An access control list (acl(5)) that names a user; the bits of the group are its mask."""
    above = shared_with(tmp_path / "above", 0, 0o755)
    nobody, entry = 2**32 - 1, struct.Struct("<HHI").pack
    acl = (
        struct.pack("<I", 2)
        + entry(1, 7, nobody)
        + entry(2, 7, 65003)
        + entry(4, 5, nobody)
        + entry(16, 7, nobody)
        + entry(32, 5, nobody)
    )
    os.setxattr(above, "system.posix_acl_access", acl)
    with pytest.raises(StoreUnsafeError, match=r"user 65003 can change '.*/above'"):
        SqliteStore(str(above / "state")).sessions()


@needs_root
@pytest.mark.root
def test_a_group_of_one_user_is_that_user() -> None:
    """Where every user has a group, folders that the group may write to are usual (umask 002)."""
    user = next(
        u for u in pwd.getpwall() if u.pw_uid and members_of(u.pw_gid) == frozenset({u.pw_uid})
    )
    with tempfile.TemporaryDirectory() as top:
        os.chown(top, user.pw_uid, user.pw_gid)
        os.chmod(top, 0o775)  # noqa: S103 - as usual
        with acting_as(user.pw_uid, user.pw_gid):
            with SqliteStore(f"{top}/a/state") as store:
                assert store.sessions() == ()
            os.chmod(f"{top}/a", 0o775)  # noqa: S103 - likewise
            with SqliteStore(f"{top}/a/state") as store:
                assert store.sessions() == ()


@needs_root
@pytest.mark.root
def test_nobody_turns_the_folder_elsewhere_in_time(tmp_path: Path) -> None:
    """A stranger who owns the folder above swaps ours for a link, again and again."""
    elsewhere, theirs = tmp_path / "elsewhere", tmp_path / "theirs"
    elsewhere.mkdir(mode=0o700)
    (theirs / "state").mkdir(mode=0o700, parents=True)
    (theirs / "link").symlink_to(elsewhere)
    os.chown(theirs, 12345, 12345)
    swap = (
        "import os, sys\n"
        "os.chdir(sys.argv[1]); os.setresuid(12345, 12345, 12345); os.write(1, b'.')\n"
        "while True:\n"
        "    os.rename('state', 'real'); os.rename('link', 'state')\n"
        "    os.rename('state', 'link'); os.rename('real', 'state')\n"
    )
    command = [sys.executable, "-S", "-I", "-c", swap, str(theirs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        stranger.stdout.read(1)
        try:
            for _ in range(500):
                with pytest.raises(StoreError):
                    SqliteStore(str(theirs / "state")).create_session(RECORD, limit=64)
        finally:
            stranger.kill()
    assert os.listdir(elsewhere) == []


@needs_root
@pytest.mark.root
def test_a_file_of_somebody_else_is_refused(store: SqliteStore, database: str) -> None:
    os.chown(database, 12345, 12345)
    with pytest.raises(StoreUnsafeError, match="belongs to user 12345"):
        store.sessions()


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_behind_a_symbolic_link_is_refused(tmp_path: Path, *, exists: bool) -> None:
    if exists:
        (tmp_path / "real").mkdir(0o700)
    (tmp_path / "state").symlink_to(tmp_path / "real")
    with pytest.raises(StoreUnsafeError, match="symbolic link"):
        SqliteStore(str(tmp_path / "state")).sessions()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").touch(0o700)
    with pytest.raises(StoreUnsafeError, match="not a directory"):
        SqliteStore(str(tmp_path / "state")).sessions()
    with pytest.raises(StoreError, match="not a directory"):
        SqliteStore(str(tmp_path / "state" / "below")).sessions()


def test_a_symbolic_link_in_place_of_the_file_is_refused(
    store: SqliteStore, folder: str, database: str
) -> None:
    os.rename(database, f"{folder}.db")
    os.symlink(f"{folder}.db", database)
    with pytest.raises(StoreUnsafeError, match="symbolic link"):
        store.sessions()


def test_a_symbolic_link_in_place_of_the_lock_is_refused(tmp_path: Path, folder: str) -> None:
    os.mkdir(folder, 0o700)
    os.symlink(tmp_path / "elsewhere", os.path.join(folder, "sessions.lock"))
    with pytest.raises(StoreUnsafeError, match="symbolic link"):
        SqliteStore(folder).sessions()
    assert not os.path.exists(tmp_path / "elsewhere")


def test_a_file_with_a_second_name_is_refused(
    store: SqliteStore, folder: str, database: str
) -> None:
    os.link(database, f"{folder}.db")
    with pytest.raises(StoreUnsafeError, match="more than one name"):
        store.sessions()


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_a_file_that_others_may_write_is_refused(
    store: SqliteStore, database: str, mode: int
) -> None:
    os.chmod(database, mode)
    with pytest.raises(StoreUnsafeError, match=f"others may write to it .mode {mode:04o}"):
        store.sessions()


def linked(path: str, other: str) -> None:
    os.symlink(other, path)


def named_twice(path: str, other: str) -> None:
    os.link(other, path)


def writable(path: str, other: str) -> None:
    shutil.copy(other, path)
    os.chmod(path, 0o666)  # noqa: S103 - this is the attack


def foreign(path: str, other: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root's rights")
    shutil.copy(other, path)
    os.chown(path, 12345, 12345)


def a_pipe(path: str, other: str) -> None:
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize("opened", [True, False], ids=["open", "closed"])
@pytest.mark.parametrize("kind", ["journal", "wal", "shm"])
@pytest.mark.parametrize("plant", [linked, named_twice, writable, foreign, a_pipe])
def test_what_somebody_left_beside_the_memory_is_not_read(
    tmp_path: Path, store: SqliteStore, database: str, plant: Any, kind: str, *, opened: bool
) -> None:
    """SQLite would play it into the memory, and write through a link."""
    other = tmp_path / "other"
    other.write_bytes(b"somebody's own")
    other.chmod(0o600)
    if opened:
        assert store.sessions() == (RECORD,)
    with suppress(FileNotFoundError):
        os.unlink(f"{database}-{kind}")
    plant(f"{database}-{kind}", str(other))
    for ask in (store.sessions, lambda: store.add_member(KEY, UniqueProcess(1, 1, BOOT))):
        with pytest.raises(StoreUnsafeError, match=f"sessions.db-{kind}"):
            ask()
    assert other.read_bytes() == b"somebody's own"
    os.unlink(f"{database}-{kind}")
    assert store.sessions() == (RECORD,)


def test_what_is_left_beside_no_memory_is_not_read(folder: str, database: str) -> None:
    os.mkdir(folder, 0o700)
    os.symlink("/nowhere", f"{database}-wal")
    with pytest.raises(StoreUnsafeError, match="symbolic link"):
        SqliteStore(folder).create_session(RECORD, limit=64)
    assert os.listdir(folder) == ["sessions.db-wal"]


def test_a_lock_with_a_second_name_is_refused(tmp_path: Path, folder: str) -> None:
    """Who has the other name could keep it locked for ever."""
    os.mkdir(folder, 0o700)
    (tmp_path / "theirs").touch(0o600)
    os.link(tmp_path / "theirs", os.path.join(folder, "sessions.lock"))
    with pytest.raises(StoreUnsafeError, match=r"sessions.lock.*more than one name"):
        SqliteStore(folder).sessions()


def test_a_directory_in_place_of_the_file_is_refused(folder: str, database: str) -> None:
    os.makedirs(database)
    os.chmod(folder, 0o700)
    with pytest.raises(StoreUnsafeError, match="not a regular file"):
        SqliteStore(folder).sessions()


def test_asking_whether_there_is_a_memory_makes_none(tmp_path: Path) -> None:
    store = SqliteStore(str(tmp_path / "state"))
    assert not store.exists()
    assert not (tmp_path / "state").exists()
    store.sessions()
    assert store.exists()


def test_recovery_makes_no_memory_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every user's first login it would be made otherwise."""
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))
    assert recover() == ()
    assert not (tmp_path / "state").exists()


def test_missing_folders_are_created_for_the_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with SqliteStore(str(tmp_path / "a" / "b" / "state")) as store:
            assert store.sessions() == ()
    finally:
        os.umask(before)
    assert os.stat(tmp_path / "a" / "b" / "state").st_mode & 0o777 == 0o700
    assert os.stat(tmp_path / "a").st_mode & 0o022 == 0


def test_an_odd_folder_name_is_no_hindrance(tmp_path: Path) -> None:
    folder = os.path.join(str(tmp_path), "100%41 ?mode=memory#\udcff")
    with SqliteStore(folder) as store:
        store.create_session(RECORD, limit=64)
    assert sorted(os.listdir(folder)) == ["sessions.db", "sessions.db-journal", "sessions.lock"]


# -- the disk ----------------------------------------------------------------------------------


def run_on_small_disk(place: Path, *commands: str) -> list[str]:
    """Run shell commands with a disk of 1 MB at ``place/disk``, which nobody else ever sees."""
    (place / "disk").mkdir()
    mount = "mount -t tmpfs -o size=1m,mode=700 tmpfs disk"
    script = " && ".join([mount, *commands])
    unshare = shutil.which("unshare") or "unshare"
    answer = subprocess.run(
        [unshare, "--mount", "sh", "-c", script, sys.executable, PROGRAM],
        cwd=place,
        check=True,
        capture_output=True,
        text=True,
    )
    assert answer.stderr == ""
    return [line for line in answer.stdout.splitlines() if line != "ready"]


def needs_mount_namespace() -> bool:
    return os.geteuid() == 0 and shutil.which("unshare") is not None


needs_disk = pytest.mark.skipif(not needs_mount_namespace(), reason="needs root and unshare(1)")


@needs_disk
@pytest.mark.root
def test_a_full_disk_loses_nothing_that_was_recorded(tmp_path: Path) -> None:
    said = run_on_small_disk(tmp_path, f'echo | "$0" "$1" fill disk/state {KEY} disk/ballast')
    assert said == ["full", "whole", "0"]


@needs_disk
@pytest.mark.root
def test_a_disk_that_is_full_from_the_start_is_reported_and_left_clean(tmp_path: Path) -> None:
    said = run_on_small_disk(tmp_path, 'echo | "$0" "$1" start_full disk disk')
    assert said == ["filled", "full", "ballast sessions.lock", "0"]


@needs_disk
@pytest.mark.root
def test_a_read_only_memory_can_be_read(tmp_path: Path) -> None:
    said = run_on_small_disk(
        tmp_path,
        f'echo | "$0" "$1" create disk/state {KEY} 64',
        "mount -o remount,ro disk",
        f'echo | "$0" "$1" write_read_only disk/state {BOOT}',
    )
    assert said == ["created", "1", "it is read-only here"]


def test_a_disk_that_refuses_to_write_is_named_and_nothing_is_recorded(
    store: SqliteStore, folder: str
) -> None:
    answer = subprocess.run(
        [sys.executable, PROGRAM, "write_beyond_limit", folder, KEY],
        input="\n",
        check=True,
        capture_output=True,
        text=True,
    )
    assert "a quota may be used up" in answer.stdout
    assert store.resources(KEY) == Resources()


# -- locks -------------------------------------------------------------------------------------


def test_a_memory_that_stays_locked_is_busy_after_the_agreed_time(
    store: SqliteStore, folder: str
) -> None:
    holder = subprocess.Popen(
        [sys.executable, PROGRAM, "hold", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder, SqliteStore(folder, busy_timeout_s=0.3) as hasty:
        assert holder.stdout is not None
        assert holder.stdin is not None
        print(file=holder.stdin, flush=True)
        assert [holder.stdout.readline(), holder.stdout.readline()] == ["ready\n", "locked\n"]
        begun = time.monotonic()
        with pytest.raises(StoreBusyError) as caught:
            hasty.add_member(KEY, UniqueProcess(1, 1, BOOT))
        assert 0.2 < time.monotonic() - begun < 3
        assert caught.value.waited_s == 0.3
        assert hasty.session(KEY) == RECORD, "who only reads need not wait"
        print(file=holder.stdin, flush=True)
        holder.wait()
        hasty.add_member(KEY, UniqueProcess(1, 1, BOOT))
    assert store.session(KEY).members == (UniqueProcess(1, 1, BOOT),)


# -- secrets -----------------------------------------------------------------------------------


def bytes_in(folder: str) -> bytes:
    return b"".join(contents(os.path.join(folder, name)) for name in os.listdir(folder))


def entry_with(secret: str, *, size: int, number: int = 1) -> JournalEntry:
    environment = (("TOKEN", secret), ("PADDING", "x" * size), ("AGAIN", secret))
    recipe = Recipe("/bin/a", ("a",), "/", environment, 0, 0, (), 0o22, 0, ())
    application = Application(f"app {number}", AppType.UNKNOWN, None)
    return JournalEntry(number, application, JournalStep.STOPPED, 1.0, recipe)


@pytest.mark.parametrize("size", [10, 3000, 500_000])
def test_captured_environments_are_erased_with_the_session(
    store: SqliteStore, folder: str, size: int
) -> None:
    value = "s3cr3t-of-somebody"
    entries = [entry_with(value, size=size, number=number) for number in range(5)]
    store.write_entries(KEY, entries)
    store.write_entries(KEY, entries[:2])
    assert value.encode() in bytes_in(folder)
    store.delete_session(KEY)
    assert value.encode() not in bytes_in(folder)


def test_a_captured_environment_is_erased_when_its_entry_is_replaced(
    store: SqliteStore, folder: str
) -> None:
    store.write_entries(KEY, [entry_with("first-secret", size=5000)])
    store.write_entries(KEY, [entry_with("other-secret", size=10)])
    assert b"first-secret" not in bytes_in(folder)
    assert b"other-secret" in bytes_in(folder)


def test_a_deleted_session_gives_its_room_back(store: SqliteStore, database: str) -> None:
    files = tuple(FileResource(f"/{n:06}", FileIdentity(1, n, n, n, n)) for n in range(20_000))
    before = os.path.getsize(database)
    store.add_resources(KEY, Resources(files=files))
    assert os.path.getsize(database) > 5 * before
    store.delete_session(KEY)
    assert os.path.getsize(database) < 2 * before


# -- arguments ---------------------------------------------------------------------------------


def test_a_path_that_cannot_be_one_registers_nothing(store: SqliteStore) -> None:
    good, bad = FileResource("/good", None), FileResource("/\ud800", None)
    with pytest.raises(UsageError):
        store.add_resources(KEY, Resources(files=(good, bad)))
    assert store.resources(KEY) == Resources()
