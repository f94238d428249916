"""Real applications through a whole transaction: asked, closed, brought back as they were."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.adapters.processes.recipes import parse_status
from restartmanager.api.sessions import start_session
from restartmanager.app.protocol import socket_name
from restartmanager.errors import ShutdownError
from restartmanager.model import AppType, Result
from restartmanager.model.answers import WindowKind
from restartmanager.model.identity import UniqueProcess
from support.listeners import PATIENCE_S, folder, listening, posing
from support.paths import PROGRAMS
from support.screens import screen
from support.spawning import TO_NOWHERE, await_mapping, settled_descriptors_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from integration.conftest import Children
    from restartmanager.api.primary import PrimarySession
    from restartmanager.model import Outcome
    from support.screens import Screen

__all__ = ["folder", "listening", "posing", "screen"]  # fixtures

LIBRARY = Path("/lib/x86_64-linux-gnu/libm.so.6")
USERS = (54321, 54322)


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrimarySession]:
    """A session with a memory of its own; an application has little time to exit."""
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("RESTARTMANAGER_TIMEOUT_S", "8")
    with start_session() as started:
        yield started
        started.leave_stopped()


def named(outcomes: tuple[Outcome, ...]) -> dict[int, Outcome]:
    """The outcomes by the processes that were to be stopped."""
    return {o.application.main_process.pid: o for o in outcomes if o.application.main_process}


def soon() -> float:
    return time.monotonic() + PATIENCE_S


# -- asked over a channel ------------------------------------------------------------------------


def test_one_no_cancels_everything_and_tells_those_already_asked(
    session: PrimarySession, listening: Callable[..., Any], children: Children
) -> None:
    against, agreed = listening("refuse"), listening("agree")
    silent = children.sleeper()
    processes = [against.process.identity, agreed.process.identity, UniqueProcess.of(silent.pid)]
    session.register(processes=processes)
    with pytest.raises(ShutdownError, match="it says no: a call is in progress") as caught:
        session.shutdown()
    results = {pid: outcome.result for pid, outcome in named(caught.value.outcomes).items()}
    assert results == {
        against.child.pid: Result.FAILED,
        agreed.child.pid: Result.SKIPPED,
        silent.pid: Result.SKIPPED,
    }
    assert [against.line(), agreed.line(), agreed.line()] == [
        "query update",
        "query update",
        "cancelled",
    ]
    for child in (against.child, agreed.child, silent):
        assert child.poll() is None


def test_with_force_a_no_is_recorded_and_overridden(
    session: PrimarySession, listening: Callable[..., Any]
) -> None:
    app = listening("refuse")
    session.register(processes=[app.process.identity])
    (outcome,) = session.shutdown(force=True).outcomes
    assert outcome.result is Result.DONE
    assert outcome.message.startswith("overridden: it says no: a call is in progress")
    assert [app.line(), app.line()] == ["query forced", "end forced"]
    assert app.child.wait(PATIENCE_S) == 0  # it saved, and exited by itself


def test_one_that_hangs_in_its_handler_is_left_open_and_ended_with_force(
    session: PrimarySession, listening: Callable[..., Any]
) -> None:
    app = listening("hang")
    session.register(processes=[app.process.identity])
    with pytest.raises(ShutdownError, match="did not answer in time"):
        session.shutdown()
    assert app.child.poll() is None
    (outcome,) = session.shutdown(force=True).outcomes
    assert outcome.message == "overridden: it did not answer in time"
    assert app.child.wait(PATIENCE_S) != 0


def test_one_that_dies_in_its_handler_is_gone(
    session: PrimarySession, listening: Callable[..., Any]
) -> None:
    app = listening("die")
    session.register(processes=[app.process.identity])
    (outcome,) = session.shutdown().outcomes
    assert outcome.message == "it had already gone"
    assert app.child.wait(PATIENCE_S) == 3


def test_one_that_saves_and_stays_gets_a_signal(
    session: PrimarySession, listening: Callable[..., Any]
) -> None:
    app = listening("stay")
    session.register(processes=[app.process.identity])
    (outcome,) = session.shutdown().outcomes
    assert outcome.result is Result.DONE
    assert app.child.wait(PATIENCE_S) == -15


@pytest.mark.parametrize(
    "uid", ["", pytest.param("65534", marks=pytest.mark.root)], ids=["a liar", "a stranger"]
)
def test_who_listens_under_a_false_name_speaks_for_nobody(
    session: PrimarySession, posing: Callable[..., Any], children: Children, uid: str
) -> None:
    victim = children.sleeper()
    identity = UniqueProcess.of(victim.pid)
    liar = posing(socket_name(identity), "no", *([uid] if uid else []))
    session.register(processes=[identity])
    (outcome,) = session.shutdown().outcomes
    assert outcome.result is Result.DONE
    assert "it could not be asked" in outcome.message
    assert "listens under its name" in outcome.message
    assert victim.wait(PATIENCE_S) == -15
    assert liar.child.poll() is None


def test_one_that_floods_the_socket_gets_a_signal(
    session: PrimarySession, posing: Callable[..., Any]
) -> None:
    app = posing("own", "flood")
    session.register(processes=[app.process.identity])
    (outcome,) = session.shutdown().outcomes
    assert outcome.message == "it could not be asked: it says more than was asked"
    assert app.child.wait(PATIENCE_S) == -15


def test_who_only_asks_loads_nothing_that_speaks_to_applications(tmp_path: Path) -> None:
    """Answering a question must be quick, and disturb nobody."""
    used = tmp_path / "used"
    used.write_text("x")
    code = (
        "import sys; from restartmanager.api import questions; held = open(sys.argv[1])\n"
        "assert questions.who_uses(sys.argv[1]).applications; questions.stale()\n"
        "print(*(name for name in sys.modules if name.startswith('restartmanager.')))"
    )
    command = [sys.executable, "-c", code, str(used)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "restartmanager.engine.inspector" in loaded
    talkative = (
        "restartmanager.adapters.desktop",
        "restartmanager.adapters.processes.channel",
        "restartmanager.app.protocol",
    )
    assert [name for name in loaded if name.startswith(talkative)] == []


# -- on a screen ---------------------------------------------------------------------------------


def library_in(where: Path) -> Path:
    """A library that a program maps which has it preloaded."""
    path = where / "libwidget.so"
    shutil.copy(LIBRARY, path)
    path.chmod(0o644)
    return path


def replace_file(path: Path) -> None:
    fresh = path.with_suffix(".new")
    shutil.copy(path, fresh)
    fresh.replace(path)


def shell_in(terminal: int) -> int:
    """The process of the shell that runs in a terminal."""
    deadline = soon()
    while time.monotonic() < deadline:
        found = Path(f"/proc/{terminal}/task/{terminal}/children").read_text("ascii").split()
        if found and os.readlink(f"/proc/{found[0]}/exe") == os.path.realpath("/bin/sh"):
            return int(found[0])
        os.sched_yield()
    raise AssertionError("the terminal has no shell")


def test_an_editor_and_a_terminal_with_a_shell_are_asked_closed_and_brought_back(
    session: PrimarySession, screen: Screen, children: Children, tmp_path: Path
) -> None:
    library = library_in(tmp_path)
    screen.environment["LD_PRELOAD"] = str(library)
    editor = screen.shown("mousepad", "--disable-server")
    terminal = screen.shown("xterm", "-e", "/bin/sh")
    shell = shell_in(terminal.pid)
    await_mapping(shell, library)
    its_shell = UniqueProcess.of(shell)
    session.register(files=[library])
    found = session.affected(relaunch="all").applications
    types = {app.main_process.pid: app.type for app in found if app.main_process}
    assert types == {
        editor.pid: AppType.MAIN_WINDOW,
        terminal.pid: AppType.MAIN_WINDOW,
        shell: AppType.CONSOLE,
    }
    with session.shutdown(relaunch="all") as stopped:
        assert {o.result for o in stopped.outcomes} == {Result.DONE}
        assert editor.wait(PATIENCE_S) == 0  # asked, and no signal
        terminal.wait(PATIENCE_S)
        assert not LinuxProcesses().is_alive(its_shell)  # although nobody may have reaped it yet
        replace_file(library)
    back = {o.application.name: o.process for o in stopped.restarted if o.result is Result.DONE}
    assert sorted(back) == ["mousepad", "xterm"]
    for identity in back.values():
        assert identity is not None
        children.adopt(identity)
        await_mapping(identity.pid, library)
        process = children.describe(identity.pid)
        screen.await_process(process, lambda seen: seen.kind is WindowKind.MAIN)


def test_an_unsaved_document_keeps_its_editor_open_without_force(
    session: PrimarySession, screen: Screen, tmp_path: Path
) -> None:
    document = tmp_path / "letter.txt"
    document.write_text("Dear ")
    editor = screen.shown("mousepad", "--disable-server", str(document))
    screen.type_key("x")
    screen.await_windows(editor, lambda seen: any(t.startswith("*") for t in seen.titles))
    session.register(processes=[UniqueProcess.of(editor.pid)])
    with pytest.raises(ShutdownError, match="it asks its user: ") as caught:
        session.shutdown()
    (outcome,) = caught.value.outcomes
    assert outcome.application.type is AppType.MAIN_WINDOW
    assert editor.poll() is None
    (outcome,) = session.shutdown(force=True).outcomes
    assert outcome.result is Result.DONE
    editor.wait(PATIENCE_S)


def test_the_window_manager_is_never_closed(session: PrimarySession, screen: Screen) -> None:
    session.register(processes=[UniqueProcess.of(screen.manager.pid)])
    (application,) = session.affected().applications
    assert application.type is AppType.SHELL
    assert application.reboot_reasons
    assert session.shutdown(partial=True, force=True).outcomes[0].result is Result.SKIPPED
    assert screen.manager.poll() is None


# -- brought back --------------------------------------------------------------------------------


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user may enter."""
    with tempfile.TemporaryDirectory(prefix="rm-") as made:
        os.chmod(made, 0o755)  # noqa: S103 - its user must get there
        yield Path(made)


