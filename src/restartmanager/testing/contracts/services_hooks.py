# ruff: noqa: S101 - the assertions are what this module is for
"""Hooks that give services to the contract tests of service managers, and the helpers by which
those tests stop, start and describe them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from restartmanager.model import Hold, ServiceState
from restartmanager.model.progress import CancelToken

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from restartmanager.model import Process, Service, ServiceFacts, ServiceResult, Treatment
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.ports.machine import Clock
    from restartmanager.ports.processes import Processes
    from restartmanager.ports.services import ServiceManager

__all__ = ["PATIENCE_S", "SHORT_S", "ServicesHooks"]

PATIENCE_S = 20.0
"""The time that any action may take; a manager waits longer than that for a stubborn service."""
SHORT_S = 0.3
"""The time that a stubborn service has before it is killed."""


class ServicesHooks:
    """The hooks by which the tests get services, and helpers that act on them."""

    # -- hooks -----------------------------------------------------------------------------------

    def manager(self) -> ServiceManager:
        """The adapter."""
        raise NotImplementedError

    def processes(self) -> Processes:
        """The processes of the machine that the manager is on."""
        raise NotImplementedError

    def clock(self) -> Clock:
        """The clock by which managers wait."""
        raise NotImplementedError

    def running(self) -> Service:
        """A new service that runs, obeys, and can be started again."""
        raise NotImplementedError

    def stopped(self) -> Service:
        """A new service that does not run and could be started."""
        raise NotImplementedError

    def stubborn(self) -> Service:
        """A new service that runs and ignores being asked to stop. Its manager waits for it at
        least 40 seconds before it does anything about that."""
        raise NotImplementedError

    def broken(self) -> Service:
        """A new service that does not run, and whose start its manager sees fail."""
        raise NotImplementedError

    def failed(self) -> Service:
        """A new service that ran, and has failed as its manager sees it."""
        raise NotImplementedError

    def unknown(self) -> Service:
        """A service of this manager that does not exist."""
        raise NotImplementedError

    def names(self, service: Service) -> Collection[str]:
        """How people may call it besides its full name."""
        raise NotImplementedError

    def child_of(self, service: Service) -> Process:
        """A process that the main process of this running service has started."""
        raise NotImplementedError

    def stranger(self) -> Process:
        """A process that belongs to no service that a hook has made."""
        return self.processes().describe(self.processes().current())

    def dependent_on(self, service: Service) -> Service | None:  # noqa: ARG002 - for derived ones
        """A new service that runs and needs this one; None where nothing is known of needs."""
        return None

    def triggered(self) -> Service | None:
        """A new service that runs, and that ``knock`` starts; None where there is no such thing."""
        return None

    def knock(self, service: Service) -> None:
        """Do what starts this service while it does not run, and is not held down; return when it
        is known whether it does."""
        raise NotImplementedError

    def reloadable(self) -> Service | None:
        """A new service that runs and can be reloaded; None where there is no such thing."""
        return None

    def cancel_when_stopping(self, service: Service, cancel: CancelToken) -> None:
        """Have ``cancel`` called a moment after the service was told to stop."""

        def watch() -> None:
            deadline = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline:
                if self.manager().states([service])[service] is ServiceState.CHANGING:
                    break
                time.sleep(0.01)
            cancel.cancel()

        threading.Thread(target=watch, daemon=True).start()

    # -- tools -----------------------------------------------------------------------------------

    def _facts(self, service: Service) -> ServiceFacts:
        return self.manager().describe([service])[service]

    def _hold(self, service: Service) -> Hold:
        facts = self.manager().describe([service]).get(service)
        return Hold() if facts is None else facts.hold

    def _main(self, service: Service) -> UniqueProcess:
        main = self._facts(service).main
        assert main is not None
        return main

    def _stop(
        self,
        *services: Service,
        patience_s: float = PATIENCE_S,
        force: bool = False,
        cancel: CancelToken | None = None,
    ) -> Mapping[Service, ServiceResult]:
        holds = {service: self._hold(service) for service in services}
        with CancelToken() as never:
            results = self.manager().stop(
                holds, patience_s=patience_s, force=force, cancel=cancel or never
            )
            return _each_once(results, services, all_of_them=cancel is None)

    def _start(self, holds: Mapping[Service, Hold]) -> Mapping[Service, ServiceResult]:
        with CancelToken() as never:
            return _each_once(self.manager().start(holds, cancel=never), holds)

    def _release(self, service: Service, hold: Hold) -> Mapping[Service, ServiceResult]:
        return _each_once(self.manager().release({service: hold}), [service])

    def _renew(self, service: Service, treatment: Treatment) -> Mapping[Service, ServiceResult]:
        with CancelToken() as never:
            results = self.manager().renew({service: treatment}, cancel=never)
            return _each_once(results, [service])

    def _now(self) -> float:
        return self.clock().monotonic()


def _each_once(
    results: Iterable[ServiceResult],
    services: Collection[Service],
    *,
    all_of_them: bool = True,
) -> dict[Service, ServiceResult]:
    """The results by their services: never two of one, none of what was not asked for."""
    told = list(results)
    found = {result.service: result for result in told}
    assert len(found) == len(told)
    assert found.keys() <= set(services)
    assert not all_of_them or found.keys() == set(services)
    return found
