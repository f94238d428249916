"""The simulated adapters for processes, packages, files and the scanner, over a World."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self, TypeVar

from restartmanager.app.registering import REPLACES_VARIABLE, RESTARTED_VARIABLE
from restartmanager.errors import (
    DirectoryAmongFilesError,
    MissingResourceError,
    NotStartedError,
    ProcessAccessError,
    ProcessError,
    ProcessGoneError,
    UsageError,
)
from restartmanager.model import (
    Evidence,
    FileIdentity,
    FileResource,
    Holder,
    Ignored,
    Process,
    Recipe,
    Resources,
    Sighting,
    Signal,
    TreeResource,
)
from restartmanager.model.identity import UniqueProcess
from restartmanager.rules.sharing import place

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from restartmanager.model import Home, RestartRegistration
    from restartmanager.model.identity import FileNumbers
    from restartmanager.model.progress import CancelToken
    from restartmanager.ports.processes import ProcessHandle
    from restartmanager.rules.policy import Policy

from restartmanager.testing.world import Life, Program, Temper, World

_Found = TypeVar("_Found")

__all__ = [
    "SimulatedFileIdentifier",
    "SimulatedHandle",
    "SimulatedPackages",
    "SimulatedProcesses",
    "SimulatedScanner",
]


class SimulatedHandle:
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

    def exit_status(self) -> int | None:
        if self._world.is_running(self._identity):
            return None
        life = self._world.lives[self._identity]
        return -15 if life.signals else life.program.temper.status

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SimulatedProcesses:
    """The simulated adapter of the port Processes, for one calling process."""

    def __init__(self, world: World, caller: UniqueProcess) -> None:
        self._world = world
        self._caller = caller

    def watched(self, look: Callable[[], _Found]) -> _Found:
        return look()

    def current(self) -> UniqueProcess:
        return self._caller

    def pipeline(self) -> frozenset[UniqueProcess]:
        return frozenset(self._world.pipeline)

    def describe(self, identity: UniqueProcess) -> Process:
        if not self._world.is_running(identity):
            raise ProcessGoneError(identity.pid)
        return self._world.lives[identity].facts

    def lineage(
        self, identity: UniqueProcess, known: Mapping[UniqueProcess, Process] | None = None
    ) -> tuple[Process, ...]:
        line = []
        seen = known or {}
        here: Process | None = seen.get(identity) or self.describe(identity)
        while here is not None:
            line.append(seen.get(here.identity, here))
            here = self._by_pid(here.parent_pid)
        return tuple(line)

    def is_alive(self, identity: UniqueProcess) -> bool:
        return self._world.is_running(identity)

    def suspended(self, identity: UniqueProcess) -> str:
        return self._world.suspended.get(identity, "")

    def is_at_gate(self, identity: UniqueProcess) -> bool:
        return self._world.is_running(identity) and self._world.lives[identity].at_gate

    def seen_otherwise(
        self,
        observer: UniqueProcess,  # noqa: ARG002 - all see the same files here
        paths: Sequence[str],  # noqa: ARG002
    ) -> tuple[str, ...]:
        return ()

    def oldest(self, cgroup: str) -> Process | None:
        inside = [
            life.facts
            for identity, life in self._world.lives.items()
            if life.facts.cgroup == cgroup and self._world.is_running(identity)
        ]
        return min(inside, key=lambda p: (p.identity.start_ticks, p.pid), default=None)

    def members(
        self,
        cgroup: str,
        known: Mapping[UniqueProcess, Process] | None = None,  # noqa: ARG002 - as the port has it
    ) -> tuple[Process, ...]:
        return tuple(
            life.facts
            for identity, life in self._world.lives.items()
            if life.facts.cgroup is not None
            and f"{life.facts.cgroup}/".startswith(f"{cgroup}/")
            and self._world.is_running(identity)
        )

    def registration(self, process: Process) -> RestartRegistration | None:
        return self._world.lives[process.identity].registration

    def recipe(self, process: Process, registration: RestartRegistration | None) -> Recipe:
        facts = self.describe(process.identity)
        return Recipe(
            executable=facts.executable or "",
            arguments=registration.command if registration else facts.arguments,
            directory="/",
            environment=self._environment(process.identity),
            uid=facts.uid,
            gid=facts.uid,
            groups=(),
            umask=0o022,
            nice=0,
            limits=(),
        )

    def _environment(self, process: UniqueProcess) -> tuple[tuple[str, str], ...]:
        places = [place(before) for before in self._world.replaced_by(process)]
        if not places:
            return (("SIMULATED", "1"),)
        itself = f"{process.pid}:{process.start_ticks}"
        return ((REPLACES_VARIABLE, " ".join(places)), (RESTARTED_VARIABLE, itself))

    def risk(self, recipe: Recipe) -> str:
        return self._world.risks.get(recipe.executable, "")

    def lost_limit(self, process: Process, home: Home | None) -> str:  # noqa: ARG002 - it has none
        return ""

    def program(self, subject: UniqueProcess | Recipe) -> FileNumbers | None:
        if isinstance(subject, UniqueProcess):
            if not self._world.is_running(subject):
                return None
            path = self._world.lives[subject].facts.executable or ""
        else:
            path = subject.executable
        return None if path in self._world.risks else (1, sum(path.encode("utf-8", "replace")))

    def open(self, identity: UniqueProcess) -> SimulatedHandle:
        facts = self.describe(identity)
        return SimulatedHandle(self._world, identity, allowed=self._world.uid in {0, facts.uid})

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

    def turn_to_start(
        self,
        replaced: UniqueProcess,  # noqa: ARG002 - nothing happens at the same time here
        uid: int,  # noqa: ARG002
    ) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def successor(self, replaced: UniqueProcess, uid: int) -> UniqueProcess | None:
        for identity, life in self._world.lives.items():
            mine = replaced in self._world.replaced_by(identity) and life.facts.uid == uid
            if mine and not life.at_gate and self._world.is_running(identity):
                return identity
        return None

    def daemon_of(self, starter: UniqueProcess, uid: int) -> UniqueProcess | None:
        daemon = self._world.lives[starter].daemon
        if daemon is None or not self._world.is_running(daemon):
            return None
        return daemon if self._world.lives[daemon].facts.uid == uid else None

    def start(
        self,
        recipe: Recipe,
        on_created: Callable[[UniqueProcess], object],
        *,
        replaced: UniqueProcess | None = None,
    ) -> UniqueProcess:
        world = self._world
        if self.risk(recipe):
            raise ProcessError(f"{recipe.executable} was not started: {self.risk(recipe)}.")
        if world.time < world.busy_until.get(recipe.executable, 0.0):
            raise NotStartedError(f"{recipe.executable} was not started: it is busy.", passing=True)
        program = world.programs.get(recipe.executable, Program())
        if not program.temper.starts:
            raise ProcessError(f"{recipe.executable} cannot be run.", hint="It is broken.")
        before = None if replaced is None else world.lives.get(replaced)
        registration = None if before is None else before.registration  # it registers again
        words = (recipe.executable, *recipe.arguments[1:])
        identity = world.run(*words, uid=recipe.uid, registration=registration)
        life = world.lives[identity]
        life.at_gate = True
        life.replaces = replaced
        try:
            on_created(identity)
        except Exception:
            world.end(identity)
            raise
        except BaseException:  # the installer is dead, which takes a moment to be noticed
            life.exits_at = world.time + world.gate_s
            raise
        life.at_gate = False
        if program.temper.daemon:
            life.daemon = world.run(
                *words, uid=recipe.uid, registration=registration, temper=Temper()
            )
        return identity

    def _by_pid(self, pid: int) -> Process | None:
        for identity, life in self._world.lives.items():
            if identity.pid == pid and self._world.is_running(identity):
                return life.facts
        return None


class SimulatedPackages:
    """The simulated adapter of the port Packages."""

    def __init__(self, world: World) -> None:
        self._world = world

    def files_of(self, name: str) -> tuple[str, ...]:
        try:
            return self._world.packages[name]
        except KeyError:
            raise MissingResourceError(packages=[name]) from None


class SimulatedFileIdentifier:
    """The simulated adapter of the port FileIdentifier."""

    def __init__(self, world: World) -> None:
        self._world = world

    def identify(
        self,
        files: Sequence[str],
        trees: Sequence[str],
        *,
        owned: Sequence[str] = (),
        allow_missing: bool = False,
    ) -> Resources:
        world = self._world
        _check(*files, *owned, *trees)
        for path in files:
            if path in world.folders:
                raise DirectoryAmongFilesError(path)
        for path in trees:
            if path in world.files:
                raise UsageError(f"{path!r} is no directory.", hint="Register it as a file.")
        lost = [path for path in dict.fromkeys(files) if path not in world.files]
        lost_trees = [path for path in dict.fromkeys(trees) if path not in world.folders]
        if (lost or lost_trees) and not allow_missing:
            raise MissingResourceError(files=lost, trees=lost_trees)
        named = dict.fromkeys((*files, *(path for path in owned if path not in world.folders)))
        return Resources(
            files=tuple(FileResource(path, world.files.get(path)) for path in named),
            trees=tuple(TreeResource(path, _below(world, path)) for path in dict.fromkeys(trees)),
        )

    def resources_at(self, paths: Sequence[str], *, owned: Sequence[str] = ()) -> Resources:
        _check(*paths, *owned)
        distinct, folders = dict.fromkeys((*paths, *owned)), self._world.folders
        return Resources(
            files=tuple(FileResource(path, None) for path in distinct if path not in folders),
            trees=tuple(TreeResource(path) for path in distinct if path in folders),
        )


class SimulatedScanner:
    """The simulated adapter of the port Scanner."""

    def __init__(self, world: World) -> None:
        self._world = world

    def find_holders(self, resources: Resources) -> Sighting:
        wanted: dict[FileIdentity, str] = {}
        for resource in resources.files:
            self._want(wanted, resource)
        for tree in resources.trees:
            for resource in (*tree.entries, *_below(self._world, tree.path)):
                self._want(wanted, resource)
        lives = self._world.at_work()
        holders = [
            Holder(life.facts, evidence)
            for life in lives
            if (evidence := self._evidence(life, wanted))
            or life.facts.identity in resources.processes
        ]
        return Sighting(tuple(holders), (), len(lives), 0)

    def find_stale(self, policy: Policy) -> Sighting:
        holders = []
        ignored: dict[tuple[str, str], list[int]] = {}
        for life in self._world.at_work():
            identity = life.facts.identity
            found = []
            for path, (file, how) in life.holds.items():
                if self._world.there(path) == file:
                    continue
                reason = policy.ignores(path)
                if reason is None:
                    found.append(Evidence(identity.pid, path, how, stale=True))
                else:
                    ignored.setdefault((path, reason), []).append(identity.pid)
            if found:
                holders.append(Holder(life.facts, tuple(sorted(found))))
        return Sighting(
            tuple(holders),
            inspected=len(self._world.lives),
            ignored=tuple(Ignored(*key, tuple(pids)) for key, pids in ignored.items()),
        )

    def _want(self, wanted: dict[FileIdentity, str], resource: FileResource) -> None:
        for identity in (resource.identity, self._world.there(resource.path)):
            if identity is not None:
                wanted[identity] = resource.path

    def _evidence(self, life: Life, wanted: dict[FileIdentity, str]) -> tuple[Evidence, ...]:
        return tuple(
            sorted(
                Evidence(
                    life.facts.pid,
                    wanted[file],
                    how,
                    stale=self._world.there(wanted[file]) != file,
                )
                for file, how in life.holds.values()
                if file in wanted
            )
        )


def _check(*paths: str) -> None:
    for path in paths:
        if not path or "\0" in path:
            raise UsageError(f"{path!r} is no path.", hint="Give the path of a file.")


def _below(world: World, tree: str) -> tuple[FileResource, ...]:
    there = world.folders | world.files
    below = {path: file for path, file in there.items() if f"{path}/".startswith(f"{tree}/")}
    return tuple(FileResource(path, file) for path, file in below.items())