def status_of(pid: int) -> dict[bytes, bytes]:
    return parse_status(Path(f"/proc/{pid}/status").read_bytes())


@pytest.mark.root
def test_root_brings_back_the_applications_of_two_users_as_theirs(
    session: PrimarySession,
    open_folder: Path,
    children: Children,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = library_in(open_folder)
    monkeypatch.setenv("OF_ROOT", "secret")
    old = {}
    for uid in USERS:
        home = open_folder / str(uid)
        home.mkdir(0o700)
        os.chown(home, uid, uid)
        child = children.sleeper(
            user=uid,
            group=uid,
            extra_groups=[uid + 100],
            cwd=home,
            umask=0o027,
            env={"LD_PRELOAD": str(library), "OWNER": str(uid)},
        )
        await_mapping(child.pid, library)
        old[uid] = child
    session.register(files=[library])
    with (
        open("/etc/shadow", "rb") as secret,
        session.shutdown(relaunch="all") as stopped,
    ):
        os.set_inheritable(secret.fileno(), True)
        assert [child.wait(PATIENCE_S) for child in old.values()] == [-15, -15]
        replace_file(library)
    assert len(stopped.restarted) == 2
    seen = set()
    for outcome in stopped.restarted:
        assert outcome.process is not None
        pid = children.adopt(outcome.process).pid
        status = status_of(pid)
        uid = int(status[b"Uid"].split()[0])
        seen.add(uid)
        own = str(uid).encode()
        assert set(status[b"Uid"].split()) == set(status[b"Gid"].split()) == {own}
        assert status[b"Groups"].split() == [str(uid + 100).encode()]
        assert status[b"Umask"] == b"0027"
        assert int(status[b"CapPrm"], 16) == int(status[b"CapEff"], 16) == 0
        assert os.readlink(f"/proc/{pid}/cwd") == str(open_folder / str(uid))
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")[:-1]
        names = {item.partition(b"=")[0] for item in variables}
        ours = {b"RESTARTMANAGER_RESTARTED", b"RESTARTMANAGER_REPLACES"}
        assert names == {b"LD_PRELOAD", b"OWNER"} | ours
        assert b"OWNER=" + own in variables
        await_mapping(pid, library)
        assert settled_descriptors_of(pid, TO_NOWHERE) == TO_NOWHERE
    assert seen == set(USERS)


class Tree:
    """The processes of programs/browses.py, as they get ready."""

    def __init__(self, where: Path) -> None:
        self.file, self.fifo = where / "profile", where / "ready"
        self.file.write_text("old")
        os.mkfifo(self.fifo)
        self._pipe = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)
        self.command = (str(PROGRAMS / "browses.py"), str(self.file), str(self.fifo))

    def await_ready(self, count: int) -> None:
        lines = b""
        while lines.count(b"\n") < count:
            assert select.select([self._pipe], [], [], PATIENCE_S)[0], "not all got ready"
            lines += os.read(self._pipe, 4096)
        assert lines.count(b"\n") == count

    def close(self) -> None:
        os.close(self._pipe)


def test_a_browser_of_twelve_processes_is_one_application_and_comes_back_once(
    session: PrimarySession, children: Children, tmp_path: Path
) -> None:
    tree = Tree(tmp_path)
    try:
        leader = children.spawn(sys.executable, *tree.command, process_group=0)
        tree.await_ready(12)
        session.register(files=[tree.file])
        (application,) = session.affected().applications
        assert application.main_process is not None
        assert application.main_process.pid == leader.pid
        assert len(application.processes) == 12
        assert not application.reboot_reasons
        with session.shutdown() as stopped:
            leader.wait(PATIENCE_S)
            for process in application.processes:
                assert not children.processes.is_alive(process.identity)
        (outcome,) = stopped.restarted
        assert outcome.process is not None
        children.adopt(outcome.process)
        tree.await_ready(12)
        (again,) = session.affected().applications
        assert again.main_process is not None
        assert again.main_process.identity == outcome.process
        assert len(again.processes) == 12
    finally:
        tree.close()
