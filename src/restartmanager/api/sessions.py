"""The Python API of sessions: starting, joining, recovering, calling off."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from restartmanager.api.dropped import end_dropped
from restartmanager.api.primary import PrimarySession
from restartmanager.api.secondary import JoinedSession
from restartmanager.api.settings import KEY_VARIABLE
from restartmanager.api.wiring import engines_of_callers, make_engine
from restartmanager.errors import (
    NoSuchSessionError,
    SessionRoleError,
    StoreError,
    UsageError,
)
from restartmanager.rules.arguments import normalise_key

if TYPE_CHECKING:
    from restartmanager.engine.engine import Engine
    from restartmanager.model import Outcome
    from restartmanager.model.sessions import SessionInfo


def start_session(*, expires_after_s: float | None = None) -> PrimarySession:
    """Start a session; the caller is its primary installer.

    What a dead installer of the same user left stopped is brought back first. With
    ``expires_after_s`` no process owns the session: ``open_session`` gives its primary's handle to
    any process of the user that has the key. Without, the session ends with this process, or when
    its handle is dropped while nothing is stopped. Raises SessionLimitError at the 65th,
    StoreError.
    """
    end_dropped(bring_back=True)
    engine = make_engine()
    engine.recover()
    return _start(engine, expires_after_s)


def new_session(*, expires_after_s: float | None = None) -> PrimarySession:
    """As ``start_session``, with what dead installers left stopped left as it is."""
    end_dropped(bring_back=False)
    return _start(make_engine(), expires_after_s)


def join_session(key: str | None = None) -> JoinedSession:
    """Join the session of a primary installer, by its key or the one in the environment.

    Root may join the session of the user who has elevated it (sudo, pkexec) as well, to register.
    Raises UsageError without a key, NoSuchSessionError when this user has no such session, or its
    primary is dead.
    """
    key = key if key is not None else os.environ.get(KEY_VARIABLE)
    if not key:
        raise UsageError(
            "There is no session key to join with.",
            hint=f"The primary hands it over in {KEY_VARIABLE}: see its session.environ().",
        )
    engine = make_engine()
    try:
        return _join(engine, key)
    except NoSuchSessionError as error:
        trouble: NoSuchSessionError | StoreError = error
    for of_caller in engines_of_callers(engine):
        try:
            return _join(of_caller, key)
        except (NoSuchSessionError, StoreError) as error:
            trouble = error if error.detail else trouble
    raise trouble


def open_session(key: str) -> PrimarySession:
    """The primary's handle on a session that no process owns.

    Raises NoSuchSessionError, and SessionRoleError where a living process owns it.
    """
    engine = make_engine()
    return PrimarySession(engine, _led_by_key(engine, key))


def cancel_operation(key: str) -> SessionInfo | None:
    """Call off the shutdown or restart that another process carries out on a session.

    For sessions that no process owns, as ``open_session``. That process is interrupted (SIGINT):
    restartctl then calls the operation off, and a Python program gets KeyboardInterrupt. It is a
    request and may come too late: what was not yet stopped is left alone, what was stopped stays
    so until restart.

    Gives the session with that process as its ``worker``; None where nothing runs. Raises
    NoSuchSessionError, SessionRoleError, UsageError where the caller itself is the worker,
    ProcessAccessError.
    """
    from restartmanager.model.sessions import SessionInfo

    engine = make_engine()
    record = engine.interrupt(_led_by_key(engine, key))
    return None if record is None else SessionInfo.of(record, abandoned=False)


def recover() -> tuple[Outcome, ...]:
    """Bring back what dead installers of this user left stopped; what became of each."""
    return make_engine().recover()


def _join(engine: Engine, key: str) -> JoinedSession:
    record = engine.join(key)
    return JoinedSession(engine, record.key, installer=record.owner)


def _start(engine: Engine, expires_after_s: float | None) -> PrimarySession:
    record = engine.start(expires_after_s=expires_after_s)
    return PrimarySession(engine, record.key, ends_when_dropped=record.owner is not None)


def _led_by_key(engine: Engine, key: str) -> str:
    """The key as the store has it, of a session that whoever has the key may lead."""
    record = engine.store.session(normalise_key(key))
    if engine.is_abandoned(record):
        raise NoSuchSessionError("It has expired, or its installer is no longer running.")
    if record.owner is not None:
        raise SessionRoleError("do that")
    return record.key
