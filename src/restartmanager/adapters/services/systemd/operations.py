"""Operations on services by jobs of a systemd manager: what they share, and stopping.

All jobs of a run are given to the manager at once: it orders them by the units' dependencies, and
does side by side what is independent.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.adapters.services.systemd.jobs import Jobs
from restartmanager.adapters.services.systemd.units import (
    list_units,
    manager_call,
    read_properties,
)
from restartmanager.model import Hold, ServiceResult, ServiceState
from restartmanager.model.limits import KILL_S, SERVICE_MARGIN_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from restartmanager.adapters.services.systemd.dbus import Bus
    from restartmanager.model import Service
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import CancelToken


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


# -- stopping ----------------------------------------------------------------------------------


class Told(NamedTuple):
    """The phase after a service was told to stop."""

    deadline: float


class Granted(NamedTuple):
    """The phase after that, without force: a service that is late has the time that its unit
    allows."""

    deadline: float


class Killed(NamedTuple):
    """The phase after that, with force: a service that is late was killed."""

    deadline: float


@dataclass
class StopRun(Run):
    """Stop services, and hold down what could start them again."""

    patience_s: float
    force: bool = field(kw_only=True)
    _phases: dict[str, Told | Granted | Killed] = field(default_factory=dict, init=False)

    def carry_out(self, bus: Bus) -> Iterator[ServiceResult]:
        if self._masked:
            bus.call(manager_call("MaskUnitFiles", "asbb", self._masked, True, False))  # noqa: FBT003 - D-Bus
            bus.call(manager_call("Reload"))
        jobs = Jobs(bus)
        # The triggers first: while their jobs wait they start nothing any more.
        jobs.add("StopUnit", [*self._triggers, *self.pending])
        began = time.monotonic()
        self._phases = dict.fromkeys(self.pending, Told(began + self.patience_s))
        while self.pending:
            next_deadline = min(self._phases[name].deadline for name in self.pending)
            over = jobs.finished(next_deadline, self.cancel)
            if self.cancel.cancelled and not over:
                jobs.call_off([*self._triggers, *self.pending])
                return
            yield from self._judged(bus, {name: why for name, why in over if name in self.pending})
            if not self.force:
                self._grant_time(bus, began)
            yield from self._overdue(bus, jobs)

    def _grant_time(self, bus: Bus, began: float) -> None:
        """Give those that are late the time that their units allow; who is not late is never asked
        about it."""
        late = {n: phase for n in self._late() if isinstance(phase := self._phases[n], Told)}
        for name, unit in read_properties(bus, late, "Service.TimeoutStopUSec").items():
            deadline = late[name].deadline
            if unit.stop_limit_s is not None:
                deadline = max(deadline, began + unit.stop_limit_s + SERVICE_MARGIN_S)
            self._phases[name] = Granted(deadline)

    def _late(self) -> list[str]:
        now = time.monotonic()
        return [name for name in self.pending if now >= self._phases[name].deadline]

    def _judged(self, bus: Bus, over: Mapping[str, str]) -> Iterator[ServiceResult]:
        """What became of services whose jobs are over: their state decides."""
        states = {name: unit.state for name, unit in list_units(bus, over).items()}
        failed = [name for name in over if states.get(name) is ServiceState.FAILED]
        results = read_properties(bus, failed, "Service.Result")
        killed = {n for n, unit in results.items() if unit.text("Result") == "timeout"}
        killed |= {name for name in over if isinstance(self._phases[name], Killed)}
        for name, words in over.items():
            if states.get(name) not in {ServiceState.INACTIVE, ServiceState.FAILED}:
                yield self._settled(name, words or "it runs again already")
            elif name in killed:
                yield self._settled(name, remark="killed, for it did not stop in time")
            else:
                yield self._settled(name)

    def _overdue(self, bus: Bus, jobs: Jobs) -> Iterator[ServiceResult]:
        for name in self._late():
            if self.force and not isinstance(self._phases[name], Killed):
                bus.call(manager_call("KillUnit", "ssi", name, "all", int(signal.SIGKILL)))
                self._phases[name] = Killed(time.monotonic() + KILL_S + SERVICE_MARGIN_S)
                continue
            jobs.call_off([name, *self.holds[self.pending[name]].triggers])
            yield self._settled(name, "it did not stop in time")
