"""The port ServiceManager over a simulated World: units with tempers, and who depends on whom."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from restartmanager.model import Hold, Service, ServiceFacts, ServiceResult, ServiceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from restartmanager.identity import UniqueProcess
    from restartmanager.model import Process, Treatment
    from restartmanager.progress import CancelToken
    from restartmanager.testing.world import World

__all__ = ["SimulatedServices", "Unit"]


@dataclass(slots=True)
class Unit:
    """One service of a simulated machine, and how it behaves; times are seconds of the world."""

    executable: str
    aliases: frozenset[str] = frozenset()
    required_by: tuple[str, ...] = ()
    """Who stops when it stops."""
    trigger: str = ""
    """What could start it at any moment, as a socket does; active while it is not held."""
    stops_after_s: float | None = 0.0
    """From being told to stop until it has stopped; None: never by itself."""
    refuses_stop: bool = False
    starts: bool = True
    lives_s: float | None = None
    """From its start until it fails."""
    process: UniqueProcess | None = None
    held: bool = False
    starts_count: int = 0


@dataclass
class SimulatedServices:
    """The services of a World by their names."""

    world: World
    units: dict[str, Unit] = field(default_factory=dict)

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
        mains = {unit.process: name for name, unit in self.units.items() if unit.process}
        return {
            process.identity: self._service(mains[process.identity])
            for process in processes
            if process.identity in mains
        }

    def describe(self, services: Iterable[Service]) -> Mapping[Service, ServiceFacts]:
        return {
            service: self._facts(service, self.units[service.name])
            for service in services
            if service.name in self.units
        }

    def states(self, services: Iterable[Service]) -> Mapping[Service, ServiceState]:
        return {service: facts.state for service, facts in self.describe(services).items()}

    def failed(self, like: Iterable[Service]) -> frozenset[Service]:
        return frozenset(
            self._service(name)
            for name, unit in self.units.items()
            if unit.process is not None and not self._runs(unit) and any(True for _ in like)
        )

    def _facts(self, service: Service, unit: Unit) -> ServiceFacts:
        runs = self._runs(unit)
        crashed = unit.process is not None and not runs
        return ServiceFacts(
            service,
            ServiceState.ACTIVE
            if runs
            else ServiceState.FAILED
            if crashed
            else ServiceState.INACTIVE,
            aliases=unit.aliases | {service.name},
            main=unit.process if runs else None,
            unstoppable="it refuses to be stopped" if unit.refuses_stop else "",
            hold=Hold(triggers=(unit.trigger,)) if unit.trigger else Hold(),
            dependents=tuple(self._service(name) for name in unit.required_by),
            trouble="it failed" if crashed else "",
        )

    # -- acting --------------------------------------------------------------------------------

    def stop(
        self, holds: Mapping[Service, Hold], *, patience_s: float, force: bool, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        for service, hold in holds.items():
            if cancel.cancelled:
                return
            unit = self.units[service.name]
            unit.held = bool(hold.triggers)
            wait = patience_s if unit.stops_after_s is None else unit.stops_after_s
            if wait >= patience_s and not force:
                self.world.pass_time(self.world.time + patience_s)
                unit.held = False
                yield ServiceResult(service, "it did not stop in time")
                continue
            self.world.pass_time(self.world.time + min(wait, patience_s))
            self._end(unit)
            for name in unit.required_by:
                self._end(self.units[name])
            yield ServiceResult(service)

    def start(
        self, holds: Mapping[Service, Hold], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        for service in holds:
            if cancel.cancelled:
                return
            unit = self.units[service.name]
            unit.held = False
            if self._runs(unit):
                yield ServiceResult(service, remark="it was running already", main=unit.process)
            elif unit.starts:
                self._run(unit)
                yield ServiceResult(service, main=unit.process)
            else:
                yield ServiceResult(service, "it cannot be started")

    def release(self, holds: Mapping[Service, Hold]) -> Iterator[ServiceResult]:
        for service in holds:
            self.units[service.name].held = False
            yield ServiceResult(service)

    def renew(
        self, treatments: Mapping[Service, Treatment], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        for service in treatments:
            self._end(self.units[service.name])
        yield from self.start(dict.fromkeys(treatments, Hold()), cancel=cancel)

    def reexecute(self, user: int | None) -> str:  # noqa: ARG002 - there is none to choose from
        return "the simulated machine has no such manager"

    def _service(self, name: str) -> Service:
        return Service("simulated", name)

    def _runs(self, unit: Unit) -> bool:
        return unit.process is not None and self.world.is_running(unit.process)

    def _run(self, unit: Unit) -> None:
        program = self.world.programs.get(unit.executable)
        temper = replace(program.temper, lives_s=unit.lives_s) if program else None
        unit.process = self.world.run(unit.executable, temper=temper)
        unit.starts_count += 1

    def _end(self, unit: Unit) -> None:
        if unit.process is not None:
            if self.world.is_running(unit.process):
                self.world.end(unit.process)
            unit.process = None
