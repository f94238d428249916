"""Sessions and their journals, as the store keeps them beyond the life of the process that wrote.

A journal entry is written *before* a step is taken, with the intention, and again when the outcome
is known. So a process that finds the journal after a crash can tell what may have happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restartmanager.model import Application, Hold, Recipe
    from restartmanager.model.identity import UniqueProcess


class Operation(StrEnum):
    """An operation on a session; one process at a time may run one."""

    SHUTDOWN = "shutdown"
    RESTART = "restart"
    RECOVERY = "recovery"


DISOWNED = 0.0
"""The time at which a session without an installer is over."""


class JournalStep(StrEnum):
    """The progress of an application through stopping and starting, in order."""

    STOP_INTENDED = "stop-intended"
    """The application is about to be stopped, or being stopped: look whether it still runs."""
    STOPPED = "stopped"
    NOT_STOPPED = "not-stopped"
    """The application survived so far. It was asked, so it may still exit: look whether it runs."""
    LEFT_RUNNING = "left-running"
    """The application runs, and nothing that it was asked is outstanding."""
    START_INTENDED = "start-intended"
    """The application is about to be started: no new process is known yet, and none runs the
    program."""
    START_RELEASED = "start-released"
    """The process ``started_as`` exists and may run the program at any moment: look whether it
    does."""
    START_FAILED = "start-failed"
    """The application should have come back, and its program could not be run: try again."""
    STARTED = "started"
    """The application is back."""
    NOT_STARTED = "not-started"
    """The application was started, and is not back."""
    LEFT_STOPPED = "left-stopped"
    """The application stays closed, as it should."""
    HANDED_OVER = "handed-over"
    """Another session has closed the application as well, and brings it back."""
    HELD_BACK = "held-back"
    """The application is owed, and another session is just changing what it uses: try again when
    that one is through."""


_OWED = frozenset(
    {
        JournalStep.STOP_INTENDED,
        JournalStep.STOPPED,
        JournalStep.NOT_STOPPED,
        JournalStep.START_INTENDED,
        JournalStep.START_RELEASED,
        JournalStep.START_FAILED,
        JournalStep.HELD_BACK,
    }
)
_OUTSTANDING = frozenset({JournalStep.NOT_STOPPED, JournalStep.START_FAILED, JournalStep.HELD_BACK})


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One application that the session has acted on, as of now.

    ``at`` is when the entry was written, in seconds since 1970. ``sequence`` orders the entries of
    a session as their applications were stopped; bringing back goes the other way.
    """

    sequence: int
    application: Application
    step: JournalStep
    at: float
    recipe: Recipe | None = field(default=None, repr=False)
    hold: Hold | None = None
    """Of a service: the measures that keep it stopped."""
    started_as: UniqueProcess | None = None
    message: str = ""

    @property
    def owed(self) -> bool:
        """Whether the application may have to be brought back."""
        return self.step in _OWED

    @property
    def due(self) -> bool:
        """Whether the end of the session brings it back: it is owed, and was not tried in vain."""
        return self.owed and self.step is not JournalStep.START_FAILED

    @property
    def outstanding(self) -> bool:
        """Whether it stays owed beyond the end of its session, for recovery to bring it back: it
        was asked to exit and has not yet, its program could not be run, or another session is not
        through yet."""
        comes_back = self.recipe is not None or self.hold is not None
        return self.step in _OUTSTANDING and comes_back

    def without_recipe(self) -> JournalEntry:
        """The entry as others may see it: the environment in a recipe may hold passwords."""
        return self if self.recipe is None else replace(self, recipe=None)

    @property
    def worth_a_try(self) -> bool:
        """Whether bringing it back makes sense: it is owed, or the last try failed."""
        return self.owed or self.step is JournalStep.NOT_STARTED


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as the store has it. The key is a secret of the session's user."""

    key: str = field(repr=False)
    created_at: float
    boot_id: str
    owner: UniqueProcess | None = None
    """The primary; None where no process owns the session and it lives until ``expires_at``."""
    expires_at: float | None = None
    shut_down: bool = False
    """Whether a shutdown was ever asked for, which restart depends on."""
    operation: Operation | None = None
    """The operation that ``worker`` runs right now."""
    worker: UniqueProcess | None = None
    members: tuple[UniqueProcess, ...] = ()
    """The secondaries that have joined and not left."""

    @property
    def disowned(self) -> bool:
        """Whether its installer has ended it, and left to recovery what it still owes."""
        return self.owner is None and self.expires_at == DISOWNED
