"""The door to those who run services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from restartmanager.model import (
        Hold,
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
    """Who runs services: looking at them, stopping and starting them.

    Asking never raises: where a manager cannot be reached, the facts say so. Acting yields a
    result for each service as soon as it is known, and never raises either: what goes wrong is
    the result. When ``cancel`` is called, acting ends early: what has not begun is left alone, and
    a service without a result must be looked at.
    """

    def resolve(self, names: Iterable[str]) -> Mapping[str, Service]:
        """Which service is meant by each of these names, as people write them: without the
        ending, or by an alias. Names that nobody knows are missing."""
        ...

    def owners(self, processes: Iterable[Process]) -> Mapping[UniqueProcess, Service]:
        """Which of these processes belong to which service; those of none are missing."""
        ...

    def describe(self, services: Iterable[Service]) -> Mapping[Service, ServiceFacts]:
        """What is known about these services now; those that do not exist are missing."""
        ...

    def states(self, services: Iterable[Service]) -> Mapping[Service, ServiceState]:
        """Whether these services run now: what can be said quickly. Those that do not exist, or
        whose manager cannot be reached, are missing."""
        ...

    def failed(self, like: Iterable[Service]) -> frozenset[Service]:
        """All services that have failed, in the managers of these services."""
        ...

    def stop(
        self, holds: Mapping[Service, Hold], *, patience_s: float, force: bool, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        """Stop services side by side, with what their holds name.

        A service has the time that its manager gives it, and at least ``patience_s``; with
        ``force`` it is killed after ``patience_s``.
        """
        ...

    def start(
        self, holds: Mapping[Service, Hold], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        """Undo the holds and start services; in this order, where the manager knows none itself.

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

        What depends on a service and runs is restarted with it.
        """
        ...

    def adopt(self, process: UniqueProcess, user: int, name: str) -> str:
        """Have the user's own manager take a process in as a scope with this name. What went
        wrong, in words; empty when it was done."""
        ...

    def reexecute(self, user: int | None) -> str:
        """Have a manager run its own program anew, with all its services going on: that of a user,
        or the system's. What went wrong, in words; empty when it was done."""
        ...
