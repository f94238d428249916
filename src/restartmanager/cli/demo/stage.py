"""What ``restartctl demo`` plays on: a folder of its own, and processes that it has started.

Nothing else is touched, and nothing of it is left behind.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from restartmanager.adapters.processes.pidfds import PidfdHandle, wait_for_exit
from restartmanager.api.settings import STATE_VARIABLE
from restartmanager.errors import ProcessError
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager


_PATIENCE_S = 30.0
_POLL_S = 0.01
_LIBRARIES = ("libm.", "libz.", "liblzma.", "libbz2.", "libffi.", "libcrypto.")
"""In this order, where this process has one of them: small ones that need nothing special."""
_ESSENTIAL = re.compile(r"/(ld-|libc[.-]|libpthread|libpython|libdl)")


class StageError(Exception):
    """The stage cannot be set, or a process of it does not do what it should."""


class Stage:
    """A temporary folder with a library, two applications and a session memory.

    ``undisturbed`` keeps an interruption from coming between a new process and its being known.
    """

    def __init__(
        self, undisturbed: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
    ) -> None:
        self._undisturbed = undisturbed
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="restartctl-demo-"))
        self._children: list[subprocess.Popen[bytes]] = []
        self._ours: list[UniqueProcess] = []
        self._state_before = os.environ.get(STATE_VARIABLE)
        os.environ[STATE_VARIABLE] = os.path.join(self.folder, "state")
        try:
            self.library = self._copy_library()
        except BaseException:
            self.clear(())
            raise

    def _copy_library(self) -> str:
        source = _some_library()
        target = os.path.join(self.folder, os.path.basename(source))
        shutil.copyfile(source, target)
        return target

    # -- applications --------------------------------------------------------------------------

    def write_program(self, name: str) -> str:
        """The program of the application with this name; its path."""
        path = os.path.join(self.folder, name)
        shutil.copyfile(os.path.join(os.path.dirname(__file__), "application.py"), path)
        return path

    def document(self, name: str) -> str:
        """Where the application with this name saves its work."""
        return os.path.join(self.folder, f"{name}.txt")

    def start(self, name: str) -> UniqueProcess:
        """Start the application with this name, and wait until it is ready."""
        command = [sys.executable, self.write_program(name), self.library, self.document(name)]
        child = self._begin(command, os.environ)
        identity = UniqueProcess.of(child.pid)  # not reaped yet, so it cannot be another one
        self._ours.append(identity)
        _await_ready(name, child)
        return identity

    def run(self, arguments: Iterable[str], environment: Mapping[str, str]) -> int:
        """Run restartctl as a process of its own, to its end; its number."""
        command = [sys.executable, "-P", "-m", "restartmanager.cli", *arguments]
        child = self._begin(command, {**os.environ, **environment})
        _, complaint = child.communicate(timeout=_PATIENCE_S)
        if child.returncode:
            raise StageError(complaint.decode(errors="replace").strip() or "restartctl failed")
        return child.pid

    def _begin(
        self, command: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        with self._undisturbed():
            child = subprocess.Popen(
                command,
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # what the terminal sends is not for it
            )
            self._children.append(child)
        return child

    def replace_library(self) -> tuple[int, int]:
        """Put a new file in the library's place, as package managers do; both inodes."""
        old = os.stat(self.library).st_ino
        draft = f"{self.library}.new"
        shutil.copyfile(self.library, draft)
        os.rename(draft, self.library)
        return old, os.stat(self.library).st_ino

    # -- afterwards ----------------------------------------------------------------------------

    def clear(self, also: Iterable[UniqueProcess]) -> None:
        """End what was started, here and (``also``) by the restart, and remove the folder."""
        _end_all([*self._ours, *also])
        for child in self._children:
            with contextlib.suppress(OSError):
                child.kill()
            child.wait()
            for pipe in (child.stdout, child.stderr):
                if pipe is not None:
                    pipe.close()
        if self._state_before is None:
            os.environ.pop(STATE_VARIABLE, None)
        else:
            os.environ[STATE_VARIABLE] = self._state_before
        shutil.rmtree(self.folder, ignore_errors=True)


def await_mapping(process: UniqueProcess, path: str) -> set[int]:
    """The inodes of all files that this process has mapped under this path, as soon as there is
    one: who has just been brought back has yet to map it. Empty when it ends before that."""
    deadline = time.monotonic() + _PATIENCE_S
    with contextlib.suppress(ProcessError, OSError), PidfdHandle(process) as handle:
        while not (inodes := mapped_inodes(process.pid, path)):
            if wait_for_exit([handle], min(deadline, time.monotonic() + _POLL_S)):
                break
            if time.monotonic() >= deadline:
                break
        return inodes
    return set()


def mapped_inodes(pid: int, path: str) -> set[int]:
    """The inodes of all files that this process has mapped under this path, removed or not."""
    with open(f"/proc/{pid}/maps", "rb") as maps:
        lines = [line.split(maxsplit=5) for line in maps]
    names = {os.fsencode(path), os.fsencode(path) + b" (deleted)"}
    return {int(line[4]) for line in lines if len(line) == 6 and line[5].rstrip(b"\n") in names}


def _some_library() -> str:
    """A shared library that this very process has mapped: it is sure to be loadable."""
    with open("/proc/self/maps", "rb") as maps:
        paths = {os.fsdecode(line.split(maxsplit=5)[-1].rstrip(b"\n")) for line in maps}
    libraries = sorted(
        path
        for path in paths
        if re.search(r"\.so(\.|$)", path) and os.path.isfile(path) and not _ESSENTIAL.search(path)
    )
    if not libraries:
        raise StageError("there is no shared library on this machine that could be copied")
    wanted = [p for name in _LIBRARIES for p in libraries if os.path.basename(p).startswith(name)]
    return [*wanted, *libraries][0]


def _await_ready(name: str, child: subprocess.Popen[bytes]) -> None:
    assert child.stdout is not None  # noqa: S101 - it was asked for
    ready, _, _ = select.select([child.stdout], [], [], _PATIENCE_S)
    if ready and os.read(child.stdout.fileno(), 16) == b"ready\n":
        return
    child.kill()
    _, complaint = child.communicate()
    last = complaint.decode(errors="replace").strip().splitlines()[-1:] or ["it does not answer"]
    raise StageError(f"{name} did not start: {last[0]}")


def _end_all(identities: Iterable[UniqueProcess]) -> None:
    """Kill these and wait until they are gone; those that have exited already are no matter."""
    with contextlib.ExitStack() as stack:
        handles = []
        for identity in identities:
            with contextlib.suppress(ProcessError):
                handle = stack.enter_context(PidfdHandle(identity))
                handle.send(Signal.KILL)
                handles.append(handle)
        deadline = time.monotonic() + _PATIENCE_S
        while handles and time.monotonic() < deadline:
            gone = wait_for_exit(handles, deadline)
            handles = [handle for handle in handles if handle.identity not in gone]
