"""What is asked, what is answered, and whether the answer is right."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from scenarios.stage import Truth

__all__ = ["Answer", "Asked", "Peer", "Question", "Verdict", "judge"]


class Question(Enum):
    """What a tool can be asked."""

    USERS = "who uses these files?"
    REPLACED = "who still runs replaced code?"


@dataclass(frozen=True, slots=True)
class Asked:
    """The files and trees in question, and the processes of the situation: of all others, tools
    that look at the whole machine are right to say something or nothing."""

    files: tuple[str, ...]
    trees: tuple[str, ...]
    processes: frozenset[int]


@dataclass(frozen=True, slots=True)
class Answer:
    """The processes that a tool names; which of them it calls stale (None: it does not say), and
    whether it says that something else uses the file."""

    users: frozenset[int]
    stale: frozenset[int] | None = None
    unseen: bool = False
    said: str = ""


class Peer(Protocol):
    """A tool that can be asked."""

    name: str
    question: Question

    def version(self) -> str | None:
        """Its version; None where it is not installed."""

    def ask(self, asked: Asked) -> Answer:
        """Its answer."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an answer is right, and if not, in which way."""

    right: bool
    word: str = ""


def judge(truth: Truth, answer: Answer, question: Question) -> Verdict:
    """Compare an answer with the truth; naming the wrong process is worse than missing one."""
    expected = truth.users if question is Question.USERS else truth.stale
    missed, wrong = expected - answer.users, answer.users - expected
    if wrong:
        return Verdict(False, "named the wrong one" if missed or not expected else "named one more")
    if missed:
        return Verdict(False, "missed" if not answer.users else "missed one")
    if question is Question.USERS and truth.unseen != answer.unseen:
        return Verdict(False, "missed" if truth.unseen else "said in use")
    if answer.stale is not None and answer.stale != truth.stale:
        return Verdict(False, "called stale" if answer.stale - truth.stale else "not called stale")
    return Verdict(True)
