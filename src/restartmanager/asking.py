"""Asking applications: by their channels whether they may be closed, by their windows to close.

The doors to the applications are ports like those in ``ports``; what the answers mean together is a
pure rule. An application is asked before anything is closed, and the vote is collective: one that
says no keeps all of them open (WM_QUERYENDSESSION).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Self

    from restartmanager.identity import UniqueProcess
    from restartmanager.model import Process
    from restartmanager.progress import CancelToken
    from restartmanager.wire import EndReason

    Answers = Mapping[UniqueProcess, "Answer"]

__all__ = [
    "Answer",
    "AnswerKind",
    "Channels",
    "Conversations",
    "NoScreens",
    "Screens",
    "WindowKind",
    "Windows",
    "objections",
]


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


class Conversations(Protocol):
    """Connections to a number of applications; closing them tells each one that is still waiting
    for what follows to go on."""

    def query(
        self, reason: EndReason, deadline: float, cancel: CancelToken | None = None
    ) -> Answers:
        """Ask all of them side by side, until all have answered, the monotonic ``deadline``
        passes, or ``cancel`` is called; the answer of each."""
        ...

    def end(
        self,
        identities: Collection[UniqueProcess],
        reason: EndReason,
        deadline: float,
        cancel: CancelToken | None = None,
    ) -> Answers:
        """Tell these to save and exit, likewise; it need not have exited when it has answered.

        Only those that have answered a query, or are late with it, are told; for the others the
        answer stays as it was.
        """
        ...

    def cancelled(self, identities: Collection[UniqueProcess]) -> None:
        """Tell these to go on."""
        ...

    def close(self) -> None:
        """Let go of all; any number of times."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Channels(Protocol):
    """The door to applications that listen."""

    def open(self, processes: Sequence[Process]) -> Conversations:
        """Connections to those of these processes that listen. Never raises for what a process
        is or does."""
        ...


def objections(answers: Answers) -> dict[UniqueProcess, Answer]:
    """Who speaks against it. Without force one is enough to close nothing; with force they are
    recorded, and overridden."""
    return {identity: answer for identity, answer in answers.items() if answer.objects}


# -- windows ---------------------------------------------------------------------------------------


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


class Screens(Protocol):
    """The door to windows. Whoever cannot be asked before the monotonic ``deadline`` has none;
    ``cancel`` ends it at once. Never raises for what a process is or does."""

    def find(
        self, processes: Sequence[Process], deadline: float, cancel: CancelToken | None = None
    ) -> Mapping[UniqueProcess, Windows]:
        """The windows of those of these processes that have any."""
        ...

    def close(
        self, processes: Sequence[Process], deadline: float, cancel: CancelToken | None = None
    ) -> Mapping[UniqueProcess, Windows]:
        """Ask the main windows of these to close, where they respond; likewise.

        The shell is left alone, and no dialog is closed. Whether a process then exits is another
        matter: it may ask its user first.
        """
        ...


class NoScreens:
    """Screens where there is no way to ask: nobody has windows."""

    def find(
        self,
        processes: Sequence[Process],  # noqa: ARG002 - as the port has it
        deadline: float,  # noqa: ARG002
        cancel: CancelToken | None = None,  # noqa: ARG002
    ) -> Mapping[UniqueProcess, Windows]:
        """Nothing."""
        return {}

    def close(
        self, processes: Sequence[Process], deadline: float, cancel: CancelToken | None = None
    ) -> Mapping[UniqueProcess, Windows]:
        """Nothing, and nobody is asked."""
        return self.find(processes, deadline, cancel)
