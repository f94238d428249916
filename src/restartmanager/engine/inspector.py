"""The inspector: it looks at the machine, and says which applications use what, and what is stale.

It gathers the facts beyond the holders that ``rules.applications`` needs: their ancestors, who the
caller is, what they registered about coming back.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.errors import ProcessError
from restartmanager.model import Affected, Application, ServiceState, Unexplained
from restartmanager.model.limits import WINDOWS_S
from restartmanager.rules.applications import (
    MachineFacts,
    desktop_unit,
    find_applications,
    pending_kernel,
    unit_of_desktop,
    with_windows,
)
from restartmanager.rules.own_job import without_own_job
from restartmanager.rules.policy import Policy
from restartmanager.rules.services import ServiceScene, companions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from restartmanager.model import Holder, Process, Resources, Service, ServiceFacts, Sighting
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry
    from restartmanager.model.logins import Login
    from restartmanager.ports.applications import Screens
    from restartmanager.ports.machine import Clock, Entries, Logins, Scanner
    from restartmanager.ports.processes import Processes
    from restartmanager.ports.services import ServiceManager
    from restartmanager.rules.cgroups import UnitAddress
    from restartmanager.rules.history import Alive


_UNKNOWN_SERVICE = "no service manager of this machine knows a service of that name"


class Stale(NamedTuple):
    """The processes and services that still use files that were replaced."""

    pids: frozenset[int]
    services: frozenset[Service]


@dataclass(slots=True, eq=False, repr=False)
class Inspector:
    """An inspector of the machine for one user, who has the effective user number ``uid``.

    Without ``screens`` and ``entries``, which only matter to what is to be closed, applications
    are told apart by what looks at no display and no desktop entry.
    """

    scanner: Scanner
    processes: Processes
    services: ServiceManager
    clock: Clock
    uid: int
    screens: Screens | None = None
    entries: Entries | None = None
    load_policy: Callable[[], Policy] = Policy
    """Called only when somebody is found: reading rules takes longer than finding nobody."""
    logins: Logins | None = None

    def who_uses(
        self,
        resources: Resources,
        *,
        members: Iterable[UniqueProcess] = (),
        relaunch_all: bool = False,
        obstacles: bool = False,
    ) -> Affected:
        """The applications that use these resources now; ``members`` are installers as well.

        With ``obstacles`` each says what would keep it from coming back, which takes longer.
        """

        def look() -> Affected:
            found = self._users_of(resources, members, to_be_closed=obstacles)
            return self._prospects(found, relaunch_all=relaunch_all, obstacles=obstacles)

        return self.processes.watched(look)

    def _users_of(
        self, resources: Resources, members: Iterable[UniqueProcess], *, to_be_closed: bool
    ) -> Affected:
        sighting = self.scanner.find_holders(resources)
        if to_be_closed and sighting.holders:
            sighting = self._without_own_job(sighting)
        named = self.services.resolve(resources.services) if resources.services else {}
        applications = self._applications(sighting, members, frozenset(named.values()))
        unknown = tuple(
            Unexplained(name, _UNKNOWN_SERVICE) for name in resources.services if name not in named
        )
        return Affected.of(
            applications, sighting._replace(unexplained=sighting.unexplained + unknown)
        )

    def _without_own_job(self, sighting: Sighting) -> Sighting:
        line = self.processes.lineage(self.processes.current())
        group = line[0].process_group
        beside = any(holder.process.process_group == group for holder in sighting.holders)
        pipeline = self.processes.pipeline() if beside else frozenset()
        return without_own_job(sighting, {process.identity for process in line}, pipeline)

    def stale(
        self,
        *,
        members: Iterable[UniqueProcess] = (),
        relaunch_all: bool = False,
        obstacles: bool = False,
    ) -> Affected:
        """Who runs code that was replaced, what would cure each, and what was left out of account.

        A kernel that waits for a reboot is among them. The arguments are those of ``who_uses``.
        """

        def look() -> Affected:
            found = self._stale(members)
            return self._prospects(found, relaunch_all=relaunch_all, obstacles=obstacles)

        return self.processes.watched(look)

    def _stale(self, members: Iterable[UniqueProcess]) -> Affected:
        sighting = self.scanner.find_stale(self.load_policy())
        applications = self._applications(sighting, members)
        if sighting.newer_kernel:
            applications += (pending_kernel(sighting.newer_kernel),)
        return Affected.of(applications, sighting)

    def find_stale(self, resources: Resources | None) -> Stale:
        """The users of old versions of these resources; for None, of whatever was replaced."""
        if resources is None:
            sighting = self.scanner.find_stale(self.load_policy())
        else:
            sighting = self.scanner.find_holders(resources)
        stale = [
            holder.process
            for holder in sighting.holders
            if any(item.stale for item in holder.evidence)
        ]
        owners = self.services.owners(stale) if stale else {}
        return Stale(frozenset(p.pid for p in stale), frozenset(owners.values()))

    def _prospects(self, affected: Affected, *, relaunch_all: bool, obstacles: bool) -> Affected:
        """The applications with what would bring them back, or keep them from it."""
        applications = affected.applications
        if relaunch_all:
            from restartmanager.rules.relaunch import relaunch_everything

            applications = tuple(relaunch_everything(app) for app in applications)
        if obstacles:
            from restartmanager.engine.recipes import with_recipe
            from restartmanager.ports.machine import NoEntries

            entries = self.entries or NoEntries()
            applications = tuple(
                with_recipe(app, self.processes, self.services, entries)[0] for app in applications
            )
        return replace(affected, applications=applications)

    def alive(self, journal: Iterable[JournalEntry]) -> Alive:
        """What of a journal runs now: what was stopped, and what was started."""
        from restartmanager.rules.history import Alive

        processes = {}
        services = set()
        for entry in journal:
            main = entry.application.main_process
            if entry.application.service is not None:
                services.add(entry.application.service)
            for identity in (entry.started_as, main.identity if main else None):
                if identity is not None:
                    try:
                        processes[identity] = self.processes.describe(identity)
                    except ProcessError:
                        continue
        states = self.services.states(services) if services else {}
        running = {service for service, now in states.items() if now is ServiceState.ACTIVE}
        return Alive(processes, frozenset(running))

    def _applications(
        self,
        sighting: Sighting,
        members: Iterable[UniqueProcess],
        registered: frozenset[Service] = frozenset(),
    ) -> tuple[Application, ...]:
        if not sighting.holders and not registered:
            return ()
        around = self._machine_facts(sighting, members, registered)
        applications = find_applications(sighting.holders, around)
        return tuple(self._with_way_back(app) for app in self._with_windows(applications))

    def _with_windows(self, applications: Sequence[Application]) -> Sequence[Application]:
        if self.screens is None:
            return applications
        leaders = [app.main_process for app in applications if _is_to_be_asked(app)]
        deadline = self.clock.monotonic() + WINDOWS_S
        found = self.screens.find([p for p in leaders if p is not None], deadline)
        return [
            with_windows(app, found.get(app.main_process.identity)) if app.main_process else app
            for app in applications
        ]

    def _machine_facts(
        self,
        sighting: Sighting,
        members: Iterable[UniqueProcess],
        registered: frozenset[Service],
    ) -> MachineFacts:
        seen = self._with_ancestors([holder.process for holder in sighting.holders])
        parents = {process.pid: process for process in seen.values()}
        installers = set(members)
        line = list(self.processes.lineage(self.processes.current(), seen))
        selves = {process.identity for process in line if process.pid != 1} | installers
        for member in installers:
            line += self._ancestors_and_self(member)
        policy = self.load_policy()
        return MachineFacts(
            self.uid,
            frozenset(selves),
            parents,
            policy,
            self._scene(sighting.holders, parents.values(), line, registered, policy),
            self._units(holder.process for holder in sighting.holders),
            line[0].cgroup,
            self._logins(holder.process for holder in sighting.holders),
        )

    def _logins(self, processes: Iterable[Process]) -> dict[str, Login]:
        """The logins by their scopes, where one of these processes is in one."""
        if self.logins is None or not any("/session-" in (p.cgroup or "") for p in processes):
            return {}
        return {login.scope: login for login in self.logins.all()}

    def _with_ancestors(self, processes: Sequence[Process]) -> dict[UniqueProcess, Process]:
        """These processes and their ancestors; each is looked at once."""
        seen = {process.identity: process for process in processes}
        climbed: set[int] = set()
        for process in processes:
            if process.parent_pid not in climbed:
                line = self.processes.lineage(process.identity, seen)
                seen |= {ancestor.identity: ancestor for ancestor in line}
                climbed |= {ancestor.parent_pid for ancestor in line}
        return seen

    def _units(self, processes: Iterable[Process]) -> dict[UnitAddress, Process]:
        """The oldest process of each unit of a desktop that these are in."""
        found: dict[UnitAddress, Process] = {}
        for process in processes:
            unit = desktop_unit(process)
            if unit is not None and unit not in found and process.cgroup is not None:
                above, _, _ = process.cgroup.partition(f"/{unit.name}")
                oldest = self.processes.oldest(f"{above}/{unit.name}")
                if oldest is not None and desktop_unit(oldest) == unit:
                    found[unit] = oldest
        return found

    def _scene(
        self,
        holders: Iterable[Holder],
        parents: Iterable[Process],
        installers: Iterable[Process],
        registered: frozenset[Service],
        policy: Policy,
    ) -> ServiceScene:
        """What there is to know about services: those of the holders, and what goes with them."""
        holding = [holder.process for holder in holders]
        involved = (*holding, *parents, *installers)
        owners = self.services.owners(p for p in involved if unit_of_desktop(p) is None)
        wanted = {owners[p.identity] for p in holding if p.identity in owners} | registered
        facts: dict[Service, ServiceFacts] = {}
        while wanted:
            found = self.services.describe(wanted)
            facts |= found
            wanted = self._going_with(found.values(), policy) - facts.keys()
        own = {owners[p.identity] for p in installers if p.identity in owners and p.pid != 1}
        mains = {}
        for known in facts.values():
            if known.main is not None:
                with contextlib.suppress(ProcessError):
                    mains[known.main] = self.processes.describe(known.main)
        seen = {process.identity: process for process in involved}
        inside = {known.service: self._inside(known, mains, seen) for known in facts.values()}
        return ServiceScene(owners, facts, registered, frozenset(own), mains, inside)

    def _inside(
        self,
        known: ServiceFacts,
        mains: Mapping[UniqueProcess, Process],
        seen: Mapping[UniqueProcess, Process],
    ) -> tuple[Process, ...]:
        """The processes that a stop of this service would end, besides its main process."""
        main = mains.get(known.main) if known.main is not None else None
        if main is None or not main.cgroup or not known.ends_all:
            return ()
        above, found, _ = main.cgroup.partition(f"/{known.service.name}")
        members = self.processes.members(above + found, seen) if found else ()
        return tuple(process for process in members if process.identity != main.identity)

    def _going_with(self, found: Iterable[ServiceFacts], policy: Policy) -> set[Service]:
        """The services that stop with these, or that the policy wants to be stopped with them."""
        with_them: set[Service] = set()
        names: set[str] = set()
        for facts in found:
            with_them |= set(facts.dependents)
            names |= companions(facts, policy)
        if names:
            with_them |= set(self.services.resolve(names).values())
        return with_them

    def _ancestors_and_self(self, identity: UniqueProcess) -> tuple[Process, ...]:
        try:
            return self.processes.lineage(identity)
        except ProcessError:  # it has exited since it was seen, which shutdown will find out
            return ()

    def _with_way_back(self, application: Application) -> Application:
        main = application.main_process
        if main is None or not _is_to_be_asked(application):
            return application
        registration = self.processes.registration(main)
        entry = None if registration or not self.entries else self.entries.find(main)
        if registration is None and entry is None:
            return application
        from restartmanager.rules.relaunch import with_entry, with_registration

        if registration is not None:
            return with_registration(application, registration)
        return with_entry(application, entry)


def _is_to_be_asked(application: Application) -> bool:
    """Whether it is closed by asking its leader."""
    return application.service is None and not application.reboot_reasons
