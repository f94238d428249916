"""Several service managers behind one port, or none where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.model import ServiceResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from restartmanager.model import (
        Hold,
        Home,
        Process,
        Service,
        ServiceFacts,
        ServiceState,
        Treatment,
    )
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import CancelToken
    from restartmanager.ports.services import ServiceManager


class Managers:
    """The managers by their names, as in ``Service.manager``; port ``ServiceManager``.

    Where two of them know a name or a process, the first one counts. They are made when something
    is first asked about services.
    """

    def __init__(self, make: Callable[[], Mapping[str, ServiceManager]] = dict) -> None:
        self._make = make
        self._made: Mapping[str, ServiceManager] | None = None

    @property
    def _managers(self) -> Mapping[str, ServiceManager]:
        if self._made is None:
            self._made = self._make()
        return self._made

    def resolve(self, names: Iterable[str]) -> Mapping[str, Service]:
        wanted = list(names)
        found: dict[str, Service] = {}
        for manager in self._managers.values():
            found |= manager.resolve([name for name in wanted if name not in found])
        return found

    def owners(self, processes: Iterable[Process]) -> Mapping[UniqueProcess, Service]:
        left = list(processes)
        found: dict[UniqueProcess, Service] = {}
        for manager in self._managers.values():
            found |= manager.owners(left)
            left = [process for process in left if process.identity not in found]
        return found

    def describe(self, services: Iterable[Service]) -> Mapping[Service, ServiceFacts]:
        return {
            service: facts
            for manager, mine in self._by_manager(services)
            for service, facts in manager.describe(mine).items()
        }

    def states(self, services: Iterable[Service]) -> Mapping[Service, ServiceState]:
        return {
            service: state
            for manager, mine in self._by_manager(services)
            for service, state in manager.states(mine).items()
        }

    def failed(self, like: Iterable[Service]) -> frozenset[Service]:
        return frozenset().union(*(m.failed(mine) for m, mine in self._by_manager(like)))

    def stop(
        self, holds: Mapping[Service, Hold], *, patience_s: float, force: bool, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        yield from self._strangers(holds)
        for manager, mine in self._by_manager(holds):
            if not cancel.cancelled:
                chosen = {service: holds[service] for service in mine}
                yield from manager.stop(chosen, patience_s=patience_s, force=force, cancel=cancel)

    def start(
        self, holds: Mapping[Service, Hold], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        yield from self._strangers(holds)
        for manager, mine in self._by_manager(holds):
            if not cancel.cancelled:
                yield from manager.start({key: holds[key] for key in mine}, cancel=cancel)

    def release(self, holds: Mapping[Service, Hold]) -> Iterator[ServiceResult]:
        yield from self._strangers(holds)
        for manager, mine in self._by_manager(holds):
            yield from manager.release({key: holds[key] for key in mine})

    def renew(
        self, treatments: Mapping[Service, Treatment], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        yield from self._strangers(treatments)
        for manager, mine in self._by_manager(treatments):
            if not cancel.cancelled:
                yield from manager.renew({key: treatments[key] for key in mine}, cancel=cancel)

    def home(self, process: Process, user: int) -> Home | None:
        homes = (manager.home(process, user) for manager in self._managers.values())
        return next((home for home in homes if home is not None), None)

    def adopt(self, process: UniqueProcess, home: Home, name: str) -> str:
        troubles = []
        for manager in self._managers.values():
            troubles.append(manager.adopt(process, home, name))
            if not troubles[-1]:
                return ""
        return "; ".join(troubles) or "there is no service manager"

    def reexecute(self, user: int | None) -> str:
        troubles = [manager.reexecute(user) for manager in self._managers.values()]
        return "" if "" in troubles else "; ".join(troubles) or "there is no service manager"

    def _by_manager(
        self, services: Iterable[Service]
    ) -> Iterator[tuple[ServiceManager, list[Service]]]:
        """The services of each manager, in the order they were given."""
        groups: dict[str, list[Service]] = {}
        for service in services:
            groups.setdefault(service.manager, []).append(service)
        for name, mine in groups.items():
            manager = self._managers.get(name)
            if manager is not None:
                yield manager, mine

    def _strangers(self, services: Iterable[Service]) -> Iterator[ServiceResult]:
        """The results of services whose manager is not there any more: a journal outlives it."""
        for service in services:
            if service.manager not in self._managers:
                yield ServiceResult(service, f"there is no {service.manager} on this machine now")
