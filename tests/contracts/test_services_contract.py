"""The service managers' contract on the simulated machine; the real ones have it where they run."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from restartmanager.model import Service
from restartmanager.testing.contracts.services import ServicesContract
from restartmanager.testing.machine import SimulatedProcesses
from restartmanager.testing.services import SimulatedServices, Unit
from restartmanager.testing.world import World

if TYPE_CHECKING:
    from collections.abc import Collection

    from restartmanager.model import Process
    from restartmanager.model.progress import CancelToken
    from restartmanager.ports.machine import Clock


class TestSimulatedServices(ServicesContract):
    @pytest.fixture(autouse=True)
    def _world(self) -> None:
        self._machine = World()
        self._services = SimulatedServices(self._machine)
        self._installer = self._machine.run("/bin/installer")
        self._numbers = count()

    def manager(self) -> SimulatedServices:
        return self._services

    def processes(self) -> SimulatedProcesses:
        return SimulatedProcesses(self._machine, self._installer)

    def clock(self) -> Clock:
        return self._machine

    def running(self) -> Service:
        return self._add(Unit("/bin/daemon"))

    def stopped(self) -> Service:
        return self._services.add(self._name(), Unit("/bin/daemon"), running=False)

    def stubborn(self) -> Service:
        return self._add(Unit("/bin/daemon", stops_after_s=None))

    def broken(self) -> Service:
        return self._services.add(self._name(), Unit("/bin/daemon", starts=False), running=False)

    def failed(self) -> Service:
        service = self._add(Unit("/bin/daemon"))
        process = self._services.units[service.name].process
        assert process is not None
        self._machine.end(process)
        return service

    def unknown(self) -> Service:
        return Service("simulated", "nothing.service")

    def names(self, service: Service) -> Collection[str]:
        return {service.name.removesuffix(".service")}

    def child_of(self, service: Service) -> Process:
        main = self._services.units[service.name].process
        child = self._machine.run("/bin/worker", parent=main)
        return self.processes().describe(child)

    def dependent_on(self, service: Service) -> Service:
        dependent = self.running()
        self._services.units[service.name].required_by += (dependent.name,)
        return dependent

    def triggered(self) -> Service:
        return self._add(Unit("/bin/daemon", trigger="daemon.socket"))

    def knock(self, service: Service) -> None:
        self._services.knock(service.name)

    def reloadable(self) -> Service:
        return self.running()

    def cancel_when_stopping(self, service: Service, cancel: CancelToken) -> None:
        self._machine.at(0.3, cancel.cancel)

    def _add(self, unit: Unit) -> Service:
        return self._services.add(self._name(), unit)

    def _name(self) -> str:
        return f"daemon{next(self._numbers)}.service"
