"""Starting, releasing and renewing of services by jobs of a systemd manager."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from restartmanager.adapters.services.systemd.jobs import Jobs, explained
from restartmanager.adapters.services.systemd.operations import Run
from restartmanager.adapters.services.systemd.unit_facts import DEPENDENTS
from restartmanager.adapters.services.systemd.units import (
    list_units,
    main_process,
    manager_call,
    read_properties,
)
from restartmanager.model import Hold, ServiceResult, ServiceState, Treatment
from restartmanager.model.limits import SERVICE_START_S, STILL_STOPPING_S

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from restartmanager.adapters.services.systemd.dbus import Bus
    from restartmanager.adapters.services.systemd.unit_facts import Unit
    from restartmanager.model import Service
    from restartmanager.model.progress import CancelToken


_RUNNING = ("ActiveState", "Service.MainPID")
_WHY_NOT = ("SubState", "InvocationID", "Service.Result")


@dataclass(frozen=True)
class StillStopping:
    """The phase of a start in which some services are still being stopped, which may take for ever.

    When it is over, those are left to their manager, and ``following`` is the phase of the others.
    """

    names: frozenset[str]
    began: float
    complaint: ClassVar[str] = "it is still being stopped; its manager starts it when it has"

    @property
    def until(self) -> float:
        """The monotonic time at which the phase is over."""
        return self.began + STILL_STOPPING_S

    def given_up(self, bus: Bus, pending: Collection[str]) -> list[str]:
        """The pending services that are still being stopped."""
        listed = list_units(bus, self.names.intersection(pending))
        return [name for name, unit in listed.items() if unit.stopping]

    def following(self) -> Starting:
        """The phase in which all are on their way up."""
        return Starting(self.began)


@dataclass(frozen=True)
class Starting:
    """The phase of a start in which all services are on their way up. When it is over, none is
    waited for any longer."""

    began: float
    complaint: ClassVar[str] = "it takes too long"

    @property
    def until(self) -> float:
        """The monotonic time at which the phase is over."""
        return self.began + SERVICE_START_S

    def given_up(self, bus: Bus, pending: Collection[str]) -> list[str]:  # noqa: ARG002 - as above
        """All pending services."""
        return list(pending)

    def following(self) -> Starting:
        """The phase itself: it is the last one."""
        return self


class Before(NamedTuple):
    """The services as they are found.

    ``running`` are active; ``in_the_way`` are those of them that keep a socket from being put back;
    ``stopping`` are still being stopped.
    """

    running: frozenset[str] = frozenset()
    in_the_way: frozenset[str] = frozenset()
    stopping: frozenset[str] = frozenset()


@dataclass
class StartRun(Run):
    """Undo holds and start services: of each its triggers and itself, after that its followers."""

    _before: Before = field(default=Before(), init=False)
    _awaited: dict[str, set[str]] = field(default_factory=dict, init=False)
    """The units whose jobs are not over, for each service."""
    _words: dict[str, str] = field(default_factory=dict, init=False)
    """What went wrong with each unit, where something did."""

    def carry_out(self, bus: Bus) -> Iterator[ServiceResult]:
        began = time.monotonic()
        self._refresh_definitions(bus)
        self._before = self._look(bus)
        jobs = Jobs(bus)
        self._awaited = self._begin(jobs)
        followers = {s.name: hold.followers for s, hold in self.holds.items() if hold.followers}
        phase: StillStopping | Starting = Starting(began)
        if self._before.stopping:
            phase = StillStopping(self._before.stopping, began)
        while self.pending and not self.cancel.cancelled:
            ready = [name for name, units in self._awaited.items() if not units]
            for name in [name for name in ready if name in followers]:
                ready.remove(name)
                self._awaited[name] = set(followers[name])
                # A target must not pull in what was inactive before.
                jobs.add("StartUnit", followers.pop(name), "ignore-dependencies")
            if ready:
                yield from self._judged(bus, ready)
            elif not self._await(jobs, phase.until) and time.monotonic() >= phase.until:
                self._give_up(phase.given_up(bus, self.pending), phase.complaint)
                phase = phase.following()

    def _refresh_definitions(self, bus: Bus) -> None:
        """Lift our masks, and have changed unit files read."""
        if self._masked:
            bus.call(manager_call("UnmaskUnitFiles", "asb", self._masked, True))  # noqa: FBT003 - D-Bus
        changed = read_properties(bus, self.pending, "NeedDaemonReload").values()
        if self._masked or any(unit.flag("NeedDaemonReload") for unit in changed):
            bus.call(manager_call("Reload"))

    def _look(self, bus: Bus) -> Before:
        """The services as they are now."""
        found = list_units(bus, self.pending)
        running = {name for name, unit in found.items() if unit.state is ServiceState.ACTIVE}
        stopping = {name for name, unit in found.items() if unit.stopping}
        sockets = [name for name in self._triggers if name.endswith(".socket")]
        listed = list_units(bus, sockets)
        down = {name for name, unit in listed.items() if unit.state is not ServiceState.ACTIVE}
        in_the_way = {
            service.name
            for service, hold in self.holds.items()
            if service.name in running and down.intersection(hold.triggers)
        }
        return Before(frozenset(running), frozenset(in_the_way), frozenset(stopping))

    def _begin(self, jobs: Jobs) -> dict[str, set[str]]:
        """Give the manager the jobs; the units to wait for. A socket cannot be put back once its
        service runs: it goes first."""
        awaited = self._put_triggers_back(jobs)
        jobs.add("StartUnit", self.pending.keys() - self._before.in_the_way)
        return {name: {name, *triggers} for name, triggers in awaited.items()}

    def _put_triggers_back(self, jobs: Jobs) -> dict[str, set[str]]:
        awaited = {service.name: set(hold.triggers) for service, hold in self.holds.items()}
        given: set[str] = set()
        for name in self._before.in_the_way:
            triggers = self.holds[self.pending[name]].triggers
            jobs.restart_around(name, triggers)
            awaited[name].add(name)
            given.update(triggers)
        jobs.add("StartUnit", [name for name in self._triggers if name not in given])
        return awaited

    def _await(self, jobs: Jobs, until: float) -> bool:
        """Wait for the next job to end; whether one has."""
        over = jobs.finished(until, self.cancel)
        for unit, words in over:
            self._note_over(unit, words)
        return bool(over)

    def _give_up(self, names: Iterable[str], complaint: str) -> None:
        """Wait no longer for what these services wait for."""
        for unit in {unit for name in names for unit in self._awaited[name]}:
            self._note_over(unit, complaint)

    def _note_over(self, unit: str, words: str) -> None:
        self._words[unit] = words
        for units in self._awaited.values():
            units.discard(unit)

    def _judged(self, bus: Bus, names: Collection[str]) -> Iterator[ServiceResult]:
        """What became of services that nothing is awaited for: their state decides."""
        for name, unit in self._read_states(bus, names).items():
            del self._awaited[name]
            trouble = self._trouble(name, unit)
            if trouble:
                yield self._settled(name, explained(trouble, self.pending[name], unit))
            else:
                main = main_process(unit)
                yield self._settled(name, remark="; ".join(self._remarks(name)), main=main)

    def _read_states(self, bus: Bus, names: Collection[str]) -> dict[str, Unit]:
        """What there is to know about their state; not much about those that run."""
        units = read_properties(bus, names, *_RUNNING)
        down = [name for name, unit in units.items() if unit.state is not ServiceState.ACTIVE]
        return units | read_properties(bus, down, *_RUNNING, *_WHY_NOT)

    def _trouble(self, name: str, unit: Unit) -> str:
        """Why a service is not as it should be; empty when it is."""
        if unit.state is ServiceState.ACTIVE:
            return ""
        return unit.trouble() or self._words.get(name) or "it is not active after its start"

    def _remarks(self, name: str) -> Iterator[str]:
        if name in self._before.running:
            yield "it was running already"
        yield from self._left(self.holds[self.pending[name]])

    def _left(self, hold: Hold) -> Iterator[str]:
        """What of a hold could not be undone."""
        for name in (*hold.triggers, *hold.followers):
            if self._words.get(name):
                yield f"{name} could not be put back: {self._words[name]}"


class ReleaseRun(StartRun):
    """Undo holds, and leave the services as they are."""

    def _begin(self, jobs: Jobs) -> dict[str, set[str]]:
        return self._put_triggers_back(jobs)

    def _trouble(self, name: str, unit: Unit) -> str:  # noqa: ARG002 - its state does not matter
        return "; ".join(self._left(self.holds[self.pending[name]]))


class RenewRun(StartRun):
    """Restart or reload services in place, where they run."""

    def __init__(self, treatments: Mapping[Service, Treatment], cancel: CancelToken) -> None:
        super().__init__(dict.fromkeys(treatments, Hold()), cancel)
        self._treatments = treatments
        self._dependents: dict[str, frozenset[str]] = {}

    def _look(self, bus: Bus) -> Before:
        """Those that run, and what runs and stops with them: it is restarted as well, and awaited.

        The manager would do that by itself, in jobs that it does not tell of.
        """
        self._dependents = {name: _dependents(bus, name) for name in self._restarted}
        names = {*self.pending, *(n for names in self._dependents.values() for n in names)}
        found = list_units(bus, names)
        running = (name for name, unit in found.items() if unit.state is ServiceState.ACTIVE)
        return Before(frozenset(running))

    @property
    def _restarted(self) -> list[str]:
        return [s.name for s, wish in self._treatments.items() if wish is not Treatment.RELOAD]

    def _begin(self, jobs: Jobs) -> dict[str, set[str]]:
        running = self._before.running
        awaited = {name: {name, *self._dependents.get(name, ())} & running for name in self.pending}
        restarted = {n for name in self._restarted for n in awaited[name]}
        reloaded = running & self.pending.keys() - restarted
        # Not TryRestartUnit: it finds a dependent stopped that the restart of another one has
        # just stopped, and leaves it so.
        jobs.add("RestartUnit", sorted(restarted))
        jobs.add("ReloadOrRestartUnit", sorted(reloaded))
        return awaited

    def _remarks(self, name: str) -> Iterator[str]:  # noqa: ARG002 - the same for all of them
        """That it ran before is why it was renewed."""
        yield from ()

    def _trouble(self, name: str, unit: Unit) -> str:
        """That it is active says nothing here: it was before."""
        return super()._trouble(name, unit) or self._words.get(name, "")


def _dependents(bus: Bus, name: str) -> frozenset[str]:
    """The services that stop when this one stops, and those that stop with them."""
    found: set[str] = set()
    following = {name}
    while following:
        units = read_properties(bus, following, *DEPENDENTS)
        found |= following
        following = {n for unit in units.values() for n in unit.dependents} - found
    return frozenset(found - {name})
