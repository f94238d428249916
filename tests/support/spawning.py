"""Children for tests, and where their programs are; the fixture ``spawn`` ends them all."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from support.paths import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PYTHON = os.path.realpath(sys.executable)
TO_NOWHERE = dict.fromkeys("012", "/dev/null")
"""The descriptors of a program that is brought back."""


def await_program(child: subprocess.Popen[bytes]) -> None:
    """Wait until the child has its program in memory: Popen returns in the middle of execve(2).

    Where its data ends is written down when everything else is in place (kernel: fs/binfmt_elf.c),
    and told to those alone who may look into it. A child that has ended is not reaped.
    """
    ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while os.waitid(os.P_PID, child.pid, ended) is None:
        if not may_be_inspected(child.pid) or end_of_data(child.pid):
            return
        os.sched_yield()


def may_be_inspected(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/auxv", "rb"):
            return True
    except PermissionError:
        return False


def end_of_data(pid: int) -> int:
    """Where the data of its program ends; 0 in the middle of execve(2)."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[43])


def await_mapping(pid: int, path: Path) -> None:
    """Wait until a process has the file mapped that is at the path now: a program loads its
    libraries itself, after its execve(2)."""
    deadline = time.monotonic() + 20
    inode = str(path.stat().st_ino)
    while True:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
            if inode in (line.split()[4] for line in file):
                return
        assert time.monotonic() < deadline, f"process {pid} does not map {path}"
        os.sched_yield()


def descriptors_of(pid: int) -> dict[str, str]:
    """The descriptors of a process, and where they lead."""
    links = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            links[number] = os.readlink(f"/proc/{pid}/fd/{number}")
    return links


def settled_descriptors_of(pid: int, expected: dict[str, str]) -> dict[str, str]:
    """The descriptors of a process; as soon as they are ``expected``, and in the end whatever they
    are: a program that has just been run opens its libraries for a moment."""
    deadline = time.monotonic() + 20
    while True:
        found = descriptors_of(pid)
        if found == expected or time.monotonic() > deadline:
            return found
        os.sched_yield()


@contextlib.contextmanager
def coming_and_going() -> Iterator[None]:
    """Meanwhile processes are started and end, as many as the machine can do."""
    ended = threading.Event()

    def churn() -> None:
        while not ended.is_set():
            subprocess.run(["/bin/true"], check=True)

    threads = [threading.Thread(target=churn) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


class Spawn:
    """Starts children; all are killed and reaped when the test is over, however it ends."""

    def __init__(self) -> None:
        self.children: list[subprocess.Popen[bytes]] = []

    def running(self, *command: str, **options: object) -> subprocess.Popen[bytes]:
        """A child that runs this command; it runs its program already."""
        child: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options
        )
        self.children.append(child)
        await_program(child)
        return child

    def ready(self, *command: str, **options: object) -> subprocess.Popen[bytes]:
        """A child that runs this command and has written its first byte."""
        child = self.running(*command, **options)
        assert child.stdout is not None
        assert child.stdout.read(1), f"{command} has ended with {child.wait()}"
        return child

    def holding(
        self, *actions: str, before: Sequence[str] = (), **options: object
    ) -> subprocess.Popen[bytes]:
        """A child that has done these actions (programs/holds.py); ``before`` is put in front of
        its command."""
        program = str(PROGRAMS / "holds.py")
        return self.ready(*before, PYTHON, "-S", "-I", program, *actions, **options)

    def end(self, child: subprocess.Popen[bytes]) -> None:
        """Kill it, reap it, close its pipes; any number of times."""
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                stream.close()
