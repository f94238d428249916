"""A simulated machine: processes with tempers, files with versions, and a clock that jumps.

It implements the ports ``Processes``, ``Scanner`` and ``Clock`` over one World, deterministically:
nothing waits, time passes only when somebody waits for it. Installer authors can test their own
code on it; our engine runs thousands of seeded lives on it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from restartmanager.errors import (
    DirectoryAmongFilesError,
    ProcessAccessError,
    ProcessError,
    ProcessGoneError,
    UsageError,
)
from restartmanager.identity import UniqueProcess, boot_id
from restartmanager.model import (
    Evidence,
    FileIdentity,
    FileResource,
    Holder,
    How,
    Ignored,
    Process,
    Recipe,
    Resources,
    Sighting,
    Signal,
    TreeResource,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from restartmanager.model import RestartRegistration
    from restartmanager.policy import Policy
    from restartmanager.ports import ProcessHandle
    from restartmanager.progress import CancelToken

__all__ = ["Program", "SimulatedProcesses", "SimulatedScanner", "Temper", "World"]

_DEVICE = 1


@dataclass(frozen=True, slots=True)
class Temper:
    """How a process behaves; times are in seconds of the world, None means never."""

    obeys_after_s: float | None = 0.0
    """From a polite request to its exit."""
    lives_s: float | None = None
    """From its start until it exits without being asked."""
    starts: bool = True
    """Whether the program can be run at all."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is behind an executable's path: the files it uses, and how it behaves."""

    uses: tuple[str, ...] = ()
    temper: Temper = field(default_factory=Temper)


@dataclass(slots=True)
class _Life:
    """One process of the world, dead or alive."""

    facts: Process
    program: Program
    holds: dict[str, FileIdentity]
    exits_at: float | None
    registration: RestartRegistration | None = None
    signals: list[tuple[float, Signal]] = field(default_factory=list)


@dataclass(slots=True)
class World:
    """The whole simulated machine; the methods are what a test does to it."""

    time: float = 1000.0
    uid: int = 0
    files: dict[str, FileIdentity] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    programs: dict[str, Program] = field(default_factory=dict)
    lives: dict[UniqueProcess, _Life] = field(default_factory=dict)
    events: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(100))
    _free_pids: list[int] = field(default_factory=list)

    # -- what a test does ----------------------------------------------------------------------

    def install(self, path: str) -> FileIdentity:
        """Put a new file at a path, beside nothing or in place of the old one."""
        identity = FileIdentity(_DEVICE, next(self._numbers), int(self.time * 1e9), 1)
        self.files[path] = identity
        return identity

    def run(  # noqa: PLR0913 - a process has many sides
        self,
        executable: str,
        *arguments: str,
        uid: int = 0,
        parent: UniqueProcess | None = None,
        terminal: bool = False,
        registration: RestartRegistration | None = None,
        temper: Temper | None = None,
    ) -> UniqueProcess:
        """Start the program of that path; it holds what its program uses, as it is now."""
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
        )
        holds = {path: self.files[path] for path in program.uses if path in self.files}
        lives_s = program.temper.lives_s
        exits_at = None if lives_s is None else self.time + lives_s
        self.lives[identity] = _Life(facts, program, holds, exits_at, registration)
        return identity

    def end(self, identity: UniqueProcess, *, reuse_pid: bool = False) -> None:
        """Let a process exit now; with ``reuse_pid`` the next one started gets its number."""
        self.lives[identity].exits_at = self.time
        if reuse_pid:
            self._free_pids.append(identity.pid)

    def at(self, delay_s: float, event: Callable[[], object]) -> None:
        """Have something happen so many seconds from now, as soon as somebody waits that long."""
        self.events.append((self.time + delay_s, event))
        self.events.sort(key=lambda item: item[0])

    def running(self, executable: str) -> list[UniqueProcess]:
        """The living processes of that program."""
        return [
            identity
            for identity, life in self.lives.items()
            if life.facts.executable == executable and self.is_running(identity)
        ]

    def is_running(self, identity: UniqueProcess) -> bool:
        """Whether it lives now."""
        life = self.lives.get(identity)
        return life is not None and (life.exits_at is None or life.exits_at > self.time)

    def signals(self, identity: UniqueProcess) -> list[Signal]:
        """What it was sent so far."""
        return [signal for _, signal in self.lives[identity].signals]

    # -- what the ports do ---------------------------------------------------------------------

    def signal(self, identity: UniqueProcess, signal: Signal) -> None:
        """Deliver a signal, by the temper of the process."""
        life = self.lives[identity]
        life.signals.append((self.time, signal))
        patience = 0.0 if signal is Signal.KILL else life.program.temper.obeys_after_s
        if patience is not None:
            exits_at = self.time + patience
            life.exits_at = exits_at if life.exits_at is None else min(life.exits_at, exits_at)

    def pass_time(self, until: float) -> None:
        """Let time pass up to an instant, with all that happens on the way."""
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
        """The clock port: wall clock and monotonic clock are the same here."""
        return self.time

    def monotonic(self) -> float:
        """The clock port."""
        return self.time


