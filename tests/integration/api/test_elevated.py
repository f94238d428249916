"""Root joins the session of the user who has elevated it: to register, and for nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import restartmanager as rm
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.adapters.store.sqlite import SqliteStore
from restartmanager.adapters.store.user_store import UserStore, stores_of_callers
from restartmanager.errors import NoSuchSessionError, OtherFilesError, StoreError
from restartmanager.model import FileResource, Resources, TreeResource
from restartmanager.model.identity import UniqueProcess, boot_id
from restartmanager.testing import samples
from support.paths import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.conftest import Children

USER = 65534  # nobody, whom every system knows
SETPRIV = shutil.which("setpriv") or ""
IN_NAMESPACE = ("/usr/bin/unshare", "--mount", "--propagation=private")
pytestmark = pytest.mark.root


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of that user."""
    with tempfile.TemporaryDirectory() as made:
        os.chown(made, USER, USER)
        yield Path(made)


@pytest.fixture
def memory(folder: Path, tmp_path: Path) -> str:
    """That user's session memory, with one session in it."""
    made = tmp_path / "memory"
    with SqliteStore(str(made)) as store:
        store.create_session(samples.RECORD, limit=9)
    state = shutil.move(made, folder / "state")
    belong_to(USER, state)
    return str(state)


def belong_to(user: int, folder: str | Path) -> None:
    for path in (Path(folder), *Path(folder).iterdir()):
        os.chown(path, user, user)


# -- the whole way ---------------------------------------------------------------------------------


@pytest.fixture
def elevate(folder: Path) -> str:
    """A program that makes root of that user, and of nobody else; sudo(8) would ask for more."""
    place = folder / "elevate"
    place.mkdir()
    os.chown(place, 0, USER)
    place.chmod(0o750)
    made = shutil.copy(SETPRIV, place)
    Path(made).chmod(0o4755)
    if os.statvfs(made).f_flag & os.ST_NOSUID:
        pytest.skip("programs in the folder for temporary files make root of nobody")
    return str(made)


def in_use(folder: Path, children: Children) -> tuple[Path, subprocess.Popen[bytes]]:
    """A file, and a process of that user that has it open."""
    library = folder / "library"
    library.write_bytes(b"x")
    library.chmod(0o644)
    with open(library, "rb") as opened:
        options = {"user": USER, "group": USER, "extra_groups": []}
        return library, children.sleeper(stdin=opened, **options)


