"""Where a situation is set up: its folder, its processes, and what was registered.

A situation runs in a process of its own (``one.py``), so that its mounts are private to it and
nothing of it can outlive it: whatever it starts ends when the pipe to its standard input does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from support.paths import PROGRAMS
from support.spawning import PYTHON, Spawn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

__all__ = ["NOBODY", "UNSEEN", "Chapter", "NotHereError", "Situation", "Stage", "Truth", "used_by"]

Child: TypeAlias = "subprocess.Popen[bytes] | int"

_KERNEL_HOLDER = str(PROGRAMS / "kernel_holder.py")
_IN_NEW_MOUNTS = ("unshare", "--mount", "--propagation", "private", "sh", "-ec")
_READY_S = 20.0


class NotHereError(Exception):
    """This machine cannot have the situation; the message says why."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Who uses what was registered: these processes and no others, those in ``stale`` a file that
    is no longer the one at its path; with ``unseen`` it is in use, but not by any process."""

    users: frozenset[int] = frozenset()
    stale: frozenset[int] = frozenset()
    unseen: bool = False


NOBODY = Truth()
UNSEEN = Truth(unseen=True)


def used_by(*children: Child, stale: Iterable[Child] = ()) -> Truth:
    """The truth that these processes use it, those in ``stale`` in an old version."""
    gone = frozenset(map(_pid, stale))
    return Truth(frozenset(map(_pid, children)) | gone, gone)


@dataclass(frozen=True, slots=True)
class Situation:
    """One real situation: ``build`` sets it up and says the truth.

    ``note`` explains it in one line. ``upgrade`` says that the question of those tools fits which
    ask for replaced code: it is about programs, libraries or scripts. ``mounts`` is for those that
    mount something: they run in a mount namespace of their own, and so do all who are asked.
    """

    name: str
    note: str
    build: Callable[[Stage], Truth]
    root: bool = False
    mounts: bool = False
    upgrade: bool = False


@dataclass(slots=True)
class Chapter:
    """Situations that belong together."""

    title: str
    situations: list[Situation] = field(default_factory=list)

    def situation(
        self,
        name: str,
        note: str,
        *,
        root: bool = False,
        mounts: bool = False,
        upgrade: bool = False,
    ) -> Callable[[Callable[[Stage], Truth]], Callable[[Stage], Truth]]:
        """The decorator that makes a function one of the situations."""

        def add(build: Callable[[Stage], Truth]) -> Callable[[Stage], Truth]:
            self.situations.append(Situation(name, note, build, root or mounts, mounts, upgrade))
            return build

        return add


class Registrar(Protocol):
    """Who is told beforehand what will be changed."""

    def register(self, files: list[str], trees: list[str]) -> None:
        """Note what these are now."""


class Stage:
    """Set-up for one situation, taken down again by ``close``."""

    def __init__(self, folder: Path, registrar: Registrar, *, patience_s: float) -> None:
        self.folder = folder
        self.spawn = Spawn()
        self.files: list[str] = []
        self.trees: list[str] = []
        self._registrar = registrar
        self._patience_s = patience_s
        self._after = contextlib.ExitStack()

    # -- files -----------------------------------------------------------------------------------

    def data(self, name: str = "data") -> Path:
        """A file of 5000 bytes."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 5000)
        return path

    def program(self, name: str = "program") -> Path:
        """A program that runs until its standard input ends."""
        return self._copied("/bin/cat", name)

    def library(self, name: str = "libexample.so.1") -> Path:
        """A real library, under a name of ours."""
        return self._copied(_some_library(), name)

    def text(self, name: str, *lines: str) -> Path:
        """A file of these lines, which may be run."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines))
        path.chmod(0o755)
        return path

    def _copied(self, source: str, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, path)
        path.chmod(0o755)
        return path

    # -- what is asked about ---------------------------------------------------------------------

    def register(self, *files: Path | str) -> None:
        """These are the files that will be changed, and that everybody is asked about."""
        self.files += map(str, files)
        self._registrar.register([str(file) for file in files], [])

    def register_tree(self, tree: Path) -> None:
        """Below this directory anything may change."""
        self.trees.append(str(tree))
        self._registrar.register([], [str(tree)])

    def time_passes(self) -> None:
        """Long enough for the change to be later than the start of the processes, as far as those
        can tell who compare times."""
        time.sleep(self._patience_s)

    # -- processes -------------------------------------------------------------------------------

    def runs(self, program: Path | str, *arguments: str, **options: object) -> Child:
        """A process that runs this program."""
        return self.spawn.running(str(program), *arguments, **options)

    def says_ready(self, *command: str, **options: object) -> subprocess.Popen[bytes]:
        """A process that has written its first byte."""
        return self.spawn.ready(*command, **options)

    def holds(
        self, *actions: Path | str, before: tuple[str, ...] = (), **options: object
    ) -> subprocess.Popen[bytes]:
        """A process that has done these actions (programs/holds.py)."""
        return self.spawn.holding(*map(str, actions), before=before, **options)

    def hides(self, *actions: Path | str, before: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        """A process that holds in one of the rarer ways (programs/hides.py)."""
        program = str(PROGRAMS / "hides.py")
        return self.spawn.ready(*before, PYTHON, "-S", "-I", program, *map(str, actions))

    def kernel_holder(self, action: str, path: Path) -> subprocess.Popen[bytes]:
        """A process that has done one action of integration/kernel_holder.py."""
        return self.spawn.ready(PYTHON, "-S", "-I", _KERNEL_HOLDER, f"{action}={path}")

    def in_own_mounts(self, script: str) -> tuple[str, ...]:
        """What to put before a command that runs in a mount namespace of its own, after this
        shell script; ``$0`` in it is the folder."""
        return (*_IN_NEW_MOUNTS, f'{script}; exec "$@"', str(self.folder))

    def only_child_of(self, child: Child) -> int:
        """The process that this one has started, by its number here."""
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            for pid, parent in parents().items():
                if parent == _pid(child):
                    return pid
            time.sleep(0.01)
        raise AssertionError(f"{child} has no child")

    def guarded(self, begin: str, end: str, path: Path | str) -> None:
        """Run the shell command ``begin``, and ``end`` afterwards, also when we are killed: the
        guard notices by its standard input. In both ``$0`` is ``path``."""
        script = f"({begin}) || exit 1; echo .; read nothing; {end}"
        guard = subprocess.Popen(
            ["/bin/sh", "-c", script, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._after.callback(guard.communicate)
        assert guard.stdout is not None
        if guard.stdout.read(1) != b".":
            assert guard.stderr is not None
            raise NotHereError(guard.stderr.read().decode(errors="replace").strip())

    def started(self) -> frozenset[int]:
        """Every process of this situation that lives now."""
        tree = parents()
        found = {os.getpid()}
        while grown := {pid for pid, parent in tree.items() if parent in found} - found:
            found |= grown
        return frozenset(found - {os.getpid()})

    def close(self) -> None:
        """End and reap everything."""
        with contextlib.ExitStack() as rest:
            rest.callback(self._after.close)
            for child in self.spawn.children:
                rest.callback(self.spawn.end, child)


def parents() -> dict[int, int]:
    """The parent of every process."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                found[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
    return found


def _pid(child: Child) -> int:
    return child if isinstance(child, int) else child.pid


def _some_library() -> str:
    """A library that this very process has loaded (libffi, for ctypes)."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        paths = {line.split(maxsplit=5)[5].strip() for line in file if ".so" in line}
    fitting = sorted(path for path in paths if "/libffi.so" in path or "/libz.so" in path)
    return (fitting or sorted(path for path in paths if "/libm.so" in path))[0]
