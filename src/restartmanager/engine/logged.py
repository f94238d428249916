"""The engine that tells the machine's log what it does, whatever comes of it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from restartmanager.engine.engine import Engine
from restartmanager.errors import ActionError, OperationCancelledError
from restartmanager.rules import events
from restartmanager.rules.events import Event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from restartmanager.model import Affected, Outcome
    from restartmanager.model.journal import SessionRecord
    from restartmanager.ports.machine import Traces


@dataclass(slots=True)
class TracedEngine(Engine):
    """All operations, each with its trace. What an operation looks at on its way is not told."""

    traces: Traces = field(kw_only=True)
    _acting: bool = False

    def start(self, *, expires_after_s: float | None = None) -> SessionRecord:
        """As ``Engine.start``."""
        record = Engine.start(self, expires_after_s=expires_after_s)
        self.traces.write(events.started(record.key, detached=record.owner is None))
        return record

    def end(self, key: str) -> None:
        """As ``Engine.end``."""
        Engine.end(self, key)
        self.traces.write(events.ended(key))

    def affected(self, key: str, *, relaunch_all: bool = False) -> Affected:
        """As ``Engine.affected``."""
        found = Engine.affected(self, key, relaunch_all=relaunch_all)
        if not self._acting:
            self.traces.write(events.listed(key, found))
        return found

    def shutdown(self, key: str, *arguments: Any, **options: Any) -> tuple[Outcome, ...]:  # noqa: ANN401 - handed on
        """As ``Engine.shutdown``."""
        with self._told(Event.SHUT_DOWN, key) as outcomes:
            outcomes.extend(Engine.shutdown(self, key, *arguments, **options))
        return tuple(outcomes)

    def restart(self, key: str, **options: Any) -> tuple[Outcome, ...]:  # noqa: ANN401 - handed on
        """As ``Engine.restart``."""
        with self._told(Event.RESTARTED, key) as outcomes:
            outcomes.extend(Engine.restart(self, key, **options))
        return tuple(outcomes)

    def refresh(self, key: str, **options: Any) -> tuple[Outcome, ...]:  # noqa: ANN401 - handed on
        """As ``Engine.refresh``."""
        with self._told(Event.REFRESHED, key) as outcomes:
            outcomes.extend(Engine.refresh(self, key, **options))
        return tuple(outcomes)

    def recover(self) -> tuple[Outcome, ...]:
        """As ``Engine.recover``; told when there was something to bring back."""
        outcomes = Engine.recover(self)
        if outcomes:
            self.traces.write(events.acted(Event.RECOVERED, "", outcomes))
        return outcomes

    @contextmanager
    def _told(self, event: Event, key: str) -> Iterator[list[Outcome]]:
        """What is put into the list is told, and what went wrong."""
        outcomes: list[Outcome] = []
        self._acting = True
        try:
            yield outcomes
        except (ActionError, OperationCancelledError) as error:
            self.traces.write(events.acted(event, key, error.outcomes, error.message))
            raise
        finally:
            self._acting = False
        self.traces.write(events.acted(event, key, outcomes))
