"""The example programs as real processes: close the editor, replace its library, bring it back."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from restartmanager.errors import ProcessGoneError
from restartmanager.model.identity import UniqueProcess
from support.paths import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.conftest import Children
    from support.spawning import Spawn


PAIRS = [
    ("primary_installer.py", "secondary_installer.py"),
    ("primary_installer_pythonic.py", "secondary_installer_pythonic.py"),
    ("primary_installer.py", "secondary_installer_pythonic.py"),
]


class Desk:
    """A folder with a library in two versions, and the editor that works with it."""

    def __init__(self, folder: Path) -> None:
        self.library = folder / "libwidget.so"
        self.update = folder / "libwidget.so.2"
        self.settings = folder / "widget.conf"
        self.state = folder / "editor.state"
        self.ready = folder / "ready"
        for path, text in (self.library, "1"), (self.update, "2"), (self.settings, "s"):
            path.write_text(text)
        os.mkfifo(self.ready)
        self.fifo = os.open(self.ready, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def next_editor(self, patience_s: float = 20.0) -> int:
        """The process number of the editor that has got ready."""
        assert select.select([self.fifo], [], [], patience_s)[0], "no editor got ready"
        return int(os.read(self.fifo, 100))

    def install(self, primary: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(EXAMPLES / primary), str(self.settings)]
        command += ["--secondary-file", str(self.library), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)

    def maps_the_library(self, pid: int) -> bool:
        """Whether the process has the library mapped that is there now."""
        inode = self.library.stat().st_ino
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
        mapped = [line.split() for line in lines if line.endswith("/libwidget.so")]
        return [int(fields[4]) for fields in mapped] == [inode]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, children: Children) -> Iterator[Desk]:
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("RESTARTMANAGER_SESSION_KEY", raising=False)
    desk = Desk(tmp_path)
    try:
        yield desk
    finally:
        with contextlib.suppress(BlockingIOError, ProcessGoneError):  # one that nobody asked for
            children.adopt(UniqueProcess.of(int(os.read(desk.fifo, 100))))
        os.close(desk.fifo)


@pytest.fixture
def editor(desk: Desk, spawn: Spawn) -> subprocess.Popen[bytes]:
    """The editor, at work on version 1."""
    child = spawn.running(
        sys.executable, str(EXAMPLES / "editor.py"), "--library", str(desk.library),
        "--state", str(desk.state), "--ready", str(desk.ready),
    )  # fmt: skip
    assert desk.next_editor() == child.pid
    return child


@pytest.mark.parametrize(("primary", "secondary"), PAIRS)
def test_the_editor_comes_back_on_the_new_library(
    desk: Desk,
    editor: subprocess.Popen[bytes],
    children: Children,
    primary: str,
    secondary: str,
) -> None:
    replace = ("--replace", str(desk.library), str(desk.update))
    done = desk.install(primary, "--secondary", str(EXAMPLES / secondary), *replace)
    assert done.returncode == 0, done.stderr
    successor = children.adopt(UniqueProcess.of(desk.next_editor()))
    assert editor.wait(10) == 0
    assert successor.pid != editor.pid
    assert desk.library.read_text() == "2"
    assert desk.maps_the_library(successor.pid)
    assert desk.state.read_text() == f"the work of process {editor.pid}\n"
    assert "affected: editor.py" in done.stdout
    assert "secondary: registered 1 file(s)" in done.stdout


@pytest.mark.parametrize("primary", ["primary_installer.py", "primary_installer_pythonic.py"])
def test_the_editor_comes_back_when_the_update_fails(
    desk: Desk, editor: subprocess.Popen[bytes], children: Children, primary: str
) -> None:
    done = desk.install(primary, "--replace", str(desk.library), "/no/such/update")
    assert done.returncode == 1
    assert "/no/such/update" in done.stderr
    successor = children.adopt(UniqueProcess.of(desk.next_editor()))
    assert editor.wait(10) == 0
    assert desk.maps_the_library(successor.pid)


@pytest.mark.parametrize("primary", ["primary_installer.py", "primary_installer_pythonic.py"])
def test_nothing_is_closed_when_the_secondary_fails(
    desk: Desk, editor: subprocess.Popen[bytes], primary: str
) -> None:
    done = desk.install(primary, "--secondary", "/no/such/secondary.py")
    assert done.returncode == 1
    assert editor.poll() is None
    assert desk.maps_the_library(editor.pid)


@pytest.mark.parametrize("secondary", ["secondary_installer.py", "secondary_installer_pythonic.py"])
def test_a_secondary_without_a_key_says_so(desk: Desk, secondary: str) -> None:
    command = [sys.executable, str(EXAMPLES / secondary), str(desk.library)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 1
    assert "secondary failed" in done.stderr
