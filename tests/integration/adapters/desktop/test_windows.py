"""Windows of real programs, under a real window manager on a virtual screen."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.desktop.windows import X11Windows
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.model.answers import WindowKind, Windows
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.progress import CancelToken
from support.screens import PATIENCE_S, Screen, screen, soon

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from integration.conftest import Children

__all__ = ["screen"]  # a fixture

USER = 54321


def wait(child: subprocess.Popen[bytes]) -> int:
    return child.wait(PATIENCE_S)


# -- what is found -------------------------------------------------------------------------------


def test_main_windows_other_windows_and_the_shell_are_told_apart(
    screen: Screen, children: Children
) -> None:
    terminal = screen.shown("xterm", "-T", "a terminal", "-e", "sleep", "1000")
    without = children.sleeper(env=screen.environment)
    found = screen.windows(terminal)
    assert found is not None
    assert (found.kind, found.titles, found.dialogs) == (WindowKind.MAIN, ("a terminal",), ())
    manager = screen.windows(screen.manager)
    assert manager is not None
    assert manager.kind is WindowKind.SHELL
    assert screen.windows(without) is None  # it only has the variable


def test_who_responds_and_who_hangs(screen: Screen) -> None:
    editor = screen.shown("mousepad", "--disable-server")
    found = screen.windows(editor)
    assert found is not None
    assert found.responds is True
    editor.send_signal(signal.SIGSTOP)
    try:
        hung = screen.windows(editor)
        assert hung is not None
        assert (hung.kind, hung.responds) == (WindowKind.MAIN, False)
        assert screen.ask_to_close(editor) == [hung]  # not asked: it would not hear
    finally:
        editor.send_signal(signal.SIGCONT)


# -- asking --------------------------------------------------------------------------------------


def test_a_terminal_and_an_editor_are_asked_and_exit(screen: Screen) -> None:
    terminal = screen.shown("xterm", "-e", "sh", "-c", "read line")
    editor = screen.shown("mousepad", "--disable-server")
    asked = screen.ask_to_close(terminal, editor)
    assert [found.asked for found in asked if found] == [1, 1]
    assert wait(editor) == 0
    wait(terminal)


def test_one_that_asks_its_user_has_not_closed(screen: Screen, tmp_path: Path) -> None:
    """An editor with unsaved work puts a dialog up, and stays."""
    document = tmp_path / "letter.txt"
    document.write_text("Dear ")
    editor = screen.shown("mousepad", "--disable-server", str(document))
    screen.type_key("x")
    screen.await_windows(editor, lambda found: any(t.startswith("*") for t in found.titles))
    (asked,) = screen.ask_to_close(editor)
    assert asked is not None
    assert asked.asked == 1
    screen.await_windows(editor, lambda found: bool(found.dialogs))
    assert editor.poll() is None
    (again,) = screen.ask_to_close(editor)
    assert again is not None
    assert again.dialogs
    assert again.asked == 1  # and not the dialog: that would be an answer to it
    assert editor.poll() is None


def test_the_shell_is_not_asked(screen: Screen) -> None:
    (found,) = screen.ask_to_close(screen.manager)
    assert found is not None
    assert (found.kind, found.asked) == (WindowKind.SHELL, 0)


def test_only_the_processes_that_are_meant_are_asked(screen: Screen) -> None:
    one, other = (screen.shown("xterm", "-e", "sleep", "1000") for _ in range(2))
    screen.ask_to_close(one)
    wait(one)
    assert screen.windows(other) is not None


# -- rights --------------------------------------------------------------------------------------


@pytest.mark.root
def test_root_closes_a_users_windows_with_that_users_rights(children: Children) -> None:
    with tempfile.TemporaryDirectory(prefix="rm-") as folder:
        os.chown(folder, USER, USER)
        screen = Screen(children, Path(folder), USER)
        try:
            terminal = screen.shown("xterm", "-e", "sleep", "1000")
            (asked,) = screen.ask_to_close(terminal)
            assert asked == Windows(WindowKind.MAIN, ("sleep",), (), None, 1)
            wait(terminal)
        finally:
            screen.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user may enter, and run programs in with the rights of their owners."""
    with tempfile.TemporaryDirectory(prefix="rm-") as folder:
        if os.statvfs(folder).f_flag & os.ST_NOSUID:
            pytest.skip(f"{os.path.dirname(folder)} is mounted without set-user-ID")
        opened = Path(folder)
        opened.chmod(0o755)
        yield opened


