"""Facts about the services of init scripts: their processes, their state, their needs.

Both OpenRC and SysV init know a main process by its pid file at most. A service is taken to be that
process, and what came of it in the same session: who logged in through a daemon has a session of
his own, and goes on when the daemon stops.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Protocol

from restartmanager.adapters.proc.ways import risk_of
from restartmanager.adapters.services.commands import Command, Ended
from restartmanager.adapters.services.initscripts.script_files import script_names
from restartmanager.adapters.services.initscripts.script_locks import is_being_stopped
from restartmanager.adapters.services.members import described, processes_with
from restartmanager.adapters.services.parallel import ServiceTroubleError
from restartmanager.model import Service, ServiceFacts, ServiceState
from restartmanager.model.limits import SERVICE_ANSWER_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from restartmanager.model import Process
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.ports.processes import Processes


_GONE = "its process has ended, though nobody has stopped it"
_RECORDED = {
    "starting": ServiceState.CHANGING,
    "stopping": ServiceState.CHANGING,
    "inactive": ServiceState.CHANGING,
    "failed": ServiceState.FAILED,
    "stopped": ServiceState.INACTIVE,
}
_BY_STATUS = {0: ServiceState.ACTIVE, 1: ServiceState.FAILED, 2: ServiceState.FAILED}
"""The meaning of the exit status of "status" (Linux Standard Base, "Init Script Actions")."""


class InitSystem(Protocol):
    """An init system, in what differs between them."""

    manager: str
    at_once: int
    tidy: str
    dependents_question: str

    def command(self, name: str, action: str) -> tuple[str, ...]: ...

    def record(self, name: str) -> str: ...

    def pid_files(self, name: str) -> tuple[str, ...]: ...

    def by_cgroup(self, cgroup: str | None) -> str: ...


class ScriptFacts:
    """The facts about the services of one init system."""

    def __init__(self, system: InitSystem, processes: Processes) -> None:
        self._system = system
        self._processes = processes

    def service(self, name: str) -> Service:
        """The service with this script."""
        return Service(self._system.manager, name)

    def roots(self, name: str) -> list[Process]:
        """The living processes that its pid files name, the main one first."""
        found = (process_in(path, self._processes) for path in self._system.pid_files(name))
        by_identity = {process.identity: process for process in found if process is not None}
        return list(by_identity.values())

    def owners(self, processes: Iterable[Process]) -> Mapping[UniqueProcess, Service]:
        """The services that these processes belong to; processes of none are missing."""
        asked = list(processes)
        names = script_names() if asked else frozenset()
        found_roots = [(name, root) for name in names for root in self.roots(name)]
        roots = {root.identity: name for name, root in found_roots}
        sessions = {(name, root.session) for name, root in found_roots}
        found = {}
        for process in asked:
            name = self._owner(process, roots, sessions)
            if name in names:
                found[process.identity] = self.service(name)
        return found

    def _owner(
        self,
        process: Process,
        roots: Mapping[UniqueProcess, str],
        sessions: set[tuple[str, int]],
    ) -> str:
        """The service of a process; empty where it belongs to none."""
        if process.identity in roots:
            return roots[process.identity]
        by_cgroup = self._system.by_cgroup(process.cgroup)
        if (by_cgroup, process.session) in sessions:
            return by_cgroup
        if not any(session == process.session for _, session in sessions):
            return ""
        line = self._processes.lineage(process.identity)
        names = (roots[item.identity] for item in line if item.identity in roots)
        name = next(names, "")
        return name if (name, process.session) in sessions else ""

    def members(self, name: str) -> Iterator[Process]:
        """The processes of a service: those that belong to it now, in the sessions of the ones
        that its pid files name."""
        roots = self.roots(name)
        candidates = processes_with(
            self._processes, os.getsid, frozenset(root.session for root in roots)
        )
        everybody = [*roots, *candidates]
        owners = self.owners(everybody)
        mine = {p.identity: p for p in everybody if owners.get(p.identity) == self.service(name)}
        yield from mine.values()

    def describe(self, service: Service) -> ServiceFacts:
        """The facts about a service that has a script."""
        roots = self.roots(service.name)
        state = self._state(service.name, roots)
        return ServiceFacts(
            service,
            state,
            aliases=frozenset({service.name}),
            main=roots[0].identity if roots else None,
            dependents=tuple(self.service(name) for name in self._dependents(service.name)),
            trouble=_GONE if state is ServiceState.FAILED else "",
        )

    def state(self, name: str) -> ServiceState:
        """Whether it runs, as its records or its script have it."""
        return self._state(name, self.roots(name))

    def _state(self, name: str, roots: Iterable[Process]) -> ServiceState:
        if is_being_stopped(name):
            return ServiceState.CHANGING
        return self.recorded(name, roots) or self._asked(name)

    def recorded(self, name: str, roots: Iterable[Process]) -> ServiceState | None:
        """The state of a service by what is on record; None where only its script can tell."""
        record = self._system.record(name)
        if any(True for _ in roots):
            changing = _RECORDED.get(record) is ServiceState.CHANGING
            return ServiceState.CHANGING if changing else ServiceState.ACTIVE
        left = any(os.path.lexists(path) for path in self._system.pid_files(name))
        if record == "started":  # some only do something once, and have no process
            return ServiceState.FAILED if left else ServiceState.ACTIVE
        if record:
            return _RECORDED[record]
        return ServiceState.FAILED if left else None

    def _asked(self, name: str) -> ServiceState:
        """The state of a service as its script tells; what it cannot tell does not run."""
        ended = self._ask(name, "status")
        return _BY_STATUS.get(ended.status, ServiceState.INACTIVE)

    def _dependents(self, name: str) -> tuple[str, ...]:
        question = self._system.dependents_question
        known = script_names() if question else frozenset()
        found = self._ask(name, question).output.split() if question else ()
        return tuple(other for other in found if other in known)

    def all_dependents(self, name: str) -> list[str]:
        """The services that need it, and that need these: each after one that it needs."""
        found = [name]
        for known in found:
            found += [other for other in self._dependents(known) if other not in found]
        return found[1:]

    def _ask(self, name: str, question: str) -> Ended:
        try:
            command = Command(self._system.command(name, question), self._processes, keep=True)
            return command.ended_by(time.monotonic() + SERVICE_ANSWER_S)
        except (OSError, ServiceTroubleError):
            return Ended(-1)


# -- pid files -------------------------------------------------------------------------------------

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_LIMIT = 64  # a number and a line feed
_CLOCK_S = 2.0  # the time of the boot is known to the second, that of a file to the tick


def process_in(path: str, processes: Processes) -> Process | None:
    """The process that this file names and that may be believed to be meant: nobody but root and
    the process's own user could have written the file, or put another one in its place."""
    try:
        descriptor = os.open(path, _OPEN)
    except OSError:
        return None
    try:
        facts = os.fstat(descriptor)
        text = os.read(descriptor, _LIMIT) if stat.S_ISREG(facts.st_mode) else b""
    finally:
        os.close(descriptor)
    number = text.partition(b"\n")[0].strip()
    if not number.isdigit() or int(number) <= 1:
        return None
    process = described(processes, int(number))
    if process is None or process.kernel_thread or not process.same_pid_namespace:
        return None
    if risk_of(path, facts, process.uid):
        return None
    return process if process.identity.start_time <= facts.st_mtime + _CLOCK_S else None
