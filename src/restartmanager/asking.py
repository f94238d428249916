"""Asking applications whether they may be closed: their answers, and what follows from them.

The door to the applications is a port like those in ``ports``; what the answers mean together is a
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

__all__ = ["Answer", "AnswerKind", "Channels", "Conversations", "objections"]


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
