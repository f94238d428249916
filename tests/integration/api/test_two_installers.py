"""Two installers close the same application at the same time: it comes back once."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.model.identity import UniqueProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from integration.conftest import Children

SLOW = """
import os, signal, sys
ready, asked, go = sys.argv[1:]
def end(*_):
    os.write(os.open(asked, os.O_WRONLY), b".")
    os.read(os.open(go, os.O_RDONLY), 1)
    os._exit(0)
signal.signal(signal.SIGTERM, end)
os.write(os.open(ready, os.O_WRONLY), b".")
while True:
    signal.pause()
"""


class Scene:
    """An application that is slow to exit, and two installers that close it."""

    def __init__(self, folder: Path, children: Children) -> None:
        self.folder = folder
        self.children = children
        self.program = folder / "slow.py"
        self.program.write_text(SLOW)
        for name in ("ready", "asked", "go", "in-one", "in-two", "go-one", "go-two"):
            os.mkfifo(folder / name)
        paths = [str(folder / name) for name in ("ready", "asked", "go")]
        self.command = [sys.executable, "-S", "-I", str(self.program), *paths]
        self._opened = [os.open(folder / name, os.O_RDWR) for name in ("ready", "asked", "go")]
        child = children.mine(subprocess.Popen(self.command, cwd="/", start_new_session=True))
        self.first = UniqueProcess.of(child.pid)
        self.await_word("ready")
        self._installers: list[subprocess.Popen[str]] = []

    def install(self, name: str, memory: str) -> subprocess.Popen[str]:
        """An installer that closes it, says that it works, and ends when it may."""
        work = f"echo . >{self.folder}/in-{name}; read word <{self.folder}/go-{name}"
        command = ["run", "--yes", "--relaunch", "all", "--pid", str(self.first.pid)]
        installer = subprocess.Popen(
            [sys.executable, "-m", "restartmanager.cli", *command, "--", "/bin/sh", "-c", work],
            env={**os.environ, "RESTARTMANAGER_STATE_DIR": str(self.folder / memory)},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._installers.append(installer)
        return installer

    def await_word(self, name: str) -> None:
        with open(self.folder / name, "rb", buffering=0) as fifo:
            assert fifo.read(1) == b"."

    def let(self, name: str) -> None:
        with open(self.folder / name, "wb", buffering=0) as fifo:
            fifo.write(b".\n")

    def back(self) -> list[int]:
        """The numbers of the processes that run the program, but the first one."""
        found = []
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")[:-1]
            except OSError:
                continue
            if words == [os.fsencode(word) for word in self.command] and pid != self.first.pid:
                found.append(pid)
                self.children.adopt(UniqueProcess.of(pid))
        return found

    def close(self) -> None:
        for installer in self._installers:
            installer.kill()
            installer.wait()
            assert installer.stderr is not None
            installer.stderr.close()
        for descriptor in self._opened:
            os.close(descriptor)


@pytest.fixture
def scene(tmp_path: Path, children: Children) -> Iterator[Scene]:
    made = Scene(tmp_path, children)
    try:
        yield made
    finally:
        made.back()
        made.close()


@pytest.mark.parametrize("together", [True, False], ids=["one-memory", "two-memories"])
def test_it_comes_back_once_when_the_last_is_through(scene: Scene, together: bool) -> None:
    """Where the two have no memory in common, the first one brings it back."""
    one = scene.install("one", "memory")
    two = scene.install("two", "memory" if together else "another")
    for _ in (one, two):
        scene.await_word("asked")
    scene.let("go")
    scene.await_word("in-one")
    scene.await_word("in-two")
    assert scene.back() == []
    scene.let("go-one")
    assert one.wait() == 0
    assert len(scene.back()) == (0 if together else 1)
    scene.let("go-two")
    assert two.wait() == 0
    (pid,) = scene.back()
    assert one.stderr is not None
    assert ("other installer" in one.stderr.read()) == together
    assert LinuxProcesses().successor(scene.first, os.geteuid()) == UniqueProcess.of(pid)
