"""The adapter of the port ``ServiceManager`` for systemd: the system's manager, and users'.

A process's unit is read from its control group, by the rules that the manager itself follows; one
question for each unit, and not for each process, then tells all about it.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from typing import TYPE_CHECKING, TypeVar

from restartmanager.adapters.proc.formats import parse_cgroup
from restartmanager.adapters.proc.texts import contents
from restartmanager.adapters.services.systemd.dbus import Bus, BusGoneError, Refusal
from restartmanager.adapters.services.systemd.jobs import explained
from restartmanager.adapters.services.systemd.operations import StopRun
from restartmanager.adapters.services.systemd.starts import ReleaseRun, RenewRun, StartRun
from restartmanager.adapters.services.systemd.unit_facts import (
    Unit,
    can_be_loaded,
    declared_wish,
    is_unit_name,
)
from restartmanager.adapters.services.systemd.units import (
    failed_units,
    list_units,
    load_units,
    main_process,
    manager_call,
)
from restartmanager.model import (
    RebootReason,
    Service,
    ServiceFacts,
    ServiceResult,
    ServiceState,
)
from restartmanager.model.progress import CancelToken
from restartmanager.rules.cgroups import unit_at
from restartmanager.rules.homes import beside, group_kept, home_of, unit_of_home

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from restartmanager.adapters.services.systemd.operations import Run
    from restartmanager.model import Hold, Home, Process, Treatment
    from restartmanager.model.identity import UniqueProcess


_T = TypeVar("_T")
_MANAGER = "systemd"
_UNIT_FILE_LIMIT = 256 * 1024  # unit files take some kilobytes


class Systemd:
    """The systemd managers of this machine, as ``uid`` may talk to them; port ``ServiceManager``.

    ``root`` is the control group above theirs, in a container that shows the paths of its host.
    """

    def __init__(self, uid: int, root: str = "") -> None:
        self._uid = uid
        self._root = root

    # -- looking -------------------------------------------------------------------------------

    def resolve(self, names: Iterable[str]) -> Mapping[str, Service]:
        full = {name: name if name.endswith(".service") else f"{name}.service" for name in names}
        wanted = {name: unit for name, unit in full.items() if can_be_loaded(unit)}
        found: dict[str, Service] = {}
        for user in (None,) if self._uid == 0 else (None, self._uid):
            left = {name: unit for name, unit in wanted.items() if name not in found}
            with contextlib.suppress(BusGoneError):
                units = self._ask(user, lambda bus, left=left: list_units(bus, left.values()))  # type: ignore[misc]
                for name, unit in left.items():
                    listed = units.get(unit)
                    if listed is not None and listed.exists:
                        found[name] = Service(_MANAGER, listed.name, listed.description, user)
        return found

    def owners(self, processes: Iterable[Process]) -> Mapping[UniqueProcess, Service]:
        found = {}
        for process in processes:
            unit = unit_at(process.cgroup, self._root) if process.cgroup else None
            if unit is not None and unit.name.endswith(".service"):
                found[process.identity] = Service(_MANAGER, unit.name, user=unit.user)
        return found

    def describe(self, services: Iterable[Service]) -> Mapping[Service, ServiceFacts]:
        facts: dict[Service, ServiceFacts] = {}
        for user, mine in _by_user(services):
            try:
                facts |= self._ask(user, lambda bus, mine=mine: self._describe(bus, mine))  # type: ignore[misc]
            except BusGoneError as error:
                facts |= {service: _unreachable(service, error) for service in mine}
        return facts

    def states(self, services: Iterable[Service]) -> Mapping[Service, ServiceState]:
        states: dict[Service, ServiceState] = {}
        for user, mine in _by_user(services):
            names = [service.name for service in mine]
            with contextlib.suppress(BusGoneError):
                units = self._ask(user, lambda bus, names=names: list_units(bus, names))  # type: ignore[misc]
                for service in mine:
                    listed = units.get(service.name)
                    if listed is not None and listed.exists:
                        states[service] = listed.state
        return states

    def failed(self, like: Iterable[Service]) -> frozenset[Service]:
        found: set[Service] = set()
        for user in {service.user for service in like}:
            with contextlib.suppress(BusGoneError):
                names = self._ask(user, failed_units)
                found |= {Service(_MANAGER, name, user=user) for name in names}
        return frozenset(found)

    def _describe(self, bus: Bus, services: Collection[Service]) -> dict[Service, ServiceFacts]:
        units = load_units(bus, [service.name for service in services])
        known = {s: units[s.name] for s in services if s.name in units and units[s.name].exists}
        around = list_units(bus, {name for unit in known.values() for name in unit.surroundings})
        active = {unit.name for unit in around.values() if unit.state is ServiceState.ACTIVE}
        return {service: self._facts(service, unit, active) for service, unit in known.items()}

    def _facts(self, service: Service, unit: Unit, active: Collection[str]) -> ServiceFacts:
        service = _service(unit, service.name, service.user)
        facts = unit.facts(service, main_process(unit), active)
        if facts.trouble:
            facts = facts._replace(trouble=explained(facts.trouble, service, unit))
        return facts._replace(wish=self._wish(service, unit))

    def _wish(self, service: Service, unit: Unit) -> Treatment | None:
        """The treatment that the unit's own files declare. Root reads none that belongs to somebody
        else."""
        if service.user is not None and self._uid == 0:
            return None
        drop_ins = unit.properties.get("DropInPaths")
        paths = [unit.text("FragmentPath"), *(drop_ins if isinstance(drop_ins, list) else ())]
        wish = None
        for path in paths:
            if isinstance(path, str) and path:
                wish = declared_wish(_trusted_text(path, {0, self._uid})) or wish
        return wish

    # -- acting --------------------------------------------------------------------------------

    def stop(
        self, holds: Mapping[Service, Hold], *, patience_s: float, force: bool, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        for user, mine in _by_user(holds):
            chosen = {service: holds[service] for service in mine}
            yield from self._act(user, StopRun(chosen, cancel, patience_s, force=force))

    def start(
        self, holds: Mapping[Service, Hold], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        for user, mine in _by_user(holds):
            yield from self._act(user, StartRun({key: holds[key] for key in mine}, cancel))

    def release(self, holds: Mapping[Service, Hold]) -> Iterator[ServiceResult]:
        for user, mine in _by_user(holds):
            with CancelToken() as never:
                yield from self._act(user, ReleaseRun({key: holds[key] for key in mine}, never))

    def renew(
        self, treatments: Mapping[Service, Treatment], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        for user, mine in _by_user(treatments):
            yield from self._act(user, RenewRun({key: treatments[key] for key in mine}, cancel))

    def home(self, process: Process, user: int) -> Home | None:
        from restartmanager.adapters.services.systemd.homes import limits_of, only_by_root

        cgroup = process.cgroup or ""
        own = parse_cgroup(contents("/proc/self/cgroup"))
        home = home_of(cgroup, user, self._uid, own_cgroup=own, root=self._root)
        unit = unit_of_home(cgroup, user, self._root)
        if home is None or home.obstacle or unit is None:
            return home
        try:
            by_root = unit.user is None
            limits = self._ask(unit.user, lambda bus: limits_of(bus, unit.name, by_root=by_root))
        except BusGoneError as error:
            limits, why = None, f": {error}"
        else:
            why = ""
        if limits is None:
            return home._replace(obstacle=f"the limits of {unit.name!r} are not known{why}")
        lost = only_by_root(limits) if home.user is not None else ""
        if lost:
            return home._replace(obstacle=f"only root can give it {lost}= of {unit.name!r} again")
        kept = group_kept(cgroup, user, self._root)
        return home._replace(limits=json.dumps(limits) if limits else "", group=kept)

    def adopt(self, process: UniqueProcess, home: Home, name: str) -> str:
        from restartmanager.adapters.services.systemd.homes import make_scope

        try:
            with contextlib.closing(self._connect(home.user)) as bus:
                return make_scope(bus, process.pid, name, home)
        except BusGoneError as error:
            other = beside(home) if self._uid == 0 else None
            if other is not None:
                return self.adopt(process, other, name)
            return f"its manager cannot be asked: {error}"

    def reexecute(self, user: int | None) -> str:
        try:
            with contextlib.closing(self._connect(user)) as bus:
                answer = bus.call(manager_call("Reexecute"))
        except BusGoneError:  # its only answer is that it hangs up
            answer = ()
        if isinstance(answer, Refusal):
            return "there is no permission to do this" if answer.denied else answer.message
        try:
            with contextlib.closing(self._connect(user)):
                return ""
        except BusGoneError as error:
            return f"its manager cannot be asked: {error}"

    def _act(self, user: int | None, run: Run) -> Iterator[ServiceResult]:
        """Carry it out over a connection of its own; a lost one is a result for what is left."""
        if run.cancel.cancelled:
            return
        try:
            with contextlib.closing(self._connect(user)) as bus:
                yield from run.carry_out(bus)
        except BusGoneError as error:
            for service in run.pending.values():
                yield ServiceResult(service, f"its manager cannot be asked: {error}")

    # -- connections ---------------------------------------------------------------------------

    def _ask(self, user: int | None, question: Callable[[Bus], _T]) -> _T:
        """The answer to a question that changes nothing. Each has a connection of its own: that
        costs less than a millisecond, and none is kept that could have become stale."""
        with contextlib.closing(self._connect(user)) as bus:
            return question(bus)

    def _connect(self, user: int | None) -> Bus:
        if user is not None:
            return Bus.private(f"/run/user/{user}/systemd/private", owner=user)
        if self._uid == 0:
            return Bus.private("/run/systemd/private", owner=0)
        return Bus.system()


def _by_user(services: Iterable[Service]) -> Iterator[tuple[int | None, list[Service]]]:
    """The services of each manager, in the order they were given."""
    groups: dict[int | None, list[Service]] = {}
    for service in services:
        groups.setdefault(service.user, []).append(service)
    yield from groups.items()


def _service(unit: Unit, name: str, user: int | None) -> Service:
    """The service under its own name: an alias is not a second one."""
    own = unit.text("Id")
    return Service(
        _MANAGER, own if is_unit_name(own) else name, unit.text("Description"), user=user
    )


def _unreachable(service: Service, error: BusGoneError) -> ServiceFacts:
    return ServiceFacts(
        service,
        ServiceState.CHANGING,
        aliases=frozenset({service.name}),
        unstoppable=f"its manager cannot be asked: {error}",
        obstacle=RebootReason.PERMISSION_DENIED,
    )


def _trusted_text(path: str, uids: Collection[int]) -> str:
    """The text of a file that only these users could have written; empty where it is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return ""
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in uids or found.st_mode & 0o022:
            return ""
        return file.read(_UNIT_FILE_LIMIT).decode("utf-8", "replace")
