"""The audit records of one session: each application that it closes or starts, before it is done.

They are told to the machine's own log at that moment, so that an installer that dies in it has told
it, too. What became of the application is told by the event of the whole operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from restartmanager.rules import events
from restartmanager.rules.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry
    from restartmanager.ports.machine import EventLog
    from restartmanager.ports.processes import Processes


@dataclass(frozen=True, slots=True)
class Audit:
    """Tells the log what the session ``key`` of the user ``uid`` is about to do."""

    event_log: EventLog
    processes: Processes
    key: str
    uid: int

    def closing(self, entries: Iterable[JournalEntry]) -> None:
        """These are about to be asked to exit, or their managers to stop them."""
        for entry in entries:
            main = entry.application.main_process
            owner = None if main is None else main.uid
            self.event_log.write(
                events.about(
                    EventKind.CLOSING,
                    self.key,
                    entry.application,
                    right=events.right_over(owner, self.uid),
                    user=owner,
                    process=None if main is None else main.identity,
                    program="" if main is None else main.executable or "",
                    file=None if main is None else self.processes.program(main.identity),
                )
            )

    def starting(self, entry: JournalEntry, process: UniqueProcess | None = None) -> None:
        """It is about to run its program as this process, or to be started by its manager."""
        recipe = entry.recipe
        owner = None if recipe is None else recipe.uid
        self.event_log.write(
            events.about(
                EventKind.STARTING,
                self.key,
                entry.application,
                right=events.right_over(owner, self.uid),
                user=owner,
                process=process,
                program="" if recipe is None else recipe.executable,
                file=None if recipe is None else self.processes.program(recipe),
            )
        )
