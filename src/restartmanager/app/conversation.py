"""Conversations of an application with Restart Managers; no input or output happens here.

A conversation is one connection, from a Restart Manager's question to its "end" or to the end of
the connection. The latter means that the application will not be closed any more, also when the
installer has died.

The code that drives a conversation, in a thread or in an event loop, calls the handlers: each step
is a generator that yields the calls that it needs, and is sent their results.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from restartmanager.app.protocol import LineReader, Reply, ReplyKind, Request, RequestKind

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from restartmanager.model.answers import EndReason

    Step = Generator[Callable[[], Any], Any, bytes]


CONVERSATIONS = 8
"""The number of conversations that there may be at the same time; further connections wait."""

SILENCE_S = 5.0
"""The time that a Restart Manager may take from its connection to its first request."""

_REQUESTS = 16


@dataclass(frozen=True, slots=True)
class Handlers:
    """The application's own functions that answer requests; each may be missing."""

    query: Callable[[EndReason], Any] | None = None
    end: Callable[[EndReason], Any] | None = None
    cancelled: Callable[[], Any] | None = None


class SharedState:
    """The state that all conversations of one application share."""

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers
        self.agreed: set[Conversation] = set()
        """The conversations in which the application agreed to be closed, and waits for what
        follows."""


class Conversation:
    """The conversation over one connection of a Restart Manager."""

    def __init__(self, shared: SharedState) -> None:
        self._shared = shared
        self._lines = LineReader()
        self._requests = 0
        self.over = False
        """Whether the connection is to be closed: too much was said, or all of it."""

    @property
    def silent(self) -> bool:
        """Whether no request has come yet."""
        return self._requests == 0

    def hear(self, data: bytes) -> Step:
        """Take in what has arrived (empty when the other side has left) and return the bytes to
        send."""
        replies = b""
        for line in self._lines.feed(data):
            if not self.over:
                replies += yield from self._answer(Request.parse(line))
        if not data or self._lines.overflowed:
            self.over = True
        if self.over:
            yield from self._leave()
        return replies

    def _answer(self, request: Request | None) -> Step:
        self._requests += 1
        if self._requests >= _REQUESTS:
            self.over = True
        if request is None:
            return Reply(ReplyKind.UNKNOWN).line()
        if request.kind is RequestKind.QUERY:
            return (yield from self._query(request.reason))
        if request.kind is RequestKind.END:
            return (yield from self._end(request.reason))
        self.over = True
        return b""

    def _query(self, reason: EndReason) -> Step:
        handler = self._shared.handlers.query
        try:
            answer = None if handler is None else (yield partial(handler, reason))
        except Exception as error:  # noqa: BLE001 - whatever it is: who cannot tell is not closed
            _log("query", error)
            return Reply(ReplyKind.NO, f"its own check failed ({type(error).__name__})").line()
        if answer is None or answer is True or answer == "":
            self._shared.agreed.add(self)
            return Reply(ReplyKind.YES).line()
        return Reply(ReplyKind.NO, answer if isinstance(answer, str) else "").line()

    def _end(self, reason: EndReason) -> Step:
        self._shared.agreed.discard(self)
        handler = self._shared.handlers.end
        if handler is None:
            return Reply(ReplyKind.SIGNAL).line()
        try:
            yield partial(handler, reason)
        except SystemExit:  # it wants to exit; in a thread of its own it cannot
            return Reply(ReplyKind.SIGNAL).line()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the application's
            _log("end", error)
            return Reply(ReplyKind.SIGNAL).line()
        return Reply(ReplyKind.DONE).line()

    def _leave(self) -> Generator[Callable[[], Any], Any, None]:
        """Tell the application to go on when the last Restart Manager that it agreed with has left
        without closing it."""
        if self not in self._shared.agreed:
            return
        self._shared.agreed.discard(self)
        handler = self._shared.handlers.cancelled
        if handler is None or self._shared.agreed:
            return
        try:
            yield handler
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the application's
            _log("cancelled", error)


def run(step: Step) -> bytes:
    """Carry out a step by calling the handlers in this thread."""
    try:
        call = next(step)
        while True:
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - the step knows what it means
                call = step.throw(error)
            else:
                call = step.send(result)
    except StopIteration as finished:
        return bytes(finished.value)


def _log(handler: str, error: Exception) -> None:
    import logging

    logging.getLogger("restartmanager.app").error("the %s handler failed", handler, exc_info=error)