def elevated(folder: Path, elevate: str, path: str, *command: str) -> tuple[int, str, list[int]]:
    program = [sys.executable, str(PROGRAMS / "elevates.py"), str(USER), elevate, path]
    done = subprocess.run(
        [*program, sys.executable, *command],
        env={**os.environ, "RESTARTMANAGER_STATE_DIR": str(folder / "state")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    status, said, pids = json.loads(done.stdout)
    return status, said, pids


@pytest.fixture
def memory_of_root(tmp_path: Path) -> str:
    """A memory of root's, in place of that of this machine."""
    return str(tmp_path / "state")


def test_a_secondary_registers_for_the_user_who_made_it_root(
    folder: Path, elevate: str, children: Children, memory_of_root: str
) -> None:
    library, holder = in_use(folder, children)
    program = (
        "import os, sys, restartmanager as rm\n"
        f"os.environ['RESTARTMANAGER_STATE_DIR'] = {memory_of_root!r}\n"
        "with rm.join_session(sys.argv[1]) as session:\n"
        "    session.register(files=sys.argv[2:])\n"
    )
    status, said, pids = elevated(folder, elevate, str(library), "-c", program, "KEY", str(library))
    assert (status, said) == (0, "")
    assert pids == [holder.pid]
    assert {path.stat().st_uid for path in (folder / "state").iterdir()} == {USER}


def test_the_command_does_so_as_well(
    folder: Path, elevate: str, children: Children, memory_of_root: str
) -> None:
    library, holder = in_use(folder, children)
    words = ["session", "register", "KEY", "--file", str(library)]
    as_root = ["/usr/bin/env", f"RESTARTMANAGER_STATE_DIR={memory_of_root}", sys.executable]
    program = f"import os, sys; os.execv({as_root[0]!r}, {as_root!r} + sys.argv[1:])"
    status, said, pids = elevated(
        folder, elevate, str(library), "-c", program, "-m", "restartmanager.cli", *words
    )
    assert (status, pids) == (0, [holder.pid]), said


# -- the memory of another user --------------------------------------------------------------------


def test_what_is_registered_is_what_the_user_has(memory: str, tmp_path: Path) -> None:
    store = UserStore(USER, memory)
    assert store.session(samples.KEY) == samples.RECORD
    resources = Resources(
        files=(samples.file("/a\udcff"), FileResource("/missing", None)),
        trees=(TreeResource("/tree", (samples.file("/tree/b", 7),)),),
        processes=(UniqueProcess(4, 5, boot_id()),),
        services=("a.service",),
    )
    store.add_resources(samples.KEY, resources)
    store.add_member(samples.KEY, samples.SECONDARY)
    mine = shutil.move(memory, tmp_path / "mine")
    belong_to(0, mine)
    with SqliteStore(str(mine)) as theirs:
        assert theirs.resources(samples.KEY) == resources
        assert theirs.session(samples.KEY).members == (samples.SECONDARY,)


def test_who_leaves_is_no_member(memory: str) -> None:
    store = UserStore(USER, memory)
    store.add_member(samples.KEY, samples.SECONDARY)
    store.remove_member(samples.KEY, samples.SECONDARY)
    assert store.session(samples.KEY).members == ()


def test_another_key_is_none(memory: str) -> None:
    with pytest.raises(NoSuchSessionError):
        UserStore(USER, memory).session(samples.OTHER_KEY)


def test_nothing_is_made_where_nothing_is(folder: Path) -> None:
    for user in (USER, 4_000_000_000):
        with pytest.raises(NoSuchSessionError):
            UserStore(user, str(folder / "none")).session(samples.KEY)
    assert not (folder / "none").exists()


def link(memory: Path, secret: Path) -> None:
    (memory / "sessions.db").unlink()
    (memory / "sessions.db").symlink_to(secret)


def folder_link(memory: Path, secret: Path) -> None:
    shutil.rmtree(memory)
    memory.symlink_to(secret.parent)


def nonsense(memory: Path, secret: Path) -> None:
    (memory / "sessions.db").write_bytes(b"nonsense" * 1000)


def of_root(memory: Path, secret: Path) -> None:
    os.chown(memory, 0, 0)


@pytest.mark.parametrize("harm", [link, folder_link, nonsense, of_root])
def test_what_lies_there_harms_nobody(memory: str, harm: object, tmp_path: Path) -> None:
    """It is the user who meets it, not root."""
    secret = tmp_path / "of-root" / "sessions.db"
    secret.parent.mkdir(0o700)
    secret.write_bytes(b"a secret of root's")
    assert callable(harm)
    harm(Path(memory), secret)
    with pytest.raises((StoreError, NoSuchSessionError)):
        UserStore(USER, memory).session(samples.KEY)
    assert secret.read_bytes() == b"a secret of root's"
    assert os.listdir(secret.parent) == ["sessions.db"]


def test_callers_are_ancestors_and_who_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    home = "/nonexistent/.local/state/restartmanager"
    none = list(stores_of_callers("X", {"SUDO_UID": "0", "PKEXEC_UID": "x"}, LinuxProcesses()))
    assert none == []
    named = stores_of_callers("X", {"SUDO_UID": str(USER)}, LinuxProcesses())
    assert [(store._uid, store._folder) for store in named] == [(USER, home)]


def test_the_user_of_a_dead_installer_is_told(
    memory: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(
        "restartmanager.adapters.store.user_store._callers",
        lambda *_: iter([(USER, {"RESTARTMANAGER_STATE_DIR": memory})]),
    )
    with pytest.raises(NoSuchSessionError) as raised:
        rm.join_session(samples.KEY)
    assert raised.value.detail == "Its installer is no longer running."


# -- other mounts ----------------------------------------------------------------------------------


def test_paths_that_mean_other_files_to_the_primary_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))
    hidden, shared = tmp_path / "hidden", tmp_path / "shared"
    hidden.mkdir()
    for path in (hidden / "library", shared):
        path.write_bytes(b"x")
    primary = (
        "import sys, restartmanager as rm\n"
        "with rm.start_session() as session:\n"
        "    print(session.key, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    script = 'mount -t tmpfs hiding "$0" && echo other >"$0/library" && exec "$@"'
    command = [*IN_NAMESPACE, "/bin/sh", "-c", script, str(hidden), sys.executable, "-c", primary]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        try:
            with rm.join_session(child.stdout.readline().strip()) as session:
                session.register(files=[shared])
                with pytest.raises(OtherFilesError, match="is another file for the installer"):
                    session.register(files=[shared, hidden / "library"])
                with pytest.raises(OtherFilesError):
                    session.register(trees=[hidden])
        finally:
            child.stdin.close()
            child.wait()
    assert child.returncode == 0
