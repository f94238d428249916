"""Conversations with applications that listen: all at once, waiting on descriptors only.

An application may do whatever it likes on its end: be silent, exit, say nonsense, never stop
talking. Each is an answer of its own kind, costs this end no more than a line of memory, and is
over at the deadline.
"""

from __future__ import annotations

import math
import select
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from restartmanager.adapters.processes.channel_sockets import ChannelSockets
from restartmanager.adapters.processes.pidfds import PidfdHandle
from restartmanager.app.protocol import (
    LINE_LIMIT,
    LineReader,
    Reply,
    ReplyKind,
    Request,
    RequestKind,
)
from restartmanager.errors import ProcessError, ProcessGoneError
from restartmanager.model.answers import Answer, AnswerKind
from restartmanager.model.limits import HANG_UP_S

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Iterable, Sequence
    from typing import Self

    from restartmanager.model import Process
    from restartmanager.model.answers import EndReason
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import CancelToken


_KINDS = {
    RequestKind.QUERY: {ReplyKind.YES: AnswerKind.YES, ReplyKind.NO: AnswerKind.NO},
    RequestKind.END: {ReplyKind.DONE: AnswerKind.DONE, ReplyKind.SIGNAL: AnswerKind.SIGNAL},
}


class LinuxChannels:
    """The applications of this machine that listen; port ``Channels``."""

    def open(self, processes: Sequence[Process]) -> LinuxConversations:
        """Connect to those of these processes that listen."""
        return LinuxConversations(processes)


