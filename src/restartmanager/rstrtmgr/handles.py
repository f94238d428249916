"""Handles: the sessions of this process, by the numbers that stand for them.

::

    >>> Handles().primary(7, "list")
    Traceback (most recent call last):
    restartmanager.model.errors.SessionEndedError: The session has ended. Start a new one.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from restartmanager.api.primary import PrimarySession
from restartmanager.errors import (
    NoSuchSessionError,
    RestartManagerError,
    SessionEndedError,
    SessionRoleError,
)
from restartmanager.rstrtmgr.codes import WinError, code_of
from restartmanager.rstrtmgr.dwords import ALL_ONES
from restartmanager.rstrtmgr.service_names import ServiceNames
from restartmanager.rstrtmgr.tasks import Tasks

if TYPE_CHECKING:
    from restartmanager.api.secondary import JoinedSession

_log = logging.getLogger(__name__)

NO_HANDLE = ALL_ONES
"""What stands in the place of a handle where there is none."""

FAILURES = (RestartManagerError, MemoryError)
"""The errors that are codes here."""

_S = TypeVar("_S", bound="PrimarySession | JoinedSession")


@dataclass(frozen=True, slots=True)
class Opened(Generic[_S]):
    """A session, and what this process knows about it besides."""

    session: _S
    tasks: Tasks = field(default_factory=Tasks)
    names: ServiceNames = field(default_factory=ServiceNames)


class Handles:
    """The sessions of this process by their handles; any thread may use it."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self.forget_all()

    def forget_all(self) -> None:
        """Forget all sessions, as in a forked child, which does not have its parent's."""
        self._lock = threading.Lock()
        self._opened: dict[int, Opened[PrimarySession | JoinedSession]] = {}

    def add(self, session: PrimarySession | JoinedSession) -> int:
        """A new handle. No number is given out twice: a stale handle cannot hit another session."""
        with self._lock:
            handle = next(self._numbers)
            self._opened[handle] = Opened(session)
        return handle

    def find(self, handle: int) -> Opened[PrimarySession | JoinedSession]:
        """The session of a handle. Raises SessionEndedError where there is none."""
        found = self._opened.get(handle) if isinstance(handle, int) else None
        if found is None:
            raise SessionEndedError
        return found

    def primary(self, handle: int, operation: str) -> Opened[PrimarySession]:
        """The same for an operation of the primary. Raises SessionRoleError for a secondary."""
        found = self.find(handle)
        if not isinstance(found.session, PrimarySession):
            raise SessionRoleError(operation)
        return Opened(found.session, found.tasks, found.names)

    def remove(self, handle: int) -> None:
        """Forget a handle; no matter whether it is known."""
        self._opened.pop(handle, None)


table = Handles()
os.register_at_fork(after_in_child=table.forget_all)


def code(error: Exception, no_session: WinError = WinError.ERROR_INVALID_HANDLE) -> WinError:
    """The code of an error, whose text goes to the log; other errors are raised again."""
    found = no_session if isinstance(error, NoSuchSessionError) else code_of(error)
    if found is None:
        raise error
    _log.debug("%s: %s", found.name, error)
    return found
