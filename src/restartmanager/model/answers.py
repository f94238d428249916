"""What applications answered when they were asked, and which windows they have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from restartmanager.model.identity import UniqueProcess

    Answers = Mapping[UniqueProcess, "Answer"]


class AnswerKind(StrEnum):
    """What came of asking one application."""

    YES = "yes"
    """It agrees to be closed."""
    NO = "no"
    """It does not; ``reason`` is what it says."""
    DONE = "done"
    """It has saved, and exits by itself."""
    SIGNAL = "signal"
    """It has saved, and exits on SIGTERM."""
    HUNG = "hung"
    """No answer came in time."""
    DIED = "died"
    """It exited instead of answering, which is as good as having been closed."""
    IMPOSTOR = "impostor"
    """The socket under its name is another process's, or another user's; nothing was asked."""
    NONSENSE = "nonsense"
    """What it said is no answer: too much, something else, or it hung up."""
    NONE = "none"
    """It does not listen."""
    CALLED_OFF = "called-off"
    """The caller cancelled before it had answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one application said; ``reason`` says why: its own, hostile text for NO, else ours."""

    kind: AnswerKind
    reason: str = ""

    @property
    def objects(self) -> bool:
        """Whether it speaks against closing anything: it says no, or cannot tell."""
        return self.kind in {AnswerKind.NO, AnswerKind.HUNG}

    @property
    def words(self) -> str:
        """What it said, for people."""
        if self.kind is not AnswerKind.NO:
            return self.reason
        return f"it says no: {self.reason}" if self.reason else "it says no"


def objections(answers: Answers) -> dict[UniqueProcess, Answer]:
    """Who speaks against it. Without force one is enough to close nothing; with force they are
    recorded, and overridden."""
    return {identity: answer for identity, answer in answers.items() if answer.objects}


class WindowKind(StrEnum):
    """What kind of window a process has."""

    MAIN = "main"
    """One that people see as the application."""
    OTHER = "other"
    """It is connected to the display, and has no such window."""
    SHELL = "shell"
    """It manages the windows, or is a panel or the desktop itself."""


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of one process; titles are its own, hostile text.

    ``responds`` is None where its windows have no way to tell. ``asked`` is how many of them were
    asked to close just now. ``dialogs`` are those that belong to another window: after a request to
    close, the question whether to save.
    """

    kind: WindowKind
    titles: tuple[str, ...] = ()
    dialogs: tuple[str, ...] = ()
    responds: bool | None = None
    asked: int = 0
