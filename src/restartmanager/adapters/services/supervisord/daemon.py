"""One supervisord and its programs, by its own word, of which nothing is believed blindly."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from restartmanager.adapters.services.members import described
from restartmanager.adapters.services.parallel import ServiceTroubleError
from restartmanager.adapters.services.supervisord.rpc import Call
from restartmanager.model import Service, ServiceState
from restartmanager.model.limits import KILL_S, SERVICE_ANSWER_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from restartmanager.model import Process
    from restartmanager.ports.processes import Processes


_STATES = {
    "RUNNING": ServiceState.ACTIVE,
    "STARTING": ServiceState.CHANGING,
    "STOPPING": ServiceState.CHANGING,
    "BACKOFF": ServiceState.CHANGING,
    "STOPPED": ServiceState.INACTIVE,
}
_LOG_BYTES, _LOG_LINES = 2048, 5
_POLL_S = 0.05  # it tells of no change by itself


@dataclass(frozen=True, slots=True)
class Program:
    """One program of a supervisord, as its process information and its configuration have it."""

    group: str
    name: str
    statename: str
    pid: int
    spawnerr: str
    exitstatus: int
    exitcodes: tuple[int, ...] = (0,)
    start_s: float = 1.0
    stop_s: float = 10.0

    @property
    def full_name(self) -> str:
        """The name that is the program's alone."""
        return f"{self.group}:{self.name}"

    @property
    def state(self) -> ServiceState:
        """A program that has exited has failed when its code is none of the expected ones."""
        if self.statename == "EXITED" and self.exitstatus in self.exitcodes:
            return ServiceState.INACTIVE
        return _STATES.get(self.statename, ServiceState.FAILED)


class Supervisor:
    """The supervisord behind a socket. Every call may raise OSError and ServiceTroubleError."""

    def __init__(self, path: str, uid: int, processes: Processes) -> None:
        self.path = path
        self._uid = uid
        self._processes = processes

    @property
    def user(self) -> int | None:
        """Whose supervisord it is; None: the system's."""
        return None if self._uid == 0 else self._uid

    def service(self, program: Program) -> Service:
        """The program as a service."""
        return Service("supervisord", program.full_name, user=self.user)

    def begin(self, method: str, *arguments: object) -> Call:
        """A call that is under way, with the one that was found here at first."""
        call = Call(self.path, method, *arguments)
        if call.uid != self._uid:
            with call:
                raise ServiceTroubleError(f"somebody else answers at {self.path} now")
        return call

    def call(self, method: str, *arguments: object) -> object:
        """The result of a method that has nothing to wait for."""
        with self.begin(method, *arguments) as call:
            return call.result(time.monotonic() + SERVICE_ANSWER_S)

    def await_stop(self, program: Program) -> None:
        """Wait for the end of a stop that somebody has begun, who may be gone: until then every
        start fails."""
        until = time.monotonic() + program.stop_s + KILL_S
        while program.statename == "STOPPING" and time.monotonic() < until:
            time.sleep(_POLL_S)
            program = self.programs().get(program.full_name, program)

    def programs(self) -> dict[str, Program]:
        """The programs by their full names."""
        found = (_program(facts) for facts in _structs(self.call("getAllProcessInfo")))
        return {program.full_name: program for program in found if program is not None}

    def configured(self) -> dict[str, Program]:
        """The programs by their full names, with what their configuration says."""
        programs = self.programs()
        for facts in _structs(self.call("getAllConfigInfo")):
            name = f"{facts.get('group')}:{facts.get('name')}"
            if name in programs:
                programs[name] = _with_configuration(programs[name], facts)
        return programs

    def mains(self, programs: Iterable[Program]) -> Mapping[str, Process]:
        """The main processes of these programs by their full names: of those it says that they
        are, the ones that it has really started, for the user who answers."""
        parent = self.call("getPID")
        found = {}
        for program in programs:
            main = described(self._processes, program.pid) if program.pid > 0 else None
            mine = main is not None and main.parent_pid == parent and main.same_pid_namespace
            if main is not None and mine and self._uid in {0, main.uid}:
                found[program.full_name] = main
        return found

    def last_words(self, program: Program) -> str:
        """The last lines that it wrote, on standard error where that is kept; else empty."""
        for method in ("readProcessStderrLog", "readProcessStdoutLog"):
            try:
                text = self.call(method, program.full_name, -_LOG_BYTES, 0)
            except (OSError, ServiceTroubleError):
                continue
            lines = str(text).strip().split("\n")
            if any(lines):
                return "\n".join(lines[-_LOG_LINES:])
        return ""


def find_supervisors(paths: Iterable[str], processes: Processes) -> Iterator[Supervisor]:
    """The supervisords that answer at these sockets and may be believed: root's, the caller's own,
    and for root everybody's, each as the user it belongs to. Links are not followed."""
    seen = set()
    own = os.geteuid()
    for path in paths:
        try:
            facts = os.lstat(path)
            if not stat.S_ISSOCK(facts.st_mode) or (facts.st_dev, facts.st_ino) in seen:
                continue
            seen.add((facts.st_dev, facts.st_ino))
            with Call(path, "getAPIVersion") as call:
                if own in {0, call.uid} or call.uid == 0:
                    call.result(time.monotonic() + SERVICE_ANSWER_S)
                    yield Supervisor(path, call.uid, processes)
        except (OSError, ValueError, ServiceTroubleError):
            continue


def _structs(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def _program(facts: dict[str, Any]) -> Program | None:
    """The program in one of its answers; None where something is not as it must be."""
    group, name, statename = (facts.get(key) for key in ("group", "name", "statename"))
    pid, spawnerr, code = (facts.get(key) for key in ("pid", "spawnerr", "exitstatus"))
    if not (isinstance(group, str) and isinstance(name, str) and group and name):
        return None
    if not (isinstance(statename, str) and isinstance(pid, int) and isinstance(code, int)):
        return None
    return Program(group, name, statename, int(pid), str(spawnerr or ""), int(code))


def _with_configuration(program: Program, facts: dict[str, Any]) -> Program:
    codes = facts.get("exitcodes")
    if isinstance(codes, list):
        program = replace(program, exitcodes=tuple(c for c in codes if isinstance(c, int)))
    return replace(
        program,
        start_s=_seconds(facts.get("startsecs"), program.start_s),
        stop_s=_seconds(facts.get("stopwaitsecs"), program.stop_s),
    )


def _seconds(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int) and 0 <= value <= 86400 else otherwise
