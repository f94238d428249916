"""Listening: an application's handlers for the requests of Restart Managers.

An application that listens has one more descriptor and, without an event loop, one more thread,
which sleeps in the kernel until a request comes. Both end with the process, and when another
program is run in it (execve(2)). A forked child does not listen until it calls `listen` itself.
"""

from __future__ import annotations

import _thread
import os

TYPE_CHECKING = False  # "from typing import" would cost more than all the rest of this module
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Protocol

    from restartmanager.app.conversation import Handlers, SharedState
    from restartmanager.model.answers import EndReason

    class Listener(Protocol):
        """The server of the socket: ``serving`` has one for threads, ``looping`` one for event
        loops."""

        shared: SharedState

        def usable(self) -> bool:
            """Whether it still listens, so that new handlers can simply be given to it."""

        def stop(self) -> None:
            """Stop listening, from any thread."""

        def forget(self) -> None:
            """Close the parent's descriptors that a forked child has inherited."""


class _Current:
    """The listener of this process, where there is one."""

    def __init__(self) -> None:
        self.lock = _thread.allocate_lock()
        self.listener: Listener | None = None
        self.at_exit = False

    def forget(self) -> None:
        """Forget the parent's listener in a forked child, where the threads of the parent do not
        exist."""
        self.lock = _thread.allocate_lock()
        listener, self.listener = self.listener, None
        if listener is not None:
            listener.forget()


_current = _Current()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_current.forget)


def listen(
    query: Callable[[EndReason], str | bool | None] | None = None,
    end: Callable[[EndReason], object] | None = None,
    cancelled: Callable[[], object] | None = None,
) -> None:
    """Have Restart Managers ask before they close this program. The handlers run in a thread.

    ``query`` tells whether the program may be closed now, within 5 seconds and without closing
    anything: None or True agree, a text is the reason why not, False is "no" without one. Its
    failure counts as a "no". Without ``query`` the answer is yes.

    ``end`` saves everything within 5 seconds, without asking the user, and makes the program exit
    (in a thread of its own: by setting an event, or raising SystemExit, which has SIGTERM sent).
    When the program does not exit, SIGTERM follows. Without ``end`` SIGTERM comes at once.

    ``cancelled`` says that the program, which had agreed, will not be closed after all.

    The first two are told the EndReason. The latest call wins. Raises UnsupportedError where there
    is no place for the socket. Source: WM_QUERYENDSESSION, WM_ENDSESSION.
    """
    from restartmanager.app.conversation import Handlers
    from restartmanager.app.serving import ThreadListener

    handlers = Handlers(query, end, cancelled)
    with _current.lock:
        if isinstance(_current.listener, ThreadListener) and _current.listener.usable():
            _current.listener.shared.handlers = handlers
        else:
            _take_over(ThreadListener, handlers)


def listen_in_loop(
    query: Callable[[EndReason], str | bool | Awaitable[str | bool | None] | None] | None = None,
    end: Callable[[EndReason], object] | None = None,
    cancelled: Callable[[], object] | None = None,
) -> None:
    """As `listen`, without a thread: the handlers, functions or coroutine functions, run in the
    asyncio loop that runs now. A loop that is busy for longer than 5 seconds counts as hung.

    Raises RuntimeError where no loop runs, and what `listen` raises.
    """
    from restartmanager.app.conversation import Handlers
    from restartmanager.app.looping import LoopListener

    handlers = Handlers(query, end, cancelled)
    with _current.lock:
        if isinstance(_current.listener, LoopListener) and _current.listener.usable():
            _current.listener.shared.handlers = handlers
        else:
            _take_over(LoopListener, handlers)


def stop_listening() -> None:
    """Stop listening, if this program listens. A Restart Manager that asks at this moment gets no
    further answer."""
    with _current.lock:
        listener, _current.listener = _current.listener, None
        if listener is not None:
            listener.stop()


def _take_over(kind: Callable[[Handlers], Listener], handlers: Handlers) -> None:
    """Replace the listener; the caller holds the lock. The old listener goes first, for both have
    the same socket name."""
    old, _current.listener = _current.listener, None
    if old is not None:
        old.stop()
    _current.listener = kind(handlers)
    if not _current.at_exit:
        import atexit

        atexit.register(stop_listening)
        _current.at_exit = True
