"""The listener in a thread of its own, which sleeps in poll(2) until a request comes."""

from __future__ import annotations

import select
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from restartmanager.app.conversation import CONVERSATIONS, SILENCE_S, Conversation, SharedState, run
from restartmanager.app.endpoint import Endpoint, accept, is_socket, socket_inode
from restartmanager.app.protocol import LINE_LIMIT

if TYPE_CHECKING:
    import socket

    from restartmanager.app.conversation import Handlers


class _Line:
    """A connection with its conversation; ``give_up_at`` counts while no request has come."""

    def __init__(self, connection: socket.socket, shared: SharedState) -> None:
        self.connection = connection
        self.conversation = Conversation(shared)
        self.inode = socket_inode(connection)
        self.give_up_at = time.monotonic() + SILENCE_S

    def serve(self) -> None:
        """Read what has arrived and answer it."""
        try:
            data = self.connection.recv(LINE_LIMIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.answer(data)

    def answer(self, data: bytes) -> None:
        """Answer these bytes. A peer that does not take a reply of some bytes is given up."""
        replies = run(self.conversation.hear(data))
        with suppress(OSError):
            if self.connection.send(replies) == len(replies):
                return
        if not self.conversation.over:
            self.answer(b"")


class ThreadListener:
    """A listener in a thread, until it is stopped.

    Raises UnsupportedError where there is no place for the socket.
    """

    def __init__(self, handlers: Handlers) -> None:
        self.shared = SharedState(handlers)
        self._endpoint = Endpoint()
        self._lines: dict[int, _Line] = {}
        self._thread = threading.Thread(
            target=self._serve, name="restartmanager-listener", daemon=True
        )
        self._thread.start()

    def usable(self) -> bool:
        """Whether this still listens; the program may have closed every descriptor."""
        return self._thread.is_alive() and self._endpoint.is_ours

    def stop(self) -> None:
        """Stop listening; the thread closes what it has and ends."""
        self._endpoint.remove()
        if self._endpoint.is_ours:
            with suppress(OSError):
                self._endpoint.socket.shutdown(2)  # wakes the thread

    def forget(self) -> None:
        """Close the descriptors that a forked child has inherited; the parent keeps its own."""
        self._endpoint.close()
        self._close_lines()

    # -- the thread ------------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while self._wait():
                pass
        finally:
            self._endpoint.close()
            self._close_lines()

    def _wait(self) -> bool:
        """Sleep until something happens and deal with it; False when it is over."""
        listener = self._endpoint.socket
        poll = select.poll()
        poll.register(listener, select.POLLIN if len(self._lines) < CONVERSATIONS else 0)
        for number in self._lines:
            poll.register(number, select.POLLIN)
        ready = dict(poll.poll(self._until_silence_ends_ms()))
        events = ready.pop(listener.fileno(), 0)
        if events & ~select.POLLIN or not self._endpoint.is_ours:
            return False
        for number in ready:
            self._lines[number].serve()
        if events:
            connection = accept(listener)
            if connection is not None:
                self._lines[connection.fileno()] = _Line(connection, self.shared)
        self._drop()
        return True

    def _until_silence_ends_ms(self) -> float | None:
        waiting = [line.give_up_at for line in self._lines.values() if line.conversation.silent]
        return max(0.0, min(waiting) - time.monotonic()) * 1000 + 1 if waiting else None

    def _drop(self) -> None:
        """Close the connections whose conversation is over, or has not begun in time."""
        now = time.monotonic()
        for number, line in [*self._lines.items()]:
            if line.conversation.over or (line.conversation.silent and now >= line.give_up_at):
                del self._lines[number]
                line.connection.close()

    def _close_lines(self) -> None:
        for line in self._lines.values():
            if is_socket(line.connection, line.inode):
                line.connection.close()
            else:
                line.connection.detach()
        self._lines.clear()
