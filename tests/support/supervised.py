"""A real supervisord for one test, on a socket of its own, with programs of every temper."""

from __future__ import annotations

import sys
import time
from itertools import count
from typing import TYPE_CHECKING

from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.adapters.services.supervisord.daemon import find_supervisors
from restartmanager.adapters.services.supervisord.manager import SupervisordPrograms
from support.daemons import PATIENCE_S, Daemons

if TYPE_CHECKING:
    from restartmanager.adapters.services.supervisord.daemon import Program, Supervisor
    from restartmanager.model import Service
    from support.spawning import Spawn

_HEAD = """
[unix_http_server]
file={socket}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisord]
nodaemon=true
logfile={log}
pidfile={pidfile}
childlogdir={folder}
"""
_PROGRAM = """
[program:{name}]
command={command}
process_name=%(program_name)s%(process_num)d
numprocs={number}
autostart=false
autorestart=false
startsecs={startsecs}
startretries=0
stopwaitsecs=60
"""


class Supervised:
    """A supervisord with what tests need: several ``daemon``, and some of each other kind."""

    def __init__(self, spawn: Spawn, daemons: Daemons) -> None:
        self.daemons = daemons
        self.socket = daemons.path("s")
        self.manager = SupervisordPrograms([self.socket], LinuxProcesses())
        self._numbers = count()
        self.supervisor = self._begin(spawn)

    def _begin(self, spawn: Spawn) -> Supervisor:
        daemons = self.daemons
        complaint = """sh -c 'echo no licence >&2; exit 3'"""
        programs = {
            "daemon": (daemons.command("reload", "HUP"), 0),
            "stubborn": (daemons.command("ignore", "TERM"), 0),
            "late": (daemons.command("map", daemons.path("library"), "late", "TERM"), 0),
            "leaving": (daemons.command("child", "stays"), 0),
            "mapping": (daemons.command("map", daemons.path("library")), 0),
            "complaining": (complaint, 1),
            "missing": ("/nonexistent/program", 0),
        }
        text = _HEAD.format(
            socket=self.socket,
            log=daemons.path("log"),
            pidfile=daemons.path("pid"),
            folder=daemons.folder,
        )
        for name, (command, startsecs) in programs.items():
            text += _PROGRAM.format(name=name, command=command, startsecs=startsecs, number=9)
        with open(daemons.path("conf"), "w", encoding="utf-8") as file:
            file.write(text)
        daemon = (sys.executable, "-m", "supervisor.supervisord", "-c", daemons.path("conf"))
        child = spawn.running(*daemon)
        deadline = time.monotonic() + PATIENCE_S
        while child.poll() is None and time.monotonic() < deadline:
            for supervisor in find_supervisors([self.socket], LinuxProcesses()):
                return supervisor
        with open(daemons.path("log"), encoding="utf-8") as log:
            raise AssertionError(f"supervisord does not answer: {log.read()}")

    def of_kind(self, kind: str) -> Service:
        """A program of this kind that was not touched yet."""
        name = f"{kind}:{kind}{next(self._numbers)}"
        return self.manager.resolve([name])[name]

    def started(self, kind: str = "daemon") -> Service:
        """One that runs, and has said so."""
        service = self.of_kind(kind)
        self.supervisor.call("startProcess", service.name)
        self.daemons.await_ready(self.program(service).pid)
        return service

    def program(self, service: Service) -> Program:
        """What supervisord says about it."""
        return self.supervisor.programs()[service.name]

    def await_exit(self, service: Service) -> None:
        """Wait until supervisord has noticed that it has exited; each question wakes it up."""
        self.await_state(service, "EXITED")

    def await_state(self, service: Service, name: str) -> None:
        """Wait until supervisord says that it is in this state."""
        deadline = time.monotonic() + PATIENCE_S
        while self.program(service).statename != name:
            assert time.monotonic() < deadline
