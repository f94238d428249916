"""The simulated adapter of the port ``ServiceManager``: units with tempers and dependencies."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from restartmanager.model import (
    Hold,
    Home,
    Service,
    ServiceFacts,
    ServiceResult,
    ServiceState,
    Treatment,
)
from restartmanager.model.limits import STILL_STOPPING_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from restartmanager.model import Process
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import CancelToken
    from restartmanager.testing.world import World

__all__ = ["SimulatedServices", "Unit"]

_UNKNOWN = "there is no such service"


@dataclass(slots=True)
class Unit:
    """A service of a simulated machine, and its behaviour; times are in seconds of the World."""

    executable: str
    aliases: frozenset[str] = frozenset()
    required_by: tuple[str, ...] = ()
    """The services that stop when this one stops."""
    trigger: str = ""
    """A unit that could start the service at any moment, as a socket does. It is active while the
    service is not held."""
    stops_after_s: float | None = 0.0
    """The time from a stop until it has stopped; None: it never stops by itself."""
    refuses_stop: bool = False
    starts: bool = True
    lives_s: float | None = None
    """The time from its start until it fails."""
    process: UniqueProcess | None = None
    held: bool = False
    stopping: bool = False
    """Whether it was told to stop, which cannot be taken back."""
    starts_count: int = 0

    def let_go(self, hold: Hold) -> None:
        """Let the units that the hold names start the service again."""
        self.held = self.held and self.trigger not in hold.triggers


@dataclass
class SimulatedServices:
    """The ServiceManager of a World, with its services by name."""

    world: World
    units: dict[str, Unit] = field(default_factory=dict)
    adopted: dict[UniqueProcess, tuple[Home, str]] = field(default_factory=dict)
    """The processes that were put into scopes: where, and by which name."""
    homes: dict[UniqueProcess, Home] = field(default_factory=dict)
    """The homes of processes, where they are not their users' own managers."""

    # -- what a test does ----------------------------------------------------------------------

    def add(self, name: str, unit: Unit, *, running: bool = True) -> Service:
        """Put a service on the machine."""
        self.units[name] = unit
        if running:
            self._run(unit)
        return self._service(name)

    def knock(self, name: str) -> None:
        """Somebody connects to the service's socket: it starts, if it is not held down."""
        unit = self.units[name]
        if unit.trigger and not unit.held and not self._runs(unit):
            self._run(unit)

    # -- looking -------------------------------------------------------------------------------

    def resolve(self, names: Iterable[str]) -> Mapping[str, Service]:
        found = {}
        for wanted in names:
            for name, unit in self.units.items():
                if wanted in {name, name.removesuffix(".service"), *unit.aliases}:
                    found[wanted] = self._service(name)
        return found

    def owners(self, processes: Iterable[Process]) -> Mapping[UniqueProcess, Service]:
        mains = {
            unit.process.pid: (unit.process, self._service(name))
            for name, unit in self.units.items()
            if unit.process is not None
        }
        owners = {process.identity: self._owner(process, mains) for process in processes}
        return {identity: owner for identity, owner in owners.items() if owner is not None}

    def _owner(
        self, process: Process, mains: Mapping[int, tuple[UniqueProcess, Service]]
    ) -> Service | None:
        """The service whose main process it is, or came of."""
        main, service = mains.get(process.pid, (None, None))
        if main == process.identity:
            return service
        main, service = mains.get(process.parent_pid, (None, None))
        return service if main is not None and _came_of(process, main) else None

    def describe(self, services: Iterable[Service]) -> Mapping[Service, ServiceFacts]:
        units = ((service, self._unit(service)) for service in services)
        return {service: self._facts(service, unit) for service, unit in units if unit is not None}

    def states(self, services: Iterable[Service]) -> Mapping[Service, ServiceState]:
        return {service: facts.state for service, facts in self.describe(services).items()}

    def failed(self, like: Iterable[Service]) -> frozenset[Service]:
        if not any(True for _ in like):
            return frozenset()
        return frozenset(
            self._service(name)
            for name, unit in self.units.items()
            if unit.process is not None and not self._runs(unit)
        )

    def _facts(self, service: Service, unit: Unit) -> ServiceFacts:
        runs = self._runs(unit)
        crashed = unit.process is not None and not runs
        return ServiceFacts(
            service,
            self._state(unit),
            aliases=unit.aliases | {service.name},
            main=unit.process if runs else None,
            unstoppable="it refuses to be stopped" if unit.refuses_stop else "",
            hold=Hold(triggers=(unit.trigger,)) if unit.trigger else Hold(),
            dependents=tuple(self._service(name) for name in unit.required_by),
            trouble="it failed" if crashed else "",
        )

    def _state(self, unit: Unit) -> ServiceState:
        if self._runs(unit):
            return ServiceState.CHANGING if unit.stopping else ServiceState.ACTIVE
        return ServiceState.INACTIVE if unit.process is None else ServiceState.FAILED

    # -- acting --------------------------------------------------------------------------------

    def stop(
        self, holds: Mapping[Service, Hold], *, patience_s: float, force: bool, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        began = self.world.time
        waiting: list[tuple[float, Service, Unit]] = []
        for service, hold in holds.items():
            if cancel.cancelled:
                return
            unit = self._unit(service)
            if unit is None:
                yield ServiceResult(service, _UNKNOWN)
                continue
            unit.held = bool(hold.triggers)
            takes = 0.0 if not self._runs(unit) else unit.stops_after_s
            self._tell_to_stop(service, unit)
            waiting.append((began + min(patience_s, _or_forever(takes)), service, unit))
        for due, service, unit in sorted(waiting, key=lambda item: item[0]):
            if not self._wait(due, cancel):
                return
            yield self._stopped(service, unit, out_of_time=due >= began + patience_s, force=force)

    def _tell_to_stop(self, service: Service, unit: Unit) -> None:
        """Also when nobody waits for it any more, it stops in its time, with what needs it and has
        not been started anew."""
        units = [self.units[name] for name in (service.name, *unit.required_by)]
        processes = [each.process for each in units]

        def stop() -> None:
            for each, process in zip(units, processes, strict=True):
                if each.process == process:
                    self._end(each)

        if self._runs(unit):
            unit.stopping = True
            if unit.stops_after_s is not None:
                self.world.at(unit.stops_after_s, stop)

    def _stopped(
        self, service: Service, unit: Unit, *, out_of_time: bool, force: bool
    ) -> ServiceResult:
        if out_of_time and not force and self._runs(unit):
            unit.held = False
            return ServiceResult(service, "it did not stop in time")
        for name in (service.name, *unit.required_by):
            self._end(self.units[name])
        return ServiceResult(service)

    def _wait(self, until: float, cancel: CancelToken) -> bool:
        """Let time pass, with what happens on the way; False when it was called off meanwhile."""
        world = self.world
        world.pass_time(world.time)
        while not cancel.cancelled and world.time < until:
            world.pass_time(min([until, *(when for when, _ in world.events[:1])]))
        return not cancel.cancelled

    def start(
        self, holds: Mapping[Service, Hold], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        for service, hold in holds.items():
            if cancel.cancelled:
                return
            unit = self._unit(service)
            if unit is not None and unit.stopping:
                until = math.inf if unit.stops_after_s is None else unit.stops_after_s
                self._wait(self.world.time + min(until, STILL_STOPPING_S), cancel)
            yield self._start(service, hold)

    def _start(self, service: Service, hold: Hold) -> ServiceResult:
        unit = self._unit(service)
        if unit is None:
            return ServiceResult(service, _UNKNOWN)
        unit.let_go(hold)
        if unit.stopping:
            return ServiceResult(service, "it is still being stopped")
        if self._runs(unit):
            return ServiceResult(service, remark="it was running already", main=unit.process)
        if not unit.starts:
            return ServiceResult(service, "it cannot be started")
        self._run(unit)
        return ServiceResult(service, main=unit.process)

    def release(self, holds: Mapping[Service, Hold]) -> Iterator[ServiceResult]:
        for service, hold in holds.items():
            unit = self._unit(service)
            if unit is not None:
                unit.let_go(hold)
            yield ServiceResult(service, "" if unit is not None else _UNKNOWN)

    def renew(
        self, treatments: Mapping[Service, Treatment], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        for service, treatment in treatments.items():
            if cancel.cancelled:
                return
            unit = self._unit(service)
            if unit is None or treatment is Treatment.RELOAD:
                trouble, main = ("", unit.process) if unit is not None else (_UNKNOWN, None)
                yield ServiceResult(service, trouble, main=main)
                continue
            renewed = [name for name in unit.required_by if self._runs(self.units[name])]
            for name in (service.name, *renewed):
                self._end(self.units[name])
            result = self._start(service, Hold())
            for name in renewed:
                self._start(self._service(name), Hold())
            yield result

    def home(self, process: Process, user: int) -> Home | None:
        return self.homes.get(process.identity, Home(user, "app.slice"))

    def adopt(self, process: UniqueProcess, home: Home, name: str) -> str:
        if all(life.facts.uid != home.user for life in self.world.lives.values()):
            return "the simulated machine has no such manager"
        self.adopted[process] = (home, name)
        return ""

    def reexecute(self, user: int | None) -> str:  # noqa: ARG002 - there is none to choose from
        return "the simulated machine has no such manager"

    def _service(self, name: str) -> Service:
        return Service("simulated", name)

    def _unit(self, service: Service) -> Unit | None:
        return self.units.get(service.name) if service.user is None else None

    def _runs(self, unit: Unit) -> bool:
        return unit.process is not None and self.world.is_running(unit.process)

    def _run(self, unit: Unit) -> None:
        program = self.world.programs.get(unit.executable)
        temper = replace(program.temper, lives_s=unit.lives_s) if program else None
        unit.process = self.world.run(unit.executable, temper=temper)
        unit.stopping = False
        unit.starts_count += 1

    def _end(self, unit: Unit) -> None:
        for identity in self._family(unit):
            self.world.end(identity)
        unit.process, unit.stopping = None, False

    def _family(self, unit: Unit) -> list[UniqueProcess]:
        """Its main process and the children of that, as far as they live."""
        main = unit.process
        if main is None:
            return []
        lives = self.world.lives.items()
        children = [identity for identity, life in lives if _came_of(life.facts, main)]
        return [identity for identity in (main, *children) if self.world.is_running(identity)]


def _came_of(process: Process, main: UniqueProcess) -> bool:
    """Whether it is a child of this process, and not of an earlier one with its number."""
    return process.parent_pid == main.pid and process.identity.start_ticks >= main.start_ticks


def _or_forever(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds
