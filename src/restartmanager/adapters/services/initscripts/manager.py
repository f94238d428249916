"""The adapter of the port ``ServiceManager`` for init scripts, of OpenRC and of SysV init.

What a script's stop leaves of the processes of its service is ended here. Nothing is held down, for
nothing but a command starts such a service (supervise-daemon, too, obeys rc-service).
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING

from restartmanager.adapters.services.commands import Command
from restartmanager.adapters.services.initscripts.script_facts import ScriptFacts
from restartmanager.adapters.services.initscripts.script_files import script_names
from restartmanager.adapters.services.initscripts.script_locks import await_stop, stop_lock
from restartmanager.adapters.services.members import Members
from restartmanager.adapters.services.parallel import (
    NO_SUCH_SERVICE,
    CalledOffError,
    Done,
    ServiceTroubleError,
    side_by_side,
)
from restartmanager.model import ServiceResult, ServiceState, Treatment
from restartmanager.model.limits import KILL_S, SERVICE_ANSWER_S, SERVICE_COMMAND_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from restartmanager.adapters.services.commands import Ended
    from restartmanager.adapters.services.initscripts.script_facts import InitSystem
    from restartmanager.model import Hold, Home, Process, Service, ServiceFacts
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import CancelToken
    from restartmanager.ports.processes import Processes


_RUNNING = {ServiceState.ACTIVE, ServiceState.CHANGING}
_AT_ONCE = 16  # each of them runs a script


class InitScripts:
    """The services of one init system that have a script which root alone can have written; port
    ``ServiceManager``."""

    def __init__(self, system: InitSystem, processes: Processes) -> None:
        self._system = system
        self._processes = processes
        self._facts = ScriptFacts(system, processes)

    # -- looking ---------------------------------------------------------------------------------

    def resolve(self, names: Iterable[str]) -> Mapping[str, Service]:
        wanted = set(names)
        known = script_names() if wanted else frozenset()
        return {name: self._facts.service(name) for name in wanted & known}

    def owners(self, processes: Iterable[Process]) -> Mapping[UniqueProcess, Service]:
        return self._facts.owners(processes)

    def describe(self, services: Iterable[Service]) -> Mapping[Service, ServiceFacts]:
        from concurrent.futures import ThreadPoolExecutor

        known = [service for service in dict.fromkeys(services) if self._knows(service)]
        if not known:
            return {}
        with ThreadPoolExecutor(min(_AT_ONCE, len(known))) as pool:
            return dict(zip(known, pool.map(self._facts.describe, known), strict=True))

    def failed(self, like: Iterable[Service]) -> frozenset[Service]:
        if not any(self._is_ours(service) for service in like):
            return frozenset()
        return frozenset(
            self._facts.service(name)
            for name in script_names()
            if self._facts.recorded(name, self._facts.roots(name)) is ServiceState.FAILED
        )

    def states(self, services: Iterable[Service]) -> Mapping[Service, ServiceState]:
        known = [service for service in services if self._knows(service)]
        return {service: self._facts.state(service.name) for service in known}

    def _is_ours(self, service: Service) -> bool:
        return service.manager == self._system.manager and service.user is None

    def _knows(self, service: Service) -> bool:
        return self._is_ours(service) and service.name in script_names()

    # -- acting ----------------------------------------------------------------------------------

    def stop(
        self, holds: Mapping[Service, Hold], *, patience_s: float, force: bool, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        def stop(name: str) -> Done:
            return Done(self._stop(name, patience_s, cancel, force=force))

        yield from self._each(holds, stop, cancel, at_once=_AT_ONCE)

    def start(
        self, holds: Mapping[Service, Hold], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        def start(name: str) -> Done:
            return Done(self._start(name), self._main(name))

        yield from self._each(holds, start, cancel, at_once=self._system.at_once)

    def release(self, holds: Mapping[Service, Hold]) -> Iterator[ServiceResult]:
        for service in holds:
            yield ServiceResult(service)

    def renew(
        self, treatments: Mapping[Service, Treatment], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        reloaded = {service.name for service, how in treatments.items() if how is Treatment.RELOAD}

        def renew(name: str) -> Done:
            if name in reloaded:
                self._run(name, "reload")
            else:
                self._restart(name, cancel)
            return Done(main=self._main(name))

        yield from self._each(treatments, renew, cancel, at_once=self._system.at_once)

    def home(self, process: Process, user: int) -> Home | None:  # noqa: ARG002 - it keeps none
        return None

    def adopt(self, process: UniqueProcess, home: Home, name: str) -> str:  # noqa: ARG002 - nobody
        return f"{self._system.manager} takes in no processes"

    def reexecute(self, user: int | None) -> str:  # noqa: ARG002 - it cannot be done for any
        return f"{self._system.manager} has no manager that could run its own program anew"

    def _each(
        self,
        services: Iterable[Service],
        act: Callable[[str], Done],
        cancel: CancelToken,
        *,
        at_once: int,
    ) -> Iterator[ServiceResult]:
        def work(service: Service) -> Done:
            if cancel.cancelled:
                raise CalledOffError
            if not self._knows(service):
                raise ServiceTroubleError(NO_SUCH_SERVICE)
            if os.geteuid() != 0:
                raise ServiceTroubleError("only root can do this")
            return act(service.name)

        jobs = {service: partial(work, service) for service in services}
        yield from side_by_side(jobs, at_once=at_once)

    def _stop(self, name: str, patience_s: float, cancel: CancelToken, *, force: bool) -> str:
        """Stop one service; a remark. With ``force`` it is killed after ``patience_s``."""
        if self._facts.state(name) not in _RUNNING:
            return ""
        until = time.monotonic() + (patience_s if force else max(patience_s, SERVICE_COMMAND_S))
        killed = False
        with Members(self._processes, self._facts.members(name)) as members:
            with stop_lock(name, until) as lock:
                words = self._system.command(name, "stop")
                command = Command(words, self._processes, keep=True, inherited=[lock])
            try:
                ended = command.await_end(until, cancel)
            except TimeoutError:
                if force:
                    members.kill()
                    killed = True
                ended = command.ended_by(time.monotonic() + KILL_S)
            if ended.status == 0 or force:
                killed |= members.end(until, cancel, force=force)
        if killed:
            self._run_quietly(name, self._system.tidy)
        if ended.status != 0 and self._facts.state(name) in _RUNNING:
            raise ServiceTroubleError(self._complaint(name, "stop", ended))
        return "killed, for it did not stop in time" if killed else ""

    def _restart(self, name: str, cancel: CancelToken) -> None:
        """Restart one service, with what needs it and runs.

        A script's own restart may look first whether a start can succeed. But OpenRC brings back
        what needs the service at some time later, and does not tell when.
        """
        with_it = [
            other
            for other in self._facts.all_dependents(name)
            if self._facts.state(other) in _RUNNING
        ]
        if with_it:
            self._stop(name, SERVICE_COMMAND_S, cancel, force=False)
            for stopped in (name, *with_it):
                self._start(stopped)
            return
        with Members(self._processes, self._facts.members(name)) as members:
            self._run(name, "restart")
            members.end(time.monotonic() + KILL_S, cancel, force=False)

    def _start(self, name: str) -> str:
        await_stop(name, time.monotonic() + SERVICE_COMMAND_S)
        state = self._facts.state(name)
        if state is ServiceState.ACTIVE:
            return "it was running already"
        if state is ServiceState.FAILED:
            self._run_quietly(name, self._system.tidy)
        self._run(name, "start")
        return ""

    def _main(self, name: str) -> UniqueProcess | None:
        roots = self._facts.roots(name)
        return roots[0].identity if roots else None

    def _run(self, name: str, action: str) -> None:
        """Have the init system do it. ServiceTroubleError where it says that it could not."""
        command = Command(self._system.command(name, action), self._processes)
        ended = command.ended_by(time.monotonic() + SERVICE_COMMAND_S)
        if ended.status != 0:
            raise ServiceTroubleError(self._complaint(name, action, ended))

    def _run_quietly(self, name: str, action: str) -> None:
        command = Command(self._system.command(name, action), self._processes, keep=True)
        try:
            command.ended_by(time.monotonic() + SERVICE_ANSWER_S)
        except ServiceTroubleError:
            return

    def _complaint(self, name: str, action: str, ended: Ended) -> str:
        command = " ".join(self._system.command(name, action))
        last = ended.output.strip().rpartition("\n")[2]
        return f"{command} ended with status {ended.status}" + (f": {last}" if last else "")
