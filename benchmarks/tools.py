"""Who takes part in the race: our library, our command, the other tools, and bare reading."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from benchmarks.installed import clean_environment

from restartmanager.adapters.bpf.iterator import why_unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["LIMIT_S", "Measured", "Tool", "compiled_reader", "stale_tools", "who_tools"]

LIMIT_S = 60.0
"""Who takes longer than this is not waited for."""

_HERE = os.path.dirname(os.path.abspath(__file__))

# All are run by a fresh interpreter; they time themselves, without its start.
_LIBRARY_CALL = """
import json, sys, time
import restartmanager as rm
paths = sys.stdin.read().split("\\0")
rm.who_uses(sys.executable)  # loads what is loaded at the first question
begun = time.perf_counter()
affected = rm.who_uses(*paths)
taken = time.perf_counter() - begun
pids = {item.pid for app in affected.applications for item in app.evidence}
print(json.dumps([taken, len(pids)]))
"""
_ITERATORS = """
import json, os, sys, time
from restartmanager.adapters.bpf.iterator import KernelIterator
facts = [os.stat(path) for path in sys.stdin.read().split("\\0")]
with KernelIterator("/run/restartmanager") as kernel:
    begun = time.perf_counter()
    hits = kernel.find([(found.st_dev, found.st_ino) for found in facts]).hits
    print(json.dumps([time.perf_counter() - begun, len({hit.pid for hit in hits})]))
"""
_WITHOUT = ("env", "RESTARTMANAGER_KERNEL_ITERATOR=0")
_PSUTIL_LOOP = """
import json, sys, time
import psutil
paths = set(sys.stdin.read().split("\\0"))
begun = time.perf_counter()
found = set()
for process in psutil.process_iter():
    try:
        used = {item.path for item in process.memory_maps(grouped=True)}
        used |= {item.path for item in process.open_files()}
    except psutil.Error:
        continue
    if used & paths:
        found.add(process.pid)
print(json.dumps([time.perf_counter() - begun, len(found)]))
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """How long one run took (infinity: too long), how much memory it had at most, and how many
    users it found, where that is known."""

    seconds: float
    kilobytes: int
    users: int | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """One way to ask. ``times_itself`` is for those that say how long the question took, without
    the start of their interpreter; such get the paths on standard input, others as arguments."""

    name: str
    command: tuple[str, ...]
    times_itself: bool = False
    takes_paths: bool = True
    count: Callable[[bytes], int] | None = None
    """How many users there are in what it writes, where that can be told."""

    @property
    def there(self) -> bool:
        """Whether it is installed."""
        if self.command[-1] == _PSUTIL_LOOP:
            return find_spec("psutil") is not None
        if self.command[-1] == _ITERATORS:
            return why_unavailable() is None
        return shutil.which(self.command[0]) is not None

    def run(self, paths: Sequence[str]) -> Measured:
        """Ask once."""
        arguments = () if self.times_itself or not self.takes_paths else tuple(paths)
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as told:
            given.write("\0".join(paths).encode())
            given.seek(0)
            begun = time.perf_counter()
            child = subprocess.Popen(
                [*self.command, *arguments],
                stdin=given,
                stdout=told,
                stderr=subprocess.DEVNULL,
                env=clean_environment(),
            )
            in_time, kilobytes = _ended(child)
            taken = time.perf_counter() - begun
            if not in_time:
                return Measured(float("inf"), kilobytes)
            if child.returncode not in ({0} if self.times_itself else {0, 1}):  # 1 is an answer
                raise RuntimeError(f"{self.name} has failed with {child.returncode}")
            told.seek(0)
            if self.times_itself:
                taken, users = json.load(told)
                return Measured(taken, kilobytes, users)
            return Measured(taken, kilobytes, self.count(told.read()) if self.count else None)


def _ended(child: subprocess.Popen[bytes]) -> tuple[bool, int]:
    """Wait for it, and reap it for its memory; whether it ended in time."""
    handle = os.pidfd_open(child.pid)
    in_time = False
    try:
        in_time = bool(select.select([handle], [], [], LIMIT_S)[0])
    finally:
        if not in_time:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return in_time, usage.ru_maxrss


def who_tools(reader: str, programs: str) -> list[Tool]:
    """Those that are asked who uses files; ``programs`` is where we are installed."""
    python = f"{programs}/python"
    call = (python, "-c", _LIBRARY_CALL)
    lsof = ("lsof", "-w", "-n", "-P", "-t", "--")
    return [
        Tool("reading only, in C", (reader,), takes_paths=False),
        Tool("the kernel iterators alone", (python, "-c", _ITERATORS), times_itself=True),
        Tool("restartmanager, the call", call, times_itself=True),
        Tool("the call, without the iterators", (*_WITHOUT, *call), times_itself=True),
        Tool("restartctl who", (f"{programs}/restartctl", "who")),
        Tool("fuser", ("fuser",), count=_words),
        Tool("lsof", lsof, count=_words),
        Tool("psutil, the loop", (sys.executable, "-c", _PSUTIL_LOOP), times_itself=True),
    ]


def stale_tools(programs: str) -> list[Tool]:
    """Those that are asked what runs replaced code, on the whole machine."""
    ours = (f"{programs}/restartctl", "stale", "--json")
    return [
        Tool("restartctl stale", ours, takes_paths=False, count=_pids),
        Tool(
            "restartctl stale, without the iterators",
            (*_WITHOUT, *ours),
            takes_paths=False,
            count=_pids,
        ),
        Tool("needrestart", ("needrestart", "-b", "-l", "-r", "l"), takes_paths=False),
        Tool("checkrestart", ("checkrestart", "-m"), takes_paths=False),
    ]


def _words(text: bytes) -> int:
    return len(set(text.split()))


def _pids(text: bytes) -> int:
    found = json.loads(text)["applications"]
    return len({item["pid"] for application in found for item in application["evidence"]})


def compiled_reader(folder: str) -> str:
    """Compile the reader in C, and say where it is."""
    program = os.path.join(folder, "reader")
    source = os.path.join(_HERE, "readers", "reader.c")
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", program, source], check=True)
    return program
