"""The service managers' contract on the system's own systemd."""

from __future__ import annotations

import socket
import time
from itertools import count
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.clock import SystemClock
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.adapters.services.systemd.manager import Systemd
from restartmanager.model import Service
from restartmanager.model.identity import UniqueProcess
from restartmanager.testing.contracts.services import ServicesContract
from support.units import main_pid, state, systemctl

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from restartmanager.model import Process
    from support.units import Units

_NUMBERS = count()
_PATIENT = ("TimeoutStopSec=60",)


class TestSystemd(ServicesContract):
    @pytest.fixture(autouse=True)
    def _machine(self, units: Units, tmp_path: Path) -> None:
        self.units = units
        self.folder = tmp_path
        self._manager = Systemd(0)

    def manager(self) -> Systemd:
        return self._manager

    def processes(self) -> LinuxProcesses:
        return LinuxProcesses()

    def clock(self) -> SystemClock:
        return SystemClock()

    def running(self) -> Service:
        return self._started(self._new("--child", "--reload-is-nothing"))

    def stopped(self) -> Service:
        name = self._new(kept=True)
        self.units.start()
        return self._service(name)

    def stubborn(self) -> Service:
        return self._started(self._new("--stubborn", service=_PATIENT))

    def broken(self) -> Service:
        name = self._new("--broken-if", "/", kept=True)
        self.units.start()
        return self._service(name)

    def failed(self) -> Service:
        """One that has failed once."""
        flag = self.folder / f"broken{next(_NUMBERS)}"
        flag.touch()
        name = self._new("--broken-if", str(flag), kept=True)
        self.units.start()
        systemctl("start", name, check=False)
        flag.unlink()
        return self._service(name)

    def unknown(self) -> Service:
        return Service("systemd", "nothing.service")

    def names(self, service: Service) -> Collection[str]:
        return {service.name.removesuffix(".service")}

    def child_of(self, service: Service) -> Process:
        pid = main_pid(service.name)
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            (child,) = map(int, file.read().split())
        return self.processes().describe(UniqueProcess.of(child))

    def dependent_on(self, service: Service) -> Service:
        unit = (f"Requires={service.name}", f"After={service.name}")
        name = self._new(unit=unit, kept=True)
        return self._started(name)

    def triggered(self) -> Service:
        name = self._new(kept=True)
        stem = name.removesuffix(".service")
        address = self.folder / stem
        text = f"[Socket]\nListenDatagram={address}\n"
        self.units.add(f"{stem}.socket", text)
        self.units.start(f"{stem}.socket", name)
        return self._service(name)

    def knock(self, service: Service) -> None:
        address = self.folder / service.name.removesuffix(".service")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as knocking:
            try:
                knocking.sendto(b"!", str(address))
            except (ConnectionRefusedError, FileNotFoundError):
                return
        deadline = time.monotonic() + 20
        while state(service.name) != ["active"] and time.monotonic() < deadline:
            pass

    def reloadable(self) -> Service:
        service = ("ExecReload=/bin/kill -HUP $MAINPID",)
        return self._started(self._new("--reload-is-nothing", service=service))

    def _new(
        self,
        *options: str,
        unit: Collection[str] = (),
        service: Collection[str] = (),
        kept: bool = False,
    ) -> str:
        name = f"contract{next(_NUMBERS)}.service"
        quick = ("StartLimitIntervalSec=0", *unit)
        return self.units.service(name, *options, unit=quick, service=tuple(service), kept=kept)

    def _started(self, name: str) -> Service:
        self.units.start(name)
        return self._service(name)

    def _service(self, name: str) -> Service:
        return self.manager().resolve([name])[name]
