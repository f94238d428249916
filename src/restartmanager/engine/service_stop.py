"""The stopper of services: their managers stop them, and nothing starts them again meanwhile.

The journal has each service, and what must be done besides to keep it stopped, before its manager
is told anything; and the outcome as soon as it is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.model import Hold, ServiceState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.engine.context import OperationContext
    from restartmanager.engine.recorder import StopRecorder
    from restartmanager.model import Application, Service
    from restartmanager.model.journal import JournalEntry


class ServiceStopper:
    """A stopper of services, which takes one stage after the other. ``force`` kills what does not
    obey."""

    def __init__(self, context: OperationContext, recorder: StopRecorder, *, force: bool) -> None:
        self._services = context.services
        self._cancel = context.cancel
        self._limits = context.limits
        self._audit = context.audit
        self._recorder = recorder
        self._force = force

    def stop(self, stage: Sequence[Application]) -> None:
        """Stop these services; the recorder has what became of each.

        Raises OperationCancelledError when it was called off.
        """
        entries = self._intend(stage)
        self._recorder.write(list(entries.values()))
        self._audit.closing(entries.values())
        patience_s = self._limits.application_s if self._force else None  # else its manager's
        for entry in entries.values():
            self._recorder.say(entry.application, "told to stop", patience_s)
        holds = {service: entry.hold for service, entry in entries.items() if entry.hold}
        results = self._services.stop(
            holds,
            patience_s=self._limits.application_s,
            force=self._force,
            cancel=self._cancel,
        )
        for result in results:
            entry = entries.pop(result.service)
            if result.done:
                self._recorder.stopped(entry, result.remark)
            else:
                self._recorder.not_stopped(entry, result.trouble)
        self._recorder.check_cancelled()
        for entry in entries.values():
            self._recorder.not_stopped(entry, "its manager said nothing about it")

    def _intend(self, stage: Sequence[Application]) -> dict[Service, JournalEntry]:
        """The entries of what still runs; the others are settled."""
        services = [app.service for app in stage if app.service is not None]
        now = self._services.states(services)
        entries = {}
        for application, service in zip(stage, services, strict=True):
            if now.get(service) in {ServiceState.INACTIVE, ServiceState.FAILED}:
                self._recorder.gone(self._recorder.intend(application))
            else:
                hold = application.hold or Hold()
                entries[service] = self._recorder.intend(application, hold=hold)
        return entries
