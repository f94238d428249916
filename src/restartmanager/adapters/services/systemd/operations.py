"""Stopping, starting and renewing services by jobs of a systemd manager.

All jobs of a run are given to the manager at once: it orders them by the units' dependencies, and
does side by side what is independent.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from restartmanager.adapters.services.systemd.jobs import Jobs, explained
from restartmanager.adapters.services.systemd.unit_facts import DEPENDENTS
from restartmanager.adapters.services.systemd.units import (
    list_units,
    main_process,
    manager_call,
    read_properties,
)
from restartmanager.model import Hold, ServiceResult, ServiceState, Treatment
from restartmanager.model.limits import KILL_S, SERVICE_MARGIN_S, SERVICE_START_S, STILL_STOPPING_S

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from restartmanager.adapters.services.systemd.dbus import Bus
    from restartmanager.adapters.services.systemd.unit_facts import Unit
    from restartmanager.model import Service
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import CancelToken


_STILL_STOPPING = "it is still being stopped; its manager starts it when it has"
_RUNNING = ("ActiveState", "Service.MainPID")
_WHY_NOT = ("SubState", "InvocationID", "Service.Result")


@dataclass
class Run:
    """One thing that is done to some services of one manager; use it once. ``pending`` has those
    without a result, by their names."""

    holds: Mapping[Service, Hold]
    cancel: CancelToken
    pending: dict[str, Service] = field(init=False)

    def __post_init__(self) -> None:
        self.pending = {service.name: service for service in self.holds}

    def carry_out(self, bus: Bus) -> Iterator[ServiceResult]:
        """Do it; each result as soon as it is known. Raises BusGoneError."""
        raise NotImplementedError

    def _settled(
        self, name: str, trouble: str = "", *, remark: str = "", main: UniqueProcess | None = None
    ) -> ServiceResult:
        return ServiceResult(self.pending.pop(name), trouble, remark, main)

    @property
    def _masked(self) -> list[str]:
        return [service.name for service, hold in self.holds.items() if hold.masked]

    @property
    def _triggers(self) -> list[str]:
        return list(dict.fromkeys(n for hold in self.holds.values() for n in hold.triggers))


@dataclass
class StopRun(Run):
    """Stop services, and hold down what could start them again."""

    patience_s: float
    force: bool = field(kw_only=True)
    _killed: set[str] = field(default_factory=set, init=False)
    _deadlines: dict[str, float] = field(default_factory=dict, init=False)
    _lenient: set[str] = field(default_factory=set, init=False)
    """Those whose units have been asked how long they may take."""

    def carry_out(self, bus: Bus) -> Iterator[ServiceResult]:
        if self._masked:
            bus.call(manager_call("MaskUnitFiles", "asbb", self._masked, True, False))  # noqa: FBT003 - D-Bus
            bus.call(manager_call("Reload"))
        jobs = Jobs(bus)
        # The triggers first: while their jobs wait they start nothing any more.
        jobs.add("StopUnit", [*self._triggers, *self.pending])
        began = time.monotonic()
        self._deadlines = dict.fromkeys(self.pending, began + self.patience_s)
        while self.pending:
            next_deadline = min(self._deadlines[name] for name in self.pending)
            over = jobs.finished(next_deadline, self.cancel)
            if self.cancel.cancelled and not over:
                jobs.call_off([*self._triggers, *self.pending])
                return
            yield from self._judged(bus, {name: why for name, why in over if name in self.pending})
            if not self.force:
                self._be_lenient(bus, began)
            yield from self._overdue(bus, jobs)

    def _be_lenient(self, bus: Bus, began: float) -> None:
        """Give those that are late the time that their units give them; who is not late is never
        asked about it."""
        late = [name for name in self._late() if name not in self._lenient]
        for name, unit in read_properties(bus, late, "Service.TimeoutStopUSec").items():
            self._lenient.add(name)
            if unit.stop_limit_s is not None:
                allowed = began + unit.stop_limit_s + SERVICE_MARGIN_S
                self._deadlines[name] = max(self._deadlines[name], allowed)

    def _late(self) -> list[str]:
        now = time.monotonic()
        return [name for name in self.pending if now >= self._deadlines[name]]

    def _judged(self, bus: Bus, over: Mapping[str, str]) -> Iterator[ServiceResult]:
        """What became of services whose jobs are over: their state decides."""
        states = {name: unit.state for name, unit in list_units(bus, over).items()}
        failed = [name for name in over if states.get(name) is ServiceState.FAILED]
        results = read_properties(bus, failed, "Service.Result")
        killed = self._killed | {
            n for n, unit in results.items() if unit.text("Result") == "timeout"
        }
        for name, words in over.items():
            if states.get(name) not in {ServiceState.INACTIVE, ServiceState.FAILED}:
                yield self._settled(name, words or "it runs again already")
            elif name in killed:
                yield self._settled(name, remark="killed, for it did not stop in time")
            else:
                yield self._settled(name)

    def _overdue(self, bus: Bus, jobs: Jobs) -> Iterator[ServiceResult]:
        for name in self._late():
            if self.force and name not in self._killed:
                bus.call(manager_call("KillUnit", "ssi", name, "all", int(signal.SIGKILL)))
                self._killed.add(name)
                self._deadlines[name] = time.monotonic() + KILL_S + SERVICE_MARGIN_S
                continue
            jobs.call_off([name, *self.holds[self.pending[name]].triggers])
            yield self._settled(name, "it did not stop in time")


@dataclass
class StartRun(Run):
    """Undo holds and start services."""

    _waits_for: dict[str, set[str]] = field(default_factory=dict, init=False)
    """The units whose jobs are not over, for each service."""
    _words: dict[str, str] = field(default_factory=dict, init=False)
    """What went wrong with each unit, where something did."""
    _running: set[str] = field(default_factory=set, init=False)
    _in_the_way: set[str] = field(default_factory=set, init=False)
    """Those that run, so that a socket of theirs cannot be put back."""
    _stopping: set[str] = field(default_factory=set, init=False)
    """Those that were being stopped yet, and may take for ever; asked about once more."""

    def carry_out(self, bus: Bus) -> Iterator[ServiceResult]:
        began = time.monotonic()
        self._refresh_definitions(bus)
        self._running = self._active(bus)
        self._in_the_way = self._running_without_socket(bus)
        jobs = Jobs(bus)
        self._begin(jobs)
        late = {service.name for service, hold in self.holds.items() if hold.followers}
        while self.pending and not self.cancel.cancelled:
            ready = [name for name, units in self._waits_for.items() if not units]
            for name in [name for name in ready if name in late]:
                late.discard(name)
                ready.remove(name)
                followers = self.holds[self.pending[name]].followers
                self._waits_for[name] = set(followers)
                # A target must not pull in what was inactive before.
                jobs.add("StartUnit", followers, "ignore-dependencies")
            if ready:
                yield from self._judged(bus, ready)
            else:
                self._await(bus, jobs, began)

    def _begin(self, jobs: Jobs) -> None:
        """Give the manager the jobs. A socket cannot be put back once its service runs: it goes
        first."""
        self._put_triggers_back(jobs)
        jobs.add("StartUnit", self.pending.keys() - self._in_the_way)
        for name, units in self._waits_for.items():
            units.add(name)

    def _put_triggers_back(self, jobs: Jobs) -> None:
        self._waits_for = {service.name: set(hold.triggers) for service, hold in self.holds.items()}
        given: set[str] = set()
        for name in self._in_the_way:
            triggers = self.holds[self.pending[name]].triggers
            jobs.restart_around(name, triggers)
            self._waits_for[name].add(name)
            given.update(triggers)
        jobs.add("StartUnit", [name for name in self._triggers if name not in given])

    def _refresh_definitions(self, bus: Bus) -> None:
        """Lift our masks, and have changed unit files read."""
        if self._masked:
            bus.call(manager_call("UnmaskUnitFiles", "asb", self._masked, True))  # noqa: FBT003 - D-Bus
        changed = read_properties(bus, self.pending, "NeedDaemonReload").values()
        if self._masked or any(unit.flag("NeedDaemonReload") for unit in changed):
            bus.call(manager_call("Reload"))

    def _active(self, bus: Bus) -> set[str]:
        found = list_units(bus, self.pending)
        self._stopping = {name for name, unit in found.items() if unit.stopping}
        return {name for name, unit in found.items() if unit.state is ServiceState.ACTIVE}

    def _running_without_socket(self, bus: Bus) -> set[str]:
        sockets = [name for name in self._triggers if name.endswith(".socket")]
        listed = list_units(bus, sockets)
        down = {name for name, unit in listed.items() if unit.state is not ServiceState.ACTIVE}
        return {
            service.name
            for service, hold in self.holds.items()
            if service.name in self._running and down.intersection(hold.triggers)
        }

    def _await(self, bus: Bus, jobs: Jobs, began: float) -> None:
        """Wait for the next job to end, or until it is time to give some of them up."""
        limit_s = STILL_STOPPING_S if self._stopping else SERVICE_START_S
        over = jobs.finished(began + limit_s, self.cancel)
        if not over and time.monotonic() >= began + limit_s:
            over = self._given_up(bus)
        for name, words in over:
            self._words[name] = words
            for units in self._waits_for.values():
                units.discard(name)

    def _given_up(self, bus: Bus) -> list[tuple[str, str]]:
        """The units that are not waited for any longer, and why: first those of services that are
        still being stopped, then all."""
        names, words = set(self.pending), "it takes too long"
        if self._stopping:
            listed = list_units(bus, self._stopping.intersection(self.pending))
            names = {name for name, unit in listed.items() if unit.stopping}
            words = _STILL_STOPPING
            self._stopping = set()
        return [(unit, words) for name in names for unit in self._waits_for[name]]

    def _judged(self, bus: Bus, names: Collection[str]) -> Iterator[ServiceResult]:
        """What became of services that nothing is awaited for: their state decides."""
        for name, unit in self._read_states(bus, names).items():
            del self._waits_for[name]
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
        if name in self._running:
            yield "it was running already"
        yield from self._left(self.holds[self.pending[name]])

    def _left(self, hold: Hold) -> Iterator[str]:
        """What of a hold could not be undone."""
        for name in (*hold.triggers, *hold.followers):
            if self._words.get(name):
                yield f"{name} could not be put back: {self._words[name]}"


class ReleaseRun(StartRun):
    """Undo holds, and leave the services as they are."""

    def _begin(self, jobs: Jobs) -> None:
        self._put_triggers_back(jobs)

    def _trouble(self, name: str, unit: Unit) -> str:  # noqa: ARG002 - its state does not matter
        return "; ".join(self._left(self.holds[self.pending[name]]))


class RenewRun(StartRun):
    """Restart or reload services in place, where they run."""

    def __init__(self, treatments: Mapping[Service, Treatment], cancel: CancelToken) -> None:
        super().__init__(dict.fromkeys(treatments, Hold()), cancel)
        self._treatments = treatments
        self._dependents: dict[str, frozenset[str]] = {}

    def _active(self, bus: Bus) -> set[str]:
        """Those that run, and what runs and stops with them: it is restarted as well, and awaited.

        The manager would do that by itself, in jobs that it does not tell of.
        """
        self._dependents = {name: _dependents(bus, name) for name in self._restarted}
        names = {*self.pending, *(n for names in self._dependents.values() for n in names)}
        found = list_units(bus, names)
        return {name for name, unit in found.items() if unit.state is ServiceState.ACTIVE}

    @property
    def _restarted(self) -> list[str]:
        return [s.name for s, wish in self._treatments.items() if wish is not Treatment.RELOAD]

    def _begin(self, jobs: Jobs) -> None:
        self._waits_for = {
            name: self._running & {name, *self._dependents.get(name, ())} for name in self.pending
        }
        restarted = {n for name in self._restarted for n in self._waits_for[name]}
        reloaded = self._running & self.pending.keys() - restarted
        # Not TryRestartUnit: it finds a dependent stopped that the restart of another one has
        # just stopped, and leaves it so.
        jobs.add("RestartUnit", sorted(restarted))
        jobs.add("ReloadOrRestartUnit", sorted(reloaded))

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