class _Line:
    """The connection to one application."""

    def __init__(self, handle: PidfdHandle, connection: socket.socket) -> None:
        self.handle = handle
        self.connection = connection
        self.answer: Answer | None = None
        self.hung_up_at = math.inf
        self._lines = LineReader()
        self._request: RequestKind | None = None
        self._late = 0

    def send(self, request: Request) -> None:
        """Say something; ``answer`` is what comes of it, at once where it cannot be said."""
        if self._request is not None and self.answer is not None:
            self._late += self.answer.kind in {AnswerKind.HUNG, AnswerKind.CALLED_OFF}
        self._request, self.answer = request.kind, None
        text = request.line()
        with suppress(OSError):
            if self.connection.send(text) == len(text):
                return
        self._hang_up()

    def read(self) -> None:
        """Take in what it says; what it is late with is skipped."""
        try:
            data = self.connection.recv(LINE_LIMIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        lines = self._lines.feed(data)
        skipped = min(self._late, len(lines))
        self._late -= skipped
        lines = lines[skipped:]
        if self._lines.overflowed or len(lines) > 1:
            self.answer = Answer(AnswerKind.NONSENSE, "it says more than was asked")
        elif lines:
            self.answer = self._meaning(lines[0])

    def _meaning(self, line: bytes) -> Answer:
        reply = Reply.parse(line)
        if reply is not None and reply.kind is ReplyKind.UNKNOWN:
            return Answer(AnswerKind.NONSENSE, "it does not speak this version of the protocol")
        kind = None
        if reply is not None and self._request is not None:
            kind = _KINDS[self._request].get(reply.kind)
        if reply is None or kind is None:
            return Answer(AnswerKind.NONSENSE, "what it says is no answer")
        return Answer(kind, reply.reason)

    def _hang_up(self) -> None:
        """Note that the application has closed the connection; a process that exits does so a
        moment before it is gone."""
        self.hung_up_at = min(self.hung_up_at, time.monotonic())

    def settle(self, now: float) -> None:
        """The answer, where the process itself gives it: by having exited, or having hung up."""
        if self.handle.exited:
            self.answer = Answer(AnswerKind.DIED, "it exited")
        elif self.answer is None and now >= self.hung_up_at + HANG_UP_S:
            self.answer = Answer(AnswerKind.NONSENSE, "it closed the connection")

    def close(self) -> None:
        self.connection.close()


class LinuxConversations:
    """Connections to a number of applications; a context manager that closes them.

    Never raises for what a process is or does.
    """

    def __init__(self, processes: Iterable[Process]) -> None:
        self._lines: dict[UniqueProcess, _Line] = {}
        self._answers: dict[UniqueProcess, Answer] = {}
        self._handles: list[PidfdHandle] = []
        sockets = ChannelSockets()
        try:
            for process in processes:
                self._answers[process.identity] = self._open(sockets, process)
        except BaseException:
            self.close()
            raise

    def _open(self, sockets: ChannelSockets, process: Process) -> Answer:
        """The connection first of all; what stands for an answer until there is one."""
        try:
            handle = PidfdHandle(process.identity)
        except ProcessGoneError:
            return Answer(AnswerKind.DIED, "it has exited")
        except ProcessError as error:
            return Answer(AnswerKind.NONE, error.message)
        self._handles.append(handle)
        connected = sockets.connect(process, handle)
        if isinstance(connected, Answer):
            return connected
        self._lines[process.identity] = _Line(handle, connected)
        return Answer(AnswerKind.NONE, "it was not asked yet")

    def query(
        self, reason: EndReason, deadline: float, cancel: CancelToken | None = None
    ) -> dict[UniqueProcess, Answer]:
        """Ask all of them side by side; the answer of each, those that do not listen included."""
        self._ask([*self._lines], Request(RequestKind.QUERY, reason), deadline, cancel)
        return dict(self._answers)

    def end(
        self,
        identities: Collection[UniqueProcess],
        reason: EndReason,
        deadline: float,
        cancel: CancelToken | None = None,
    ) -> dict[UniqueProcess, Answer]:
        """Tell these to save and exit; the answer of each."""
        asked = [identity for identity in identities if identity in self._lines]
        self._ask(asked, Request(RequestKind.END, reason), deadline, cancel)
        return {identity: self._answers[identity] for identity in identities}

    def close(self) -> None:
        """End all connections, which tells who agreed to go on; any number of times."""
        for line in self._lines.values():
            line.close()
        for handle in self._handles:
            handle.close()
        self._lines.clear()

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
        lines = {identity: self._lines[identity] for identity in identities}
        for line in lines.values():
            line.send(request)
        _wait([*lines.values()], deadline, cancel)
        called_off = cancel is not None and cancel.cancelled
        for identity, line in lines.items():
            if line.answer is None and called_off:
                line.answer = Answer(AnswerKind.CALLED_OFF)
            elif line.answer is None:
                line.answer = Answer(AnswerKind.HUNG, "it did not answer in time")
            self._answers[identity] = line.answer
            if line.answer.kind in {AnswerKind.NONSENSE, AnswerKind.DIED}:
                line.close()
                del self._lines[identity]


def _wait(lines: Sequence[_Line], deadline: float, cancel: CancelToken | None) -> None:
    """Sleep and read until every line has its answer, the deadline passes or somebody cancels."""
    while cancel is None or not cancel.cancelled:
        now = time.monotonic()
        for line in lines:
            line.settle(now)
        pending = [line for line in lines if line.answer is None]
        if not pending or now >= deadline:
            return
        until = min(deadline, *(line.hung_up_at + HANG_UP_S for line in pending))
        for line in _ready(pending, until - now, cancel):
            line.read()


def _ready(lines: Iterable[_Line], seconds: float, cancel: CancelToken | None) -> list[_Line]:
    """The lines on which something is said, once one speaks, a process exits, or the time is
    over."""
    poll = select.poll()
    speaking: dict[int, _Line] = {}
    for line in lines:
        poll.register(line.handle, select.POLLIN)
        if line.hung_up_at == math.inf:
            speaking[line.connection.fileno()] = line
            poll.register(line.connection, select.POLLIN)
    if cancel is not None:
        poll.register(cancel, select.POLLIN)
    found = poll.poll(math.ceil(max(0.0, seconds) * 1000))
    return [speaking[number] for number, _ in found if number in speaking]
