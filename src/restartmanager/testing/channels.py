"""The simulated adapter of the port ``Channels``: applications that listen, made by a test."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from restartmanager.app.protocol import Request, RequestKind
from restartmanager.model.answers import Answer, AnswerKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from restartmanager.model import Process
    from restartmanager.model.answers import EndReason
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import CancelToken
    from restartmanager.testing.world import World

__all__ = ["Listening", "SimulatedChannels", "SimulatedConversations"]

_YES = Answer(AnswerKind.YES)
_DONE = Answer(AnswerKind.DONE)
_OVER = frozenset({AnswerKind.DIED, AnswerKind.IMPOSTOR, AnswerKind.NONSENSE})


@dataclass(slots=True)
class Listening:
    """The behaviour of a simulated application that listens.

    Times are in seconds of the World; None means never.
    """

    query: Answer = _YES
    end: Answer = _DONE
    after_s: float | None = 0.0
    """The time from a question to its answer."""
    exits_after_s: float | None = 0.0
    """The time from the answer to "end" to the exit."""
    heard: list[str] = field(default_factory=list)
    """The requests that it got, in the words of the wire protocol."""


class SimulatedChannels:
    """The Channels of a World; a process that does not listen has none."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._listening: dict[UniqueProcess, Listening] = {}

    def listens(self, identity: UniqueProcess, listening: Listening) -> Listening:
        """Let a process listen with this behaviour."""
        self._listening[identity] = replace(listening, heard=[])
        return self._listening[identity]

    def open(self, processes: Sequence[Process]) -> SimulatedConversations:
        return SimulatedConversations(self._world, self._listening, processes)


class SimulatedConversations:
    """Conversations in which time passes only when somebody waits."""

    def __init__(
        self,
        world: World,
        listening: dict[UniqueProcess, Listening],
        processes: Iterable[Process],
    ) -> None:
        self._world = world
        self._answers: dict[UniqueProcess, Answer] = {}
        self._open: dict[UniqueProcess, Listening] = {}
        self._agreed: set[UniqueProcess] = set()
        for process in processes:
            identity = process.identity
            self._answers[identity] = Answer(AnswerKind.NONE, "it does not listen")
            if not world.is_running(identity):
                self._answers[identity] = Answer(AnswerKind.DIED, "it has exited")
            elif identity in listening:
                self._open[identity] = listening[identity]

    def query(
        self, reason: EndReason, deadline: float, cancel: CancelToken | None = None
    ) -> dict[UniqueProcess, Answer]:
        self._ask([*self._open], Request(RequestKind.QUERY, reason), deadline, cancel)
        self._agreed |= {
            identity for identity in self._open if self._answers[identity].kind is AnswerKind.YES
        }
        return dict(self._answers)

    def end(
        self,
        identities: Collection[UniqueProcess],
        reason: EndReason,
        deadline: float,
        cancel: CancelToken | None = None,
    ) -> dict[UniqueProcess, Answer]:
        asked = [identity for identity in identities if identity in self._open]
        self._agreed -= set(asked)
        self._ask(asked, Request(RequestKind.END, reason), deadline, cancel)
        return {identity: self._answers[identity] for identity in identities}

    def close(self) -> None:
        for identity, listening in self._open.items():
            if identity in self._agreed:
                listening.heard.append("cancelled")
        self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- asking ----------------------------------------------------------------------------------

    def _ask(
        self,
        identities: Iterable[UniqueProcess],
        request: Request,
        deadline: float,
        cancel: CancelToken | None,
    ) -> None:
        due: dict[UniqueProcess, float] = {}
        for identity in identities:
            listening = self._open[identity]
            listening.heard.append(f"{request.kind} {request.reason}")
            never = listening.after_s is None
            due[identity] = float("inf") if never else self._world.time + (listening.after_s or 0)
        waiting = set(due)
        while waiting and not (cancel is not None and cancel.cancelled):
            waiting -= {identity for identity in waiting if self._settle(identity, request, due)}
            if not waiting or self._world.time >= deadline:
                break
            self._world.pass_time(min(deadline, self._next_moment(waiting, due)))
        called_off = cancel is not None and cancel.cancelled
        for identity in waiting:
            self._answers[identity] = (
                Answer(AnswerKind.CALLED_OFF)
                if called_off
                else Answer(AnswerKind.HUNG, "it did not answer in time")
            )

    def _next_moment(
        self, waiting: Iterable[UniqueProcess], due: dict[UniqueProcess, float]
    ) -> float:
        world = self._world
        moments = [due[identity] for identity in waiting]
        exits = [world.lives[identity].exits_at for identity in waiting]
        moments += [when for when in exits if when is not None]
        moments += [when for when, _ in world.events[:1]]
        return min(moments)

    def _settle(
        self, identity: UniqueProcess, request: Request, due: dict[UniqueProcess, float]
    ) -> bool:
        """Whether an application has answered by now, or is gone."""
        world, listening = self._world, self._open[identity]
        ending = request.kind is RequestKind.END
        if world.is_running(identity) and world.time < due[identity]:
            return False
        answer = listening.end if ending else listening.query
        if not world.is_running(identity):
            answer = Answer(AnswerKind.DIED, "it exited")
        elif answer.kind is AnswerKind.DIED:
            world.end(identity)
        elif answer.kind is AnswerKind.DONE and listening.exits_after_s is not None:
            world.lives[identity].exits_at = world.time + listening.exits_after_s
        self._answers[identity] = answer
        if answer.kind in _OVER:
            del self._open[identity]
        return True
