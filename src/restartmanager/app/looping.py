"""The listener in an asyncio event loop: no thread, and handlers may be coroutine functions."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from restartmanager.app.conversation import CONVERSATIONS, SILENCE_S, Conversation, SharedState
from restartmanager.app.endpoint import Endpoint, accept
from restartmanager.app.protocol import LINE_LIMIT

if TYPE_CHECKING:
    import socket
    from collections.abc import Generator

    from restartmanager.app.conversation import Handlers


class LoopListener:
    """A listener in the event loop that runs now.

    Raises RuntimeError where none runs, UnsupportedError where there is no place for the socket.
    """

    def __init__(self, handlers: Handlers) -> None:
        self._loop = asyncio.get_running_loop()
        self.shared = SharedState(handlers)
        self._endpoint = Endpoint()
        self._tasks: dict[asyncio.Task[None], socket.socket] = {}
        self._loop.add_reader(self._endpoint.socket, self._accept)

    def usable(self) -> bool:
        """Whether this still listens; the loop may be another one by now."""
        return asyncio.get_running_loop() is self._loop and self._endpoint.is_ours

    def stop(self) -> None:
        """Stop listening, and have the loop end the conversations."""
        self._endpoint.remove()
        if self._loop.is_closed():
            self._endpoint.close()
            return
        with suppress(RuntimeError):  # closed meanwhile
            self._loop.call_soon_threadsafe(self._close)

    def forget(self) -> None:
        """Close what a forked child has inherited; the loop is the parent's."""
        self._endpoint.close()
        for connection in self._tasks.values():
            connection.close()

    def _close(self) -> None:
        if self._endpoint.is_ours:
            self._loop.remove_reader(self._endpoint.socket)
        self._endpoint.close()
        for task in self._tasks:
            task.cancel()

    # -- in the loop -----------------------------------------------------------------------------

    def _accept(self) -> None:
        """Begin one more conversation; at the greatest number, further ones wait for a place."""
        connection = accept(self._endpoint.socket)
        if connection is None:
            return
        task = self._loop.create_task(self._serve(connection))
        self._tasks[task] = connection
        task.add_done_callback(self._left)
        if len(self._tasks) >= CONVERSATIONS:
            self._loop.remove_reader(self._endpoint.socket)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task).close()
        if self._endpoint.is_ours and not self._loop.is_closed():
            self._loop.add_reader(self._endpoint.socket, self._accept)

    async def _serve(self, connection: socket.socket) -> None:
        conversation = Conversation(self.shared)
        while not conversation.over:
            limit_s = SILENCE_S if conversation.silent else None
            try:
                data = await asyncio.wait_for(self._loop.sock_recv(connection, LINE_LIMIT), limit_s)
            except (OSError, TimeoutError):
                data = b""
            replies = await _run(conversation.hear(data))
            with suppress(OSError):
                if connection.send(replies) < len(replies):
                    await _run(conversation.hear(b""))


async def _run(step: Generator[Any, Any, bytes]) -> bytes:
    """Carry out a step by calling or awaiting the handlers in this loop."""
    try:
        call = next(step)
        while True:
            try:
                result = call()
                if isawaitable(result):
                    result = await result
            except BaseException as error:  # noqa: BLE001 - the step knows what it means
                call = step.throw(error)
            else:
                call = step.send(result)
    except StopIteration as finished:
        return bytes(finished.value)
