"""The simulated machine: processes with tempers, files with versions, and a clock that jumps.

A World is itself an adapter of the port Clock; ``machine`` has adapters of other ports over it. The
machine is deterministic: nothing waits in real time, and its time passes only when a caller waits.
Installer authors can test their own code on it; the engine's tests run thousands of seeded lives on
it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from restartmanager.model import (
    FileIdentity,
    How,
    Process,
    Signal,
)
from restartmanager.model.identity import UniqueProcess, boot_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from restartmanager.model import RestartRegistration

__all__ = [
    "Life",
    "Program",
    "Temper",
    "World",
]

_DEVICE = 1


@dataclass(frozen=True, slots=True)
class Temper:
    """The behaviour of a process; times are in seconds of the World, None means never."""

    obeys_after_s: float | None = 0.0
    """The time from a polite request to the exit."""
    lives_s: float | None = None
    """The time from the start until it exits without being asked."""
    starts: bool = True
    """Whether the program can be run at all."""
    status: int | None = 1
    """The exit status when it exits without being asked; None where nobody can tell."""
    daemon: bool = False
    """Whether the process makes a daemon, which stays, before it exits."""


@dataclass(frozen=True, slots=True)
class Program:
    """The program behind an executable's path: the files that it uses, and its behaviour."""

    uses: tuple[str, ...] = ()
    temper: Temper = field(default_factory=Temper)


@dataclass(slots=True)
class Life:
    """A process of the World, dead or alive."""

    facts: Process
    program: Program
    holds: dict[str, tuple[FileIdentity, tuple[How, ...]]]
    exits_at: float | None
    registration: RestartRegistration | None = None
    signals: list[tuple[float, Signal]] = field(default_factory=list)
    replaces: UniqueProcess | None = None
    """The process in whose place it was started."""
    at_gate: bool = False
    """Whether the process waits to run its program, and so uses nothing yet."""
    daemon: UniqueProcess | None = None
    """The daemon that it has made."""
    since: float = 0.0
    """When it was started."""


