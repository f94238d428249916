"""Applications that listen, as children of a test, and a folder of sockets for them alone."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.processes.channels import LinuxChannels
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.model.answers import EndReason
from restartmanager.model.identity import UniqueProcess

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from integration.conftest import Children
    from restartmanager.model import Process
    from restartmanager.model.answers import Answer

__all__ = ["PATIENCE_S", "PROCESSES", "App", "ask", "folder", "listening", "posing", "soon"]

PATIENCE_S = 20.0
PROCESSES = LinuxProcesses()


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of sockets in the runtime folder of these tests; a short path, for the address of
    a socket has room for 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="rm-") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        made = Path(runtime, "restartmanager")
        made.mkdir(mode=0o700)
        yield made


class App:
    """An application as a child: programs/listens.py, or programs/poses.py."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self.child = child
        assert self.line() == "ready"

    def line(self) -> str:
        """The next thing that it says."""
        assert self.child.stdout is not None
        return self.child.stdout.readline().decode().rstrip("\n")

    def order(self, text: str) -> None:
        """Have it do something; it has done so when this returns."""
        assert self.child.stdin is not None
        self.child.stdin.write(text.encode() + b"\n")
        self.child.stdin.flush()

    @property
    def process(self) -> Process:
        return PROCESSES.describe(UniqueProcess.of(self.child.pid))


@pytest.fixture
def listening(children: Children) -> Callable[..., App]:
    """Starts programs/listens.py."""

    def start(how: str, where: str = "thread") -> App:
        return App(children.python("listens.py", how, where))

    return start


@pytest.fixture
def posing(children: Children, folder: Path) -> Callable[..., App]:
    """Starts programs/poses.py."""

    def start(name: str, how: str, *uid: str) -> App:
        return App(children.python("poses.py", str(folder), name, how, *uid))

    return start


def soon(seconds: float = PATIENCE_S) -> float:
    return time.monotonic() + seconds


def ask(app: App, seconds: float = PATIENCE_S) -> Answer:
    process = app.process
    with LinuxChannels().open([process]) as talks:
        return talks.query(EndReason.UPDATE, soon(seconds))[process.identity]
