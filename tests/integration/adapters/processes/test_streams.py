"""Standard streams: files are opened again at their end, where nobody else has put one."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.processes import instructions, streams
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.adapters.processes.streams import Opening, listener_of
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.recipes import Stream, StreamKind

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from integration.conftest import Children
    from restartmanager.model import Recipe

PROCESSES = LinuxProcesses()
STRANGER = 65002
NULL = "/dev/null"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user gets into, and only root may change."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def recipe_of(child: subprocess.Popen[bytes], children: Children) -> Recipe:
    """How to start it again; it has ended."""
    recipe = PROCESSES.recipe(children.describe(child.pid), None)
    child.kill()
    child.wait()
    return recipe


def streams_of(pid: int) -> list[str]:
    return [os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)]


def flags_of(pid: int, number: int) -> int:
    text = Path(f"/proc/{pid}/fdinfo/{number}").read_text(encoding="ascii")
    return int(text.partition("flags:")[2].split()[0], 8)


def test_a_log_goes_on_at_its_end(children: Children, folder: Path) -> None:
    log = folder / "log"
    log.write_bytes(b"before\n")
    with open(log, "ab") as opened:
        child = children.sleeper(stdin=-3, stdout=opened, stderr=opened)
    back = children.start(recipe_of(child, children))
    assert streams_of(back.pid) == [NULL, str(log), str(log)]
    assert flags_of(back.pid, 1) & (os.O_ACCMODE | os.O_APPEND) == os.O_WRONLY | os.O_APPEND
    assert log.read_bytes() == b"before\n"


def test_one_that_was_begun_anew_is_not_begun_anew_again(children: Children, folder: Path) -> None:
    log = folder / "log"
    with open(log, "w+b") as opened:
        child = children.sleeper(stdin=-3, stdout=opened, stderr=-3)
    log.write_bytes(b"what it has said\n")
    back = children.start(recipe_of(child, children))
    assert streams_of(back.pid) == [NULL, str(log), NULL]
    assert flags_of(back.pid, 1) & (os.O_ACCMODE | os.O_APPEND) == os.O_RDWR | os.O_APPEND
    assert log.read_bytes() == b"what it has said\n"


def test_what_it_reads_it_reads_from_the_beginning(children: Children, folder: Path) -> None:
    source = folder / "source"
    source.write_bytes(b"one two")
    with open(source, "rb") as opened:
        opened.read(3)
        child = children.sleeper(stdin=opened, stdout=-3, stderr=-3)
    back = children.start(recipe_of(child, children))
    assert streams_of(back.pid) == [str(source), NULL, NULL]
    text = Path(f"/proc/{back.pid}/fdinfo/0").read_text(encoding="ascii")
    assert text.split()[:2] == ["pos:", "0"]


def test_pipes_terminals_and_sockets_are_somebody_elses(children: Children) -> None:
    leader, terminal = os.openpty()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = children.sleeper(stdin=terminal, stdout=-1, stderr=theirs)
        recipe = recipe_of(child, children)
    os.close(leader)
    os.close(terminal)
    assert recipe.streams == (None, None, None)
    assert streams_of(children.start(recipe).pid) == [NULL] * 3


# -- rotated, removed, exchanged -------------------------------------------------------------------


def logging(children: Children, log: Path, **options: Any) -> subprocess.Popen[bytes]:
    with open(log, "ab") as opened:
        return children.sleeper(stdin=-3, stdout=opened, stderr=-3, **options)


def test_where_a_new_log_is_it_goes_there(children: Children, folder: Path) -> None:
    log = folder / "log"
    child = logging(children, log)
    log.unlink()
    log.touch()
    back = children.start(recipe_of(child, children))
    assert streams_of(back.pid)[1] == str(log)


def test_what_was_removed_stays_removed(children: Children, folder: Path) -> None:
    log = folder / "log"
    child = logging(children, log)
    log.unlink()
    back = children.start(recipe_of(child, children))
    assert streams_of(back.pid)[1] == NULL
    assert not log.exists()


def test_a_log_that_is_rotated_meanwhile_is_made_again(children: Children, folder: Path) -> None:
    log = folder / "log"
    log.touch(0o640)
    recipe = recipe_of(logging(children, log), children)
    log.rename(folder / "log.1")
    back = children.start(recipe)
    assert streams_of(back.pid)[1] == str(log)
    assert log.stat().st_mode & 0o777 == 0o640


@pytest.mark.root
def test_a_log_of_its_own_user_is_made_as_that_user(children: Children, folder: Path) -> None:
    os.chown(folder, STRANGER, STRANGER)
    log = folder / "log"
    user = {"user": STRANGER, "group": STRANGER, "extra_groups": []}
    recipe = recipe_of(logging(children, log, **user), children)
    log.unlink()
    back = children.start(recipe)
    assert streams_of(back.pid)[1] == str(log)
    assert log.stat().st_uid == STRANGER


def a_pipe(log: Path) -> None:
    log.unlink()
    os.mkfifo(log)


def a_folder(log: Path) -> None:
    log.unlink()
    log.mkdir()


def nothing(log: Path) -> None:
    log.unlink()
    log.parent.rmdir()


@pytest.mark.parametrize("exchange", [a_pipe, a_folder, nothing])
def test_what_is_no_file_any_more_holds_nobody_up(
    children: Children, folder: Path, exchange: Callable[[Path], None]
) -> None:
    log = folder / "logs" / "log"
    log.parent.mkdir()
    recipe = recipe_of(logging(children, log), children)
    exchange(log)
    began = time.monotonic()
    back = children.start(recipe)
    assert streams_of(back.pid)[1] == NULL
    assert time.monotonic() - began < 5


# -- strangers -------------------------------------------------------------------------------------


@pytest.mark.root
def test_a_stranger_chooses_no_file_for_root(children: Children, folder: Path) -> None:
    """The log is in the stranger's folder, and a link to a file of root's by then."""
    theirs, secret = folder / "theirs", folder / "of-root"
    theirs.mkdir()
    recipe = recipe_of(logging(children, theirs / "log"), children)
    os.chown(theirs, STRANGER, STRANGER)
    (theirs / "log").unlink()
    (theirs / "log").symlink_to(secret)
    secret.touch()
    back = children.start(recipe)
    assert streams_of(back.pid)[1] == NULL


@pytest.mark.root
def test_a_file_is_opened_with_the_rights_of_the_user(children: Children, folder: Path) -> None:
    """Root had opened it for the program; the user may not."""
    log = folder / "log"
    log.touch(0o600)
    user = {"user": STRANGER, "group": STRANGER, "extra_groups": []}
    back = children.start(recipe_of(logging(children, log, **user), children))
    assert streams_of(back.pid)[1] == NULL


@pytest.mark.root
def test_a_log_where_others_may_write_is_known_again(children: Children, folder: Path) -> None:
    """As in /var/log, which is the group's of the system log on some systems."""
    folder.chmod(0o777)
    log = folder / "log"
    recipe = recipe_of(logging(children, log), children)
    assert streams_of(children.start(recipe).pid)[1] == str(log)
    kept = folder / "kept"
    log.rename(kept)
    log.touch()
    assert streams_of(children.start(recipe).pid)[1] == NULL
    log.unlink()
    assert streams_of(children.start(recipe).pid)[1] == NULL
    assert not log.exists()
    kept.rename(log)
    os.chown(log, STRANGER, STRANGER)
    assert streams_of(children.start(recipe).pid)[1] == NULL