class _Handle:
    """A hold on a simulated process."""

    def __init__(self, world: World, identity: UniqueProcess, *, allowed: bool) -> None:
        self._world = world
        self._identity = identity
        self._allowed = allowed
        self.closed = False

    @property
    def identity(self) -> UniqueProcess:
        return self._identity

    def send(self, signal: Signal) -> None:
        if not self._world.is_running(self._identity):
            raise ProcessGoneError(self._identity.pid)
        if not self._allowed:
            raise ProcessAccessError(self._identity.pid, "signal it")
        self._world.signal(self._identity, signal)

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SimulatedProcesses:
    """The Processes port over a World, for one calling process."""

    def __init__(self, world: World, caller: UniqueProcess) -> None:
        self._world = world
        self._caller = caller

    def current(self) -> UniqueProcess:
        return self._caller

    def describe(self, identity: UniqueProcess) -> Process:
        if not self._world.is_running(identity):
            raise ProcessGoneError(identity.pid)
        return self._world.lives[identity].facts

    def lineage(self, identity: UniqueProcess) -> tuple[Process, ...]:
        line = []
        here: Process | None = self.describe(identity)
        while here is not None:
            line.append(here)
            here = self._by_pid(here.parent_pid)
        return tuple(line)

    def is_alive(self, identity: UniqueProcess) -> bool:
        return self._world.is_running(identity)

    def registration(self, process: Process) -> RestartRegistration | None:
        return self._world.lives[process.identity].registration

    def recipe(self, process: Process, registration: RestartRegistration | None) -> Recipe:
        facts = self.describe(process.identity)
        return Recipe(
            executable=facts.executable or "",
            arguments=registration.command if registration else facts.arguments,
            directory="/",
            environment=(("SIMULATED", "1"),),
            uid=facts.uid,
            gid=facts.uid,
            groups=(),
            umask=0o022,
            nice=0,
            limits=(),
        )

    def open(self, identity: UniqueProcess) -> _Handle:
        facts = self.describe(identity)
        return _Handle(self._world, identity, allowed=self._world.uid in {0, facts.uid})

    def wait(
        self,
        handles: Collection[ProcessHandle],
        deadline: float,
        cancel: CancelToken | None = None,
    ) -> frozenset[UniqueProcess]:
        world = self._world
        while True:
            gone = {h.identity for h in handles if not world.is_running(h.identity)}
            if gone or world.time >= deadline or (cancel is not None and cancel.cancelled):
                return frozenset(gone)
            exits = (world.lives[handle.identity].exits_at for handle in handles)
            moments = [when for when in exits if when is not None]
            moments += [when for when, _ in world.events[:1]]
            world.pass_time(min([deadline, *moments]))

    def start(self, recipe: Recipe, on_created: Callable[[UniqueProcess], object]) -> UniqueProcess:
        world = self._world
        program = world.programs.get(recipe.executable, Program())
        if not program.temper.starts:
            raise ProcessError(f"{recipe.executable} cannot be run.", hint="It is broken.")
        identity = world.run(recipe.executable, *recipe.arguments[1:], uid=recipe.uid)
        try:
            on_created(identity)
        except BaseException:
            del world.lives[identity]
            raise
        return identity

    def _by_pid(self, pid: int) -> Process | None:
        for identity, life in self._world.lives.items():
            if identity.pid == pid and self._world.is_running(identity):
                return life.facts
        return None


class SimulatedScanner:
    """The Scanner port over a World."""

    def __init__(self, world: World) -> None:
        self._world = world

    def identify(self, files: Sequence[str], trees: Sequence[str]) -> Resources:
        world = self._world
        for path in files:
            if path in world.directories:
                raise DirectoryAmongFilesError(path)
        for path in trees:
            if path not in world.directories:
                raise UsageError(f"{path!r} is no directory.", hint="Register it as a file.")
        return Resources(
            files=tuple(FileResource(path, world.files.get(path)) for path in files),
            trees=tuple(TreeResource(path, self._below(path)) for path in trees),
        )

    def find_holders(self, resources: Resources) -> Sighting:
        wanted: dict[FileIdentity, str] = {}
        for resource in resources.files:
            self._want(wanted, resource)
        for tree in resources.trees:
            for resource in (*tree.entries, *self._below(tree.path)):
                self._want(wanted, resource)
        lives = [life for key, life in self._world.lives.items() if self._world.is_running(key)]
        holders = [
            Holder(life.facts, evidence)
            for life in lives
            if (evidence := self._evidence(life, wanted))
            or life.facts.identity in resources.processes
        ]
        return Sighting(tuple(holders), (), len(lives), 0)

    def find_stale(self, policy: Policy) -> Sighting:
        installed = set(self._world.files.values())
        holders = []
        ignored: dict[tuple[str, str], list[int]] = {}
        for identity, life in self._world.lives.items():
            if not self._world.is_running(identity):
                continue
            stale = [path for path, held in life.holds.items() if held not in installed]
            reasons = {path: policy.ignores(path) for path in stale}
            for path, reason in reasons.items():
                if reason is not None:
                    ignored.setdefault((path, reason), []).append(identity.pid)
            evidence = tuple(
                Evidence(identity.pid, path, (How.MAPPED,), stale=True)
                for path, reason in reasons.items()
                if reason is None
            )
            if evidence:
                holders.append(Holder(life.facts, evidence))
        return Sighting(
            tuple(holders),
            inspected=len(self._world.lives),
            ignored=tuple(Ignored(*key, tuple(pids)) for key, pids in ignored.items()),
        )

    def _want(self, wanted: dict[FileIdentity, str], resource: FileResource) -> None:
        for identity in (resource.identity, self._world.files.get(resource.path)):
            if identity is not None:
                wanted[identity] = resource.path

    def _evidence(self, life: _Life, wanted: dict[FileIdentity, str]) -> tuple[Evidence, ...]:
        return tuple(
            Evidence(
                life.facts.pid,
                wanted[identity],
                (How.MAPPED,),
                stale=self._world.files.get(wanted[identity]) != identity,
            )
            for identity in life.holds.values()
            if identity in wanted
        )

    def _below(self, tree: str) -> tuple[FileResource, ...]:
        files = self._world.files.items()
        return tuple(FileResource(path, i) for path, i in files if path.startswith(tree + "/"))
