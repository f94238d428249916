"""Being asked before being closed: handlers for a Restart Manager's questions.

An application that listens has one more descriptor and, without an event loop, one more thread,
which sleeps in the kernel until somebody asks. Both end with the process, and when another program
is run in it (execve(2)). A forked child is another process: it does not listen until it says so.
"""

from __future__ import annotations

import _thread
import os

TYPE_CHECKING = False  # "from typing import" would cost more than all the rest of this module
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Protocol

    from restartmanager.app.conversation import Handlers, Room
    from restartmanager.model.answers import EndReason

    class Listener(Protocol):
        """Who serves the socket: ``serving`` has one for threads, ``looping`` one for loops."""

        room: Room

        def usable(self) -> bool:
            """Whether it still listens, and new handlers can simply be given to it."""

        def stop(self) -> None:
            """Stop listening, from any thread."""

        def forget(self) -> None:
            """Close what a forked child has inherited, which is the parent's."""


class _Current:
    """The one that listens now."""

    def __init__(self) -> None:
        self.lock = _thread.allocate_lock()
        self.listener: Listener | None = None
        self.at_exit = False

    def forget(self) -> None:
        """In a forked child: the threads of the parent do not exist there."""
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
    """Ask to be asked before being closed. The handlers run in a thread that sleeps until then.

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
            _current.listener.room.handlers = handlers
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
            _current.listener.room.handlers = handlers
        else:
            _take_over(LoopListener, handlers)


def stop_listening() -> None:
    """Stop being asked; no matter whether somebody listens. Who asks at this moment is told
    nothing more."""
    with _current.lock:
        listener, _current.listener = _current.listener, None
        if listener is not None:
            listener.stop()


def _take_over(kind: Callable[[Handlers], Listener], handlers: Handlers) -> None:
    """Hold the lock. The old one goes first: both have the same name."""
    old, _current.listener = _current.listener, None
    if old is not None:
        old.stop()
    _current.listener = kind(handlers)
    if not _current.at_exit:
        import atexit

        atexit.register(stop_listening)
        _current.at_exit = True