@pytest.mark.root
def test_a_file_that_is_exchanged_at_the_last_moment_is_another(
    children: Children, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the look, before the launcher opens it."""
    folder.chmod(0o777)
    log = folder / "log"
    recipe = recipe_of(logging(children, log), children)
    real = streams.openings

    def exchanged(recipe: Recipe) -> tuple[Opening | None, ...]:
        found = real(recipe)
        log.rename(folder / "kept")
        log.touch()
        return found

    monkeypatch.setattr(instructions, "openings", exchanged)
    assert streams_of(children.start(recipe).pid)[1] == NULL


# -- sockets ---------------------------------------------------------------------------------------


def test_who_listens_at_the_other_end_is_told_by_the_kernel(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as ours:
        listening.bind(path)
        listening.listen()
        ours.connect(path)
        other, _ = listening.accept()
        with other:
            assert listener_of(os.fstat(ours.fileno()).st_ino) == path
        assert listener_of(os.fstat(listening.fileno()).st_ino) == ""


@pytest.mark.parametrize("inode", [0, 1, 2**31])
def test_there_may_be_no_such_socket(inode: int) -> None:
    assert listener_of(inode) == ""


def test_a_journal_that_does_not_answer_holds_nobody_up(children: Children) -> None:
    recipe = recipe_of(children.sleeper(), children)
    gone = Stream(StreamKind.JOURNAL, "/run/systemd/journal.none-such/stdout")
    back = children.start(replace(recipe, streams=(None, gone, gone)))
    assert streams_of(back.pid) == [NULL] * 3
    assert UniqueProcess.of(back.pid) == back
