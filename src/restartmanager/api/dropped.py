"""Sessions whose handle is dropped before it was ended: they give their slots back.

A user has 64 sessions, and one whose handle is gone could be ended by nobody until its process
exits. So it is ended as soon as its handle is collected, where nothing waits to be brought back.
Where something does, that is left alone: the files may be half replaced at that moment. It comes
back when this process starts its next session, as what a dead installer left does, or by recovery
once this process has exited.
"""

from __future__ import annotations

import logging
import os
import sys
import weakref
from collections import deque
from typing import TYPE_CHECKING

from restartmanager.errors import NoSuchSessionError, RestartError, RestartManagerError
from restartmanager.model.progress import CancelToken, Reporter

if TYPE_CHECKING:
    from types import FrameType

    from restartmanager.api.primary import PrimarySession
    from restartmanager.engine.engine import Engine

_log = logging.getLogger(__name__)

_left: deque[tuple[Engine, str]] = deque()
"""The sessions that were dropped and not ended, each with the engine that made it."""

os.register_at_fork(after_in_child=_left.clear)  # they are the parent's


def end_when_dropped(
    session: PrimarySession, engine: Engine
) -> weakref.finalize[[Engine, str, int], PrimarySession]:
    """Have the session of this process end when nobody can reach its handle any more.

    Detach what this returns where it is ended otherwise.
    """
    finalizer = weakref.finalize(session, _dropped, engine, session.key, os.getpid())
    finalizer.atexit = False  # what is open at the exit is recovery's
    return finalizer


def end_dropped(*, bring_back: bool) -> None:
    """End the sessions that were dropped before.

    What is still stopped is brought back first; without ``bring_back`` its session is left as it
    is. What fails is logged, for it is nobody's any more.
    """
    waiting = []
    while _left:
        try:
            engine, key = _left.popleft()
        except IndexError:  # another thread has taken the last one
            break
        if not _end(engine, key, bring_back=bring_back):
            waiting.append((engine, key))
    _left.extend(waiting)


def _dropped(engine: Engine, key: str, maker: int) -> None:
    """The handle on this session is gone. This runs wherever the interpreter collects garbage."""
    if os.getpid() != maker:
        return
    _left.append((engine, key))
    if not _within_package():
        end_dropped(bring_back=False)


def _within_package() -> bool:
    """Whether the calling thread is at work in this package, and may hold the session memory: then
    whoever would wait for that would wait for ever."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - no other name for it
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] == "restartmanager":
            return True
        frame = frame.f_back
    return False


def _end(engine: Engine, key: str, *, bring_back: bool) -> bool:
    """End a session. False where it must wait: something is still stopped, or the memory fails."""
    try:
        if not engine.store.exists():
            return True
        if engine.owes(key):
            if not bring_back:
                return False
            _bring_back(engine, key)
        engine.end(key)
    except NoSuchSessionError:
        _log.debug("the session was ended before its handle was dropped")
    except RestartManagerError:
        _log.exception("a dropped session could not be ended")
        return False
    return True


def _bring_back(engine: Engine, key: str) -> None:
    try:
        with CancelToken() as never:
            engine.restart(key, reporter=Reporter(), cancel=never)
    except RestartError:
        _log.exception("not all that a dropped session had stopped came back")