@dataclass(slots=True)
class World:
    """The whole simulated machine; a test acts on it by the methods."""

    time: float = 1000.0
    uid: int = 0
    pipeline: set[UniqueProcess] = field(default_factory=set)
    """The other processes of the installer's own pipeline."""
    suspended: dict[UniqueProcess, str] = field(default_factory=dict)
    """The processes that run nothing at the moment, and why."""
    busy_until: dict[str, float] = field(default_factory=dict)
    """The programs that cannot be run until then, as while they are being written."""
    gate_s: float = 0.0
    """The time that a process at the gate takes to notice that its installer is dead."""
    files: dict[str, FileIdentity] = field(default_factory=dict)
    folders: dict[str, FileIdentity] = field(default_factory=dict)
    packages: dict[str, tuple[str, ...]] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)
    lives: dict[UniqueProcess, Life] = field(default_factory=dict)
    risks: dict[str, str] = field(default_factory=dict)
    """Who else could change an executable, by its path."""
    events: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(100))
    _free_pids: list[int] = field(default_factory=list)

    # -- what a test does ----------------------------------------------------------------------

    def install(self, path: str) -> FileIdentity:
        """Put a new file at a path, in place of the old one where there is one."""
        identity = FileIdentity(_DEVICE, next(self._numbers), int(self.time * 1e9), 1, 0)
        self.files[path] = identity
        return identity

    def make_folder(self, path: str) -> None:
        """Make a directory."""
        self.folders[path] = FileIdentity(_DEVICE, next(self._numbers), int(self.time * 1e9), 1, 0)

    def there(self, path: str) -> FileIdentity | None:
        """The identity of the file or directory at a path now; None when there is none."""
        return self.files.get(path) or self.folders.get(path)

    def hold(self, identity: UniqueProcess, path: str, *how: How) -> None:
        """Let a process use the file at a path now, in these ways."""
        there = self.there(path)
        if there is None:
            raise KeyError(path)
        self.lives[identity].holds[path] = (there, how)

    def run(  # noqa: PLR0913 - a process has many sides
        self,
        executable: str,
        *arguments: str,
        uid: int = 0,
        parent: UniqueProcess | None = None,
        terminal: bool = False,
        registration: RestartRegistration | None = None,
        temper: Temper | None = None,
        cgroup: str | None = None,
    ) -> UniqueProcess:
        """Start the program at that path; the process holds the files of the program as they are
        now."""
        program = self.programs.get(executable, Program())
        if temper is not None:
            program = replace(program, temper=temper)
        identity = self._new_identity()
        facts = Process(
            identity=identity,
            parent_pid=parent.pid if parent else 1,
            name=executable.rpartition("/")[2],
            executable=executable,
            arguments=(executable, *arguments),
            uid=uid,
            process_group=self._group(identity, parent),
            session=identity.pid,
            terminal=terminal,
            cgroup=cgroup,
        )
        lives_s = program.temper.lives_s
        exits_at = None if lives_s is None else self.time + lives_s
        self.lives[identity] = Life(facts, program, {}, exits_at, registration, since=self.time)
        for path in program.uses:
            if path in self.files:
                self.hold(identity, path, How.MAPPED)
        if executable in self.files:
            self.hold(identity, executable, How.EXECUTABLE, How.MAPPED)
        return identity

    def end(self, identity: UniqueProcess, *, reuse_pid: bool = False) -> None:
        """Let a process exit now; with ``reuse_pid`` the next one started gets its number."""
        self.lives[identity].exits_at = self.time
        if reuse_pid:
            self._free_pids.append(identity.pid)

    def at(self, delay_s: float, event: Callable[[], object]) -> None:
        """Have an event happen ``delay_s`` seconds from now, as soon as a caller waits that
        long."""
        self.events.append((self.time + delay_s, event))
        self.events.sort(key=lambda item: item[0])

    def running(self, executable: str) -> list[UniqueProcess]:
        """The living processes of that program."""
        return [
            life.facts.identity for life in self.at_work() if life.facts.executable == executable
        ]

    def at_work(self) -> list[Life]:
        """All living processes that run their programs."""
        return [
            life
            for identity, life in self.lives.items()
            if self.is_running(identity) and not life.at_gate
        ]

    def replaced_by(self, identity: UniqueProcess) -> list[UniqueProcess]:
        """The processes whose places this one has taken, the latest first."""
        found = []
        before = self.lives[identity].replaces
        while before is not None:
            found.append(before)
            before = self.lives[before].replaces if before in self.lives else None
        return found

    def is_running(self, identity: UniqueProcess) -> bool:
        """Whether the process lives now."""
        life = self.lives.get(identity)
        return life is not None and (life.exits_at is None or life.exits_at > self.time)

    def signals(self, identity: UniqueProcess) -> list[Signal]:
        """The signals that the process was sent so far."""
        return [signal for _, signal in self.lives[identity].signals]

    # -- what the ports do ---------------------------------------------------------------------

    def signal(self, identity: UniqueProcess, signal: Signal) -> None:
        """Deliver a signal, by the temper of the process."""
        life = self.lives[identity]
        life.signals.append((self.time, signal))
        patience = None if identity in self.suspended else life.program.temper.obeys_after_s
        patience = 0.0 if signal is Signal.KILL else patience
        if patience is not None:
            exits_at = self.time + patience
            life.exits_at = exits_at if life.exits_at is None else min(life.exits_at, exits_at)

    def pass_time(self, until: float) -> None:
        """Let time pass up to an instant, with all events on the way."""
        while self.events and self.events[0][0] <= until:
            when, event = self.events.pop(0)
            self.time = max(self.time, when)
            event()
        self.time = max(self.time, until)

    def _new_identity(self) -> UniqueProcess:
        number = next(self._numbers)
        pid = self._free_pids.pop() if self._free_pids else number
        return UniqueProcess(pid, int(self.time * 100) + number, boot_id())

    def _group(self, identity: UniqueProcess, parent: UniqueProcess | None) -> int:
        if parent is None or parent not in self.lives:
            return identity.pid
        return self.lives[parent].facts.process_group

    def now(self) -> float:
        """The time of the World: wall clock and monotonic clock are the same here."""
        return self.time

    def monotonic(self) -> float:
        """The time of the World."""
        return self.time
