"""The starter of services: their managers start them, and what kept them stopped is undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.model import (
    Application,
    AppType,
    Hold,
    Outcome,
    RestartBy,
    Result,
    ServiceState,
    Status,
    Step,
    Treatment,
)
from restartmanager.model.journal import JournalEntry, JournalStep
from restartmanager.rules.filters import action_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from restartmanager.engine.context import OperationContext
    from restartmanager.engine.recorder import StartRecorder
    from restartmanager.model import Filter, Service, ServiceResult


_STILL_STOPPING = {ServiceState.CHANGING}
_PERHAPS_RUNNING = {JournalStep.STOP_INTENDED, JournalStep.NOT_STOPPED}


class ServiceStarter:
    """A starter of services that are owed; the recorder has what became of those that it does not
    start."""

    def __init__(
        self, context: OperationContext, recorder: StartRecorder, filters: Sequence[Filter]
    ) -> None:
        self._services = context.services
        self._cancel = context.cancel
        self._audit = context.audit
        self._share = context.share
        self._is_being_changed = context.is_being_changed
        self._recorder = recorder
        self._filters = filters
        self._started: dict[Service, str] = {}
        """The services that were started, with what is worth telling about each."""
        self._failed_before: frozenset[Service] = frozenset()

    def start(self, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        """Start these services; the entries of those that their managers started, to be verified.
        When it is called off, it ends early."""
        by_service = {e.application.service: e for e in entries if e.application.service}
        self._failed_before |= self._services.failed(by_service)
        now = self._services.states(by_service)
        owed = [
            shared
            for service, entry in by_service.items()
            if self._is_owed(entry, now.get(service))
            and (shared := self._shared(entry)) is not None
        ]
        waiting = {
            entry.application.service: entry
            for entry in self._recorder.intend(owed)
            if entry.application.service is not None
        }
        for entry in waiting.values():
            self._audit.starting(entry)
        holds = {service: entry.hold or Hold() for service, entry in waiting.items()}
        return self._released(waiting, self._services.start(holds, cancel=self._cancel))

    def renew(self, entries: Sequence[JournalEntry], *, reload: bool = False) -> list[JournalEntry]:
        """Restart or reload services where they stand; the entries of those for which that went
        well, to be verified."""
        waiting = {e.application.service: e for e in entries if e.application.service}
        self._failed_before |= self._services.failed(waiting)
        treatment = Treatment.RELOAD if reload else Treatment.RESTART
        if not reload:  # a reload neither closes nor starts anything
            self._audit.closing(waiting.values())
            for entry in waiting.values():
                self._audit.starting(entry)
        results = self._services.renew(dict.fromkeys(waiting, treatment), cancel=self._cancel)
        return self._released(waiting, results)

    def _is_owed(self, entry: JournalEntry, now: ServiceState | None) -> bool:
        """Whether to start it; if not, it is settled."""
        application = entry.application
        if now is ServiceState.ACTIVE and entry.step in _PERHAPS_RUNNING:
            self._release(entry, entry.hold)
            self._recorder.never_stopped(entry)
        elif now in _STILL_STOPPING and entry.step is JournalStep.START_FAILED:
            self._recorder.lingers(entry)  # it was waited for before
        elif action_on(application, self._filters) is not None:
            self._leave(entry, "a filter of the session excludes it")
        elif application.restart_by is RestartBy.NONE:
            self._leave(entry, application.reason or "its manager cannot start it")
        else:
            return True
        return False

    def _shared(self, entry: JournalEntry) -> JournalEntry | None:
        """The entry, unless another installer brings the service back, or is not through with what
        it uses; then it is settled."""
        shared = self._share(entry)
        if shared is None:
            self._recorder.handed_over(entry)
        elif self._is_being_changed(entry.application):
            self._recorder.held_back(shared)
            return None
        return shared

    def _leave(self, entry: JournalEntry, reason: str) -> None:
        """It stays stopped: so does what would start it. Only a mask of ours is lifted."""
        if entry.hold is not None and entry.hold.masked:
            self._release(entry, entry.hold._replace(triggers=(), followers=()))
        self._recorder.left_stopped(entry, reason)

    def _release(self, entry: JournalEntry, hold: Hold | None) -> None:
        service = entry.application.service
        if hold is None or service is None:
            return
        for result in self._services.release({service: hold}):
            if not result.done:
                self._recorder.broken(_casualty(result.service, result.trouble))

    def _released(
        self, waiting: Mapping[Service, JournalEntry], results: Iterable[ServiceResult]
    ) -> list[JournalEntry]:
        """Note what became of each: the entries of those that run, with their main processes."""
        released = []
        for result in results:
            entry = waiting[result.service]
            if result.done:
                self._started[result.service] = result.remark
                released.append(self._recorder.released(entry, result.main))
            elif self._services.states([result.service]).get(result.service) in _STILL_STOPPING:
                self._recorder.not_startable(entry, result.trouble)
            else:
                self._recorder.not_back(entry, result.trouble)
        return released

    # -- verification --------------------------------------------------------------------------

    def remark(self, service: Service | None) -> str:
        """What is worth telling about a service that is back."""
        return "" if service is None else self._started.get(service, "")

    def broken(self) -> Mapping[Service, str]:
        """Those that were started and are not up any more, and why."""
        states = self._services.states(self._started) if self._started else {}
        down = [s for s in self._started if states.get(s) is not ServiceState.ACTIVE]
        facts = self._services.describe(down) if down else {}
        return {
            service: (facts[service].trouble if service in facts else "") or "it does not stay up"
            for service in down
        }

    def report_casualties(self) -> None:
        """Tell of services that have failed meanwhile and were none of ours."""
        if not self._started:
            return
        new = self._services.failed(self._started) - self._failed_before
        for service in sorted(new - self._started.keys(), key=str):
            facts = self._services.describe([service]).get(service)
            self._recorder.broken(_casualty(service, facts.trouble if facts else ""))


def _casualty(service: Service, trouble: str) -> Outcome:
    application = Application(
        name=service.name.removesuffix(".service"),
        type=AppType.SERVICE,
        main_process=None,
        service=service,
        status=Status.STOPPED_OTHER,
        restart_by=RestartBy.NONE,
    )
    message = trouble or "it failed meanwhile"
    return Outcome(application, Step.START, Result.FAILED, message)
