"""The adapter of the port ``ServiceManager`` for programs that supervisord runs.

supervisord starts nothing again that it was told to stop, so nothing is held down. It knows no
dependence. Its own time for a stop (``stopwaitsecs``) ends with SIGKILL.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING

from restartmanager.adapters.services.members import Members, processes_with
from restartmanager.adapters.services.parallel import (
    NO_SUCH_SERVICE,
    CalledOffError,
    Done,
    ServiceTroubleError,
    side_by_side,
)
from restartmanager.adapters.services.supervisord.daemon import find_supervisors
from restartmanager.adapters.services.supervisord.rpc import FaultError
from restartmanager.model import Hold, ServiceFacts, ServiceResult, ServiceState, Treatment
from restartmanager.model.limits import APPLICATION_S, KILL_S, SERVICE_MARGIN_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from restartmanager.adapters.services.supervisord.daemon import Program, Supervisor
    from restartmanager.adapters.services.supervisord.rpc import Call
    from restartmanager.model import Home, Process, Service
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import CancelToken
    from restartmanager.ports.processes import Processes


_ALREADY_STARTED, _NOT_RUNNING = 60, 70  # supervisor.xmlrpc.Faults
_TRIED = {40, 50}  # the same: ABNORMAL_TERMINATION, SPAWN_ERROR
_Target = tuple["Supervisor", "Program"]


class SupervisordPrograms:
    """The programs of every supervisord that answers at one of these sockets; port
    ``ServiceManager``.

    Where two of one user have a program of the same name, that of the first one counts.
    """

    def __init__(self, sockets: Sequence[str], processes: Processes) -> None:
        self._sockets = sockets
        self._processes = processes

    # -- looking ---------------------------------------------------------------------------------

    def resolve(self, names: Iterable[str]) -> Mapping[str, Service]:
        wanted = set(names)
        if not wanted:
            return {}
        by_name: dict[str, list[Service]] = {}
        for service, (_, program) in self._targets().items():
            for name in {program.full_name, program.name}:
                by_name.setdefault(name, []).append(service)
        found = {name: by_name[name] for name in wanted & by_name.keys()}
        return {name: services[0] for name, services in found.items() if len(services) == 1}

    def owners(self, processes: Iterable[Process]) -> Mapping[UniqueProcess, Service]:
        asked = list(processes)
        if not asked:
            return {}
        groups = {
            main.process_group: supervisor.service(program)
            for supervisor in self._supervisors()
            for program, main in _leaders(supervisor)
        }
        return {
            process.identity: groups[process.process_group]
            for process in asked
            if process.process_group in groups and process.same_pid_namespace
        }

    def describe(self, services: Iterable[Service]) -> Mapping[Service, ServiceFacts]:
        wanted = set(services)
        targets = self._targets(configured=True) if wanted else {}
        by_supervisor: dict[Supervisor, dict[Service, Program]] = {}
        for service in wanted & targets.keys():
            supervisor, program = targets[service]
            by_supervisor.setdefault(supervisor, {})[service] = program
        return {
            service: _facts(service, supervisor, program, mains)
            for supervisor, programs in by_supervisor.items()
            for mains in [_mains(supervisor, programs.values())]
            for service, program in programs.items()
        }

    def failed(self, like: Iterable[Service]) -> frozenset[Service]:
        users = {service.user for service in like}
        if not users:
            return frozenset()
        return frozenset(
            service
            for service, (_, program) in self._targets(configured=True).items()
            if service.user in users and program.state is ServiceState.FAILED
        )

    def states(self, services: Iterable[Service]) -> Mapping[Service, ServiceState]:
        wanted = set(services)
        targets = self._targets(configured=True) if wanted else {}
        return {service: targets[service][1].state for service in wanted & targets.keys()}

    def _supervisors(self) -> Iterator[Supervisor]:
        return find_supervisors(self._sockets, self._processes)

    def _targets(self, *, configured: bool = False) -> dict[Service, _Target]:
        """All programs with their supervisord; one that does not answer has none."""
        found: dict[Service, _Target] = {}
        for supervisor in self._supervisors():
            try:
                programs = supervisor.configured() if configured else supervisor.programs()
            except (OSError, ServiceTroubleError):
                continue
            for program in programs.values():
                found.setdefault(supervisor.service(program), (supervisor, program))
        return found

    # -- acting ----------------------------------------------------------------------------------

    def stop(
        self, holds: Mapping[Service, Hold], *, patience_s: float, force: bool, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        def stop(target: _Target) -> Done:
            return Done(self._stop(target, patience_s, cancel, force=force))

        yield from self._side_by_side(holds, stop, cancel)

    def start(
        self, holds: Mapping[Service, Hold], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        """Starts are begun in this order and awaited side by side, as supervisord does itself."""
        targets = self._targets(configured=True) if holds else {}
        calls: dict[Service, Call] = {}
        try:
            for service in holds:
                if cancel.cancelled:
                    break
                if service not in targets:
                    yield ServiceResult(service, NO_SUCH_SERVICE)
                    continue
                supervisor, program = targets[service]
                try:
                    supervisor.await_stop(program)
                    calls[service] = supervisor.begin("startProcess", program.full_name)
                except (OSError, ServiceTroubleError) as error:
                    yield ServiceResult(service, str(error))
            yield from side_by_side(
                {
                    service: partial(_await_start, targets[service], call, cancel)
                    for service, call in calls.items()
                }
            )
        finally:
            for call in calls.values():
                call.close()

    def release(self, holds: Mapping[Service, Hold]) -> Iterator[ServiceResult]:
        for service in holds:
            yield ServiceResult(service)

    def renew(
        self, treatments: Mapping[Service, Treatment], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        reloaded = {key: how for key, how in treatments.items() if how is Treatment.RELOAD}
        restarted = {key: how for key, how in treatments.items() if how is not Treatment.RELOAD}

        def restart(target: _Target) -> Done:
            self._stop(target, APPLICATION_S, cancel, force=False)
            supervisor, program = target
            with supervisor.begin("startProcess", program.full_name) as call:
                return _await_start(target, call, cancel)

        yield from self._side_by_side(reloaded, _reload, cancel)
        yield from self._side_by_side(restarted, restart, cancel)

    def home(self, process: Process, user: int) -> Home | None:  # noqa: ARG002 - it keeps none
        return None

    def adopt(self, process: UniqueProcess, home: Home, name: str) -> str:  # noqa: ARG002 - nobody
        return "supervisord takes in no processes"

    def reexecute(self, user: int | None) -> str:  # noqa: ARG002 - it cannot be done for any
        return "supervisord cannot run its own program anew without ending its programs"

    def _side_by_side(
        self, services: Iterable[Service], act: Callable[[_Target], Done], cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        targets = self._targets(configured=True)

        def work(service: Service) -> Done:
            if cancel.cancelled:
                raise CalledOffError
            if service not in targets:
                raise ServiceTroubleError(NO_SUCH_SERVICE)
            return act(targets[service])

        yield from side_by_side({service: partial(work, service) for service in services})

    def _stop(self, target: _Target, patience_s: float, cancel: CancelToken, *, force: bool) -> str:
        """Stop one program; a remark. With ``force`` it is killed after ``patience_s``."""
        supervisor, program = target
        began = time.monotonic()
        limit_s = patience_s if force else max(patience_s, program.stop_s + SERVICE_MARGIN_S)
        remark = ""
        with (
            Members(self._processes, self._group(supervisor, program)) as members,
            supervisor.begin("stopProcess", program.full_name) as call,
        ):
            try:
                _await_stop(call, began + limit_s, cancel)
            except TimeoutError:
                if not force:
                    raise ServiceTroubleError(
                        f"it did not stop within {limit_s:g} seconds"
                    ) from None
                remark = "killed, for it did not stop in time"
                supervisor.call("signalProcess", program.full_name, "KILL")
                _await_stop(call, time.monotonic() + KILL_S, None)
            members.end(began + limit_s, cancel, force=force)
        return remark

    def _group(self, supervisor: Supervisor, program: Program) -> Iterator[Process]:
        """The processes of its process group, which supervisord makes for each program."""
        main = _main(supervisor, program)
        if main is not None and main.process_group == main.pid:
            yield from processes_with(self._processes, os.getpgid, frozenset({main.pid}))


def _facts(
    service: Service, supervisor: Supervisor, program: Program, mains: Mapping[str, Process]
) -> ServiceFacts:
    main = mains.get(program.full_name)
    return ServiceFacts(
        service,
        program.state,
        aliases=frozenset({program.full_name, program.name}),
        main=main.identity if main is not None else None,
        trouble=_complaint(supervisor, program) if program.state is ServiceState.FAILED else "",
    )


def _leaders(supervisor: Supervisor) -> Iterator[tuple[Program, Process]]:
    """The programs that have a process group of their own, with its leaders."""
    try:
        programs = supervisor.programs()
    except (OSError, ServiceTroubleError):
        return
    for name, main in _mains(supervisor, programs.values()).items():
        if main.process_group == main.pid:
            yield programs[name], main


def _main(supervisor: Supervisor, program: Program) -> Process | None:
    return _mains(supervisor, [program]).get(program.full_name)


def _mains(supervisor: Supervisor, programs: Iterable[Program]) -> Mapping[str, Process]:
    """The main processes of these programs, as far as they can be known."""
    running = [program for program in programs if program.pid > 0]
    try:
        return supervisor.mains(running) if running else {}
    except (OSError, ServiceTroubleError):
        return {}


def _await_stop(call: Call, until: float, cancel: CancelToken | None) -> None:
    try:
        call.result(until, cancel)
    except FaultError as fault:
        if fault.code != _NOT_RUNNING:
            raise


def _await_start(target: _Target, call: Call, cancel: CancelToken) -> Done:
    supervisor, program = target
    remark = ""
    try:
        call.result(time.monotonic() + program.start_s + SERVICE_MARGIN_S, cancel)
    except TimeoutError:
        raise ServiceTroubleError("it is not up in time") from None
    except FaultError as fault:
        if fault.code in _TRIED:
            now = supervisor.programs().get(program.full_name, program)
            raise ServiceTroubleError(_complaint(supervisor, now)) from None
        if fault.code != _ALREADY_STARTED:
            raise
        remark = "it was running already"
    return Done(remark, _main_now(supervisor, program))


def _reload(target: _Target) -> Done:
    supervisor, program = target
    supervisor.call("signalProcess", program.full_name, "HUP")
    return Done(main=_main_now(supervisor, program))


def _main_now(supervisor: Supervisor, program: Program) -> UniqueProcess | None:
    main = _main(supervisor, supervisor.programs().get(program.full_name, program))
    return main.identity if main is not None else None


def _complaint(supervisor: Supervisor, program: Program) -> str:
    """Why it does not run, with its last words."""
    reason = program.spawnerr or f"it exited with status {program.exitstatus}"
    return "\n".join(filter(None, (reason, supervisor.last_words(program))))
