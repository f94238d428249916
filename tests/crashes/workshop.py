"""Applications, an installer that dies over them, and those who clean up after it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.errors import ProcessError
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess
from support.paths import PROGRAMS, TESTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SURVIVOR = str(PROGRAMS / "survivor.py")
TEMPERS = ("obeys", "saves", "helped", "stubborn")
PATIENCE_S = 30.0


class Subject(Protocol):
    """An application that must survive: a process, a service, whatever is brought back."""

    name: str

    def start(self) -> None:
        """Start it for the first time; it is at work when this returns."""
        ...

    def complaints(self, most_starts: int = 1) -> list[str]:
        """What is wrong, after a crash and its recovery: it must run exactly once, and have been
        started so often at most since the last time this was asked."""
        ...

    def end(self) -> None:
        """Take it away, however many there are."""
        ...


class Program:
    """A program that registered to be brought back; its ticket is among its arguments."""

    def __init__(self, temper: str, workshop: Workshop) -> None:
        self.name = temper
        self.ticket = f"ticket-{uuid.uuid4().hex}"
        library, ready = str(workshop.library), str(workshop.ready)
        self.command = [sys.executable, SURVIVOR, temper, library, ready, self.ticket]
        self._workshop = workshop
        self._first: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._first = subprocess.Popen(self.command, env=self._workshop.environment)
        self._workshop.await_start(self.ticket, self._first.pid)
        self._workshop.starts(self.ticket).clear()

    def complaints(self, most_starts: int = 1) -> list[str]:
        self._workshop.listen(0)
        running = self.running()
        if len(running) != 1:
            return [f"{self.name} runs {len(running)} times"]
        starts = self._workshop.starts(self.ticket)
        if running[0].pid not in self._workshop.known(self.ticket):
            self._workshop.await_start(self.ticket, running[0].pid)
        too_often = len(starts) > most_starts
        complaints = [f"{self.name} was started {len(starts)} times"] if too_often else []
        starts.clear()
        return complaints

    def end(self) -> None:
        processes = LinuxProcesses()
        for identity in self.running():
            with contextlib.suppress(ProcessError), processes.open(identity) as handle:
                handle.send(Signal.KILL)
                processes.wait([handle], time.monotonic() + PATIENCE_S)
        if self._first is not None:
            self._first.wait()

    def running(self) -> list[UniqueProcess]:
        """The processes that it is now."""
        return list(running_with(self.ticket))


def running_with(argument: str) -> Iterator[UniqueProcess]:
    """The processes that run a program with this argument; zombies have none."""
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError, ProcessError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if argument.encode() in words:
                yield UniqueProcess.of(int(pid))


class Workshop:
    """One folder with a library, a session memory, and the applications that use the library."""

    def __init__(self, folder: Path, tempers: Iterable[str] = TEMPERS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.library = folder / "libwidget.so"
        self.library.write_text("a library")
        self.ready = folder / "ready"
        os.mkfifo(self.ready)
        self._fifo = os.open(self.ready, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._starts: dict[str, list[int]] = {}
        self._known: dict[str, set[int]] = {}
        self._points: dict[str, list[str]] = {}
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(TESTS), *os.environ.get("PYTHONPATH", "").split()]),
            "RESTARTMANAGER_STATE_DIR": str(folder / "state"),
            "RESTARTMANAGER_TIMEOUT_S": "0.5",
        }
        self.subjects: list[Subject] = [Program(temper, self) for temper in tempers]

    def __enter__(self) -> Self:
        try:
            for subject in self.subjects:
                subject.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for subject in self.subjects:
            subject.end()
        os.close(self._fifo)

    # -- the crash, and what comes after it ----------------------------------------------------

    def points_of(self, verb: str) -> list[str]:
        """The points that lie on the way, in order; all is brought back once on it."""
        if verb not in self._points:
            self._points[verb] = self._finish(self._installer(verb, 0)).split("\n")
            assert self.complaints() == []
        return self._points[verb]

    def kill_at(self, point: int, verb: str = "update") -> list[str]:
        """Have the installer killed at that point; what is wrong so far."""
        with self._installer(verb, point) as dying:
            dying.communicate()
        ended = dying.returncode
        return [] if ended == -signal.SIGKILL else [f"the installer ended with {ended}"]

    def kill_beside_another(self, point: int) -> list[str]:
        """Have an installer come to that point, and a second one close what runs then. The first
        is killed while the second is in the middle of its change, and at odd points recovered as
        well; what is wrong so far."""
        with self._installer("update", point, "stop") as dying:
            assert dying.stdout is not None
            stopped = dying.stdout.readline() == "here\n"
            beside = self._installer("update", 0, "beside")
            assert beside.stdout is not None
            changing = beside.stdout.readline() == "closed\n"
            dying.kill()
            dying.communicate()
        if point % 2:
            self.recover()
        said, complaint = beside.communicate("go\n", timeout=PATIENCE_S)
        with beside:
            pass
        trouble = [] if stopped else ["the installer did not come there"]
        trouble += [] if changing and beside.returncode == 0 else [f"the second: {said}{complaint}"]
        return trouble

    def recover(self) -> None:
        """Two recover at the same time."""
        command = [sys.executable, "-m", "restartmanager.cli", "recover"]
        recoveries = [self._running(command) for _ in range(2)]
        for recovery in recoveries:
            self._finish(recovery)

    def complaints(self, most_starts: int = 1) -> list[str]:
        """What is wrong with any of the applications."""
        return [found for subject in self.subjects for found in subject.complaints(most_starts)]

    def _installer(self, verb: str, point: int, how: str = "die") -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "crashes.installer", verb, how, str(point)]
        return self._running([*command, str(self.library)] if verb == "update" else command)

    def _running(self, command: list[str]) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=self.environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )

    @staticmethod
    def _finish(process: subprocess.Popen[str]) -> str:
        with process:
            said, complaint = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, said + complaint
        return said.strip()

    # -- what the applications say ---------------------------------------------------------------

    def starts(self, ticket: str) -> list[int]:
        """The processes that this application was started as, as far as they have said so."""
        return self._starts.setdefault(ticket, [])

    def known(self, ticket: str) -> set[int]:
        """All processes that this application ever was."""
        return self._known.setdefault(ticket, set())

    def await_start(self, ticket: str, pid: int) -> None:
        """Wait until that process has said that it is at work."""
        deadline = time.monotonic() + PATIENCE_S
        while pid not in self.known(ticket):
            left = deadline - time.monotonic()
            assert left > 0, f"process {pid} did not get to work"
            self.listen(left)

    def listen(self, patience_s: float) -> None:
        """Take in what applications have said, or do so within that time."""
        if select.select([self._fifo], [], [], patience_s)[0]:
            for line in os.read(self._fifo, 65536).decode().splitlines():
                ticket, number = line.split()
                self.starts(ticket).append(int(number))
                self.known(ticket).add(int(number))