class FakeDisplay:
    """A hostile X server, and a process that names it in its environment."""

    def __init__(self, children: Children, how: str, *, server: int, user: int) -> None:
        self.number = 40000 + os.getpid() % 20000
        self._path = f"/tmp/.X11-unix/X{self.number}"
        self.server = children.python("fake_display.py", str(self.number), how, str(server))
        assert self.line() == "ready"
        variables = {"DISPLAY": f"unix:{self.number}.0", "XAUTHORITY": "/etc/shadow"}
        options: dict[str, Any] = {"user": user, "group": user, "extra_groups": []}
        child = children.sleeper(env=variables, **(options if user else {}))
        self.process = LinuxProcesses().describe(UniqueProcess.of(child.pid))

    def line(self) -> str:
        assert self.server.stdout is not None
        return self.server.stdout.readline().decode().strip()

    def remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)


@pytest.fixture
def fake_display(children: Children) -> Iterator[Callable[..., FakeDisplay]]:
    made: list[FakeDisplay] = []

    def make(how: str, *, server: int = 0, user: int = 0) -> FakeDisplay:
        made.append(FakeDisplay(children, how, server=server, user=user))
        return made[-1]

    yield make
    for fake in made:
        fake.remove()


@pytest.mark.root
@pytest.mark.parametrize(
    ("server", "user"),
    [(USER, USER), (0, USER), (USER, 0)],
    ids=["a user on his own", "a user on root's", "root on a user's"],
)
def test_nothing_is_said_to_a_display_with_roots_rights(
    fake_display: Any, server: int, user: int
) -> None:
    fake = fake_display("garbage", server=server, user=user)
    assert X11Windows().find([fake.process], soon()) == {}
    assert fake.line() == "0 left"  # whose it is was asked of the kernel
    assert fake.line() == f"{USER} spoke"


@pytest.mark.root
def test_the_choice_of_another_user_is_not_followed(
    children: Children, fake_display: Any, open_folder: Path
) -> None:
    """A set-user-ID program has its variables from whoever started it."""
    fake = fake_display("garbage", server=USER, user=USER)
    program = open_folder / "sleep"
    shutil.copy("/bin/sleep", program)
    program.chmod(0o4755)
    variables = {"DISPLAY": f":{fake.number}"}
    child = children.spawn(str(program), "1000", env=variables, user=USER, group=USER)
    process = LinuxProcesses().describe(UniqueProcess.of(child.pid))
    assert process.uid == 0
    assert X11Windows().find([process], soon()) == {}
    assert X11Windows().find([fake.process], soon()) == {}
    assert fake.line() == "0 left"
    assert fake.line() == f"{USER} spoke"
    fake.server.kill()
    assert fake.server.stdout is not None
    assert fake.server.stdout.read() == b""  # one look only: that of the second process


@pytest.mark.root
def test_a_display_that_says_nothing_takes_no_longer_than_the_deadline(fake_display: Any) -> None:
    fake = fake_display("silent", server=USER, user=USER)
    assert X11Windows().find([fake.process], time.monotonic() + 2.0) == {}


@pytest.mark.root
def test_a_display_that_never_stops_talking_gives_nothing(fake_display: Any) -> None:
    fake = fake_display("flood", server=USER, user=USER)
    assert X11Windows().find([fake.process], soon()) == {}


@pytest.mark.root
def test_a_question_to_a_display_can_be_called_off(fake_display: Any) -> None:
    fake = fake_display("silent", server=USER, user=USER)
    with CancelToken() as cancel:
        cancel.cancel()
        assert X11Windows().find([fake.process], soon(), cancel) == {}


@pytest.mark.root
def test_a_key_without_end_is_not_read_to_the_end(screen: Screen, children: Children) -> None:
    variables = {**screen.environment, "XAUTHORITY": "/dev/zero"}
    child = children.sleeper(env=variables)
    process = LinuxProcesses().describe(UniqueProcess.of(child.pid))
    assert X11Windows().find([process], soon()) == {}
    largest_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert largest_kb < 700_000
