"""Questions to applications before they are closed, their answers, and their windows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from restartmanager.model.identity import UniqueProcess

    Answers = Mapping[UniqueProcess, "Answer"]


class EndReason(StrEnum):
    """The reason that an application is told why it is to exit (ENDSESSION_* in
    WM_QUERYENDSESSION)."""

    UPDATE = "update"
    """Something that the application uses will be replaced; it may come back afterwards."""
    FORCED = "forced"
    """Likewise, and the application is killed if it does not exit: a "no" changes nothing."""
    SESSION_END = "session-end"
    """The user's session or the machine is going down."""


class AnswerKind(StrEnum):
    """The kind of answer that came from one application, or the reason why none came."""

    YES = "yes"
    """The application agrees to be closed."""
    NO = "no"
    """The application refuses (a veto); ``reason`` is its own text."""
    DONE = "done"
    """The application has saved, and exits by itself."""
    SIGNAL = "signal"
    """The application has saved, and exits on SIGTERM."""
    HUNG = "hung"
    """No answer came in time."""
    DIED = "died"
    """The application exited instead of answering, which is as good as having been closed."""
    IMPOSTOR = "impostor"
    """The socket under the application's name belongs to another process or another user; nothing
    was asked."""
    NONSENSE = "nonsense"
    """The reply is no answer of the protocol: too long, something else, or a hang-up."""
    NONE = "none"
    """The application does not listen."""
    CALLED_OFF = "called-off"
    """The caller cancelled before an answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of one application. ``reason`` is its own, hostile text for NO, and ours for every
    other kind."""

    kind: AnswerKind
    reason: str = ""

    @property
    def objects(self) -> bool:
        """Whether the answer stands against closing: the application says no, or did not tell."""
        return self.kind in {AnswerKind.NO, AnswerKind.HUNG}

    @property
    def words(self) -> str:
        """The answer as people read it."""
        if self.kind is not AnswerKind.NO:
            return self.reason
        return f"it says no: {self.reason}" if self.reason else "it says no"


def objections(answers: Answers) -> dict[UniqueProcess, Answer]:
    """The answers that stand against closing. Without force a single one keeps everything open;
    with force they are recorded, and overridden."""
    return {identity: answer for identity, answer in answers.items() if answer.objects}


class WindowKind(StrEnum):
    """The kind of windows that a process has."""

    MAIN = "main"
    """A main window: one that people see as the application."""
    OTHER = "other"
    """A connection to the display without a main window."""
    SHELL = "shell"
    """The process manages windows, or is a panel or the desktop itself."""


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of one process; titles are the process's own, hostile text.

    ``responds`` is None where the windows cannot be pinged. ``asked`` is the number of windows that
    were asked to close just now. ``dialogs`` are windows that belong to another one: after a
    request to close, usually the question whether to save.
    """

    kind: WindowKind
    titles: tuple[str, ...] = ()
    dialogs: tuple[str, ...] = ()
    responds: bool | None = None
    asked: int = 0
