"""The port to service managers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from restartmanager.model import (
        Hold,
        Home,
        Process,
        Service,
        ServiceFacts,
        ServiceResult,
        ServiceState,
        Treatment,
    )
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import CancelToken


class ServiceManager(Protocol):
    """The port to the managers that run services.

    Questions never raise: where a manager cannot be reached, the facts say so. Actions yield a
    result for each service as soon as it is known, and never raise either: trouble is a result.
    When ``cancel`` is called, an action ends early: what has not begun is left alone, and a service
    without a result must be looked at.
    """

    def resolve(self, names: Iterable[str]) -> Mapping[str, Service]:
        """The services that people call by these names, which may lack the ending or be aliases.
        Names that no manager knows are missing."""
        ...

    def owners(self, processes: Iterable[Process]) -> Mapping[UniqueProcess, Service]:
        """The services that these processes belong to; processes of none are missing."""
        ...

    def describe(self, services: Iterable[Service]) -> Mapping[Service, ServiceFacts]:
        """The facts about these services now; services that do not exist are missing."""
        ...

    def states(self, services: Iterable[Service]) -> Mapping[Service, ServiceState]:
        """The states of these services now, which takes less than ``describe``. Services that do
        not exist, or whose manager cannot be reached, are missing."""
        ...

    def failed(self, like: Iterable[Service]) -> frozenset[Service]:
        """All failed services of the managers that run these services."""
        ...

    def stop(
        self, holds: Mapping[Service, Hold], *, patience_s: float, force: bool, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        """Stop services side by side, and take the measures that their holds name.

        A service has the time that its manager gives it, and at least ``patience_s`` seconds; with
        ``force`` it is killed after ``patience_s``.
        """
        ...

    def start(
        self, holds: Mapping[Service, Hold], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        """Undo the holds and start services, in this order where the manager knows none itself.

        Changed definitions are read first. A service that runs already stays as it is.
        """
        ...

    def release(self, holds: Mapping[Service, Hold]) -> Iterator[ServiceResult]:
        """Undo the holds without starting the services."""
        ...

    def renew(
        self, treatments: Mapping[Service, Treatment], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        """Restart or reload services in place; changed definitions are read first.

        Running services that depend on a service are restarted with it.
        """
        ...

    def home(self, process: Process, user: int) -> Home | None:
        """Where a program is put that is started again as this user in place of the process: with
        its limits, or with the obstacle to that. None where no manager keeps programs."""
        ...

    def adopt(self, process: UniqueProcess, home: Home, name: str) -> str:
        """Have the manager of a home put a process there, into a scope of this name. It returns
        what went wrong, in words; empty on success."""
        ...

    def reexecute(self, user: int | None) -> str:
        """Have a manager (of a user, or of the system for None) run its own program anew while all
        its services go on. It returns what went wrong, in words; empty on success."""
        ...
