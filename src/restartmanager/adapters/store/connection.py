"""The connection of a process to its session memory, and the rules for using it.

**Rollback journal, not WAL.** Writing is rare and small here, so what WAL would give (readers
that do not wait for a writer, fewer syncs) is not needed, and what it costs is: up to SQLite
3.51.2 two connections that checkpoint and write at the same moment can damage a WAL database; it
needs shared memory, which home folders on a network do not have; a captured environment stays
readable in the log after it was deleted until somebody checkpoints; and a damaged database would
be three files to set aside at once. The journal is truncated and not deleted, for with
``synchronous=FULL`` the truncation itself is synced before a commit returns, a deletion is not;
and because truncation works on the open file, a process that still has the journal of a database
that was set aside cannot remove the journal of the next one.

**Forks.** SQLite's table of locks is per process and inherited: a child that was forked in the
middle of a transaction, in whichever thread, would believe to hold its parent's locks, and would
roll the transaction back when it exits. So all threads of a process take turns, and a fork takes
its turn as well; what a child inherits is then always idle. It is left alone, and the child opens
a connection of its own.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NoReturn

from restartmanager.adapters.store import schema
from restartmanager.adapters.store.strict import UnreadableError
from restartmanager.errors import (
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreVersionError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restartmanager.adapters.store.folder import FileMark, StateFolder


_ATTEMPTS = 5
"""The number of times that a memory may be replaced under our eyes before we give up."""

_POLL_S = 0.002
"""The time between two looks at a busy memory; see `_begin_in_time`."""

_CHECKED_PAGES = 64
"""The greatest number of pages (256 KiB, a journal of dozens of applications) of a file that is
checked as a whole when it is opened, which takes a few milliseconds at most. In larger ones damage
is noticed where it is."""

_NOT_SQLITE = 0
_DAMAGE = ("no such ", "unsupported file format", "Could not decode to UTF-8")
"""The beginnings of messages about damage that have no code of their own."""

_PRAGMAS = (
    "PRAGMA journal_mode = TRUNCATE",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # Deleted contents are overwritten with zeros: they may be a captured environment.
    "PRAGMA secure_delete = ON",
    # Sorting never writes to /tmp, for the same reason.
    "PRAGMA temp_store = MEMORY",
    # 64 MiB, used only when needed: a large registration is written once, at its commit.
    "PRAGMA cache_size = -65536",
)

_turn = threading.RLock()
_inherited: list[sqlite3.Connection] = []
os.register_at_fork(
    before=_turn.acquire, after_in_parent=_turn.release, after_in_child=_turn.release
)


class _Slot:
    """The connection of one Database, with the process that opened it and the file it leads to."""

    def __init__(self) -> None:
        self.connection: sqlite3.Connection | None = None
        self.mark: FileMark | None = None
        self.pid = 0

    def put(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.pid = os.getpid()

    def leave_inherited(self) -> None:
        """Forget, without closing it, a connection that the parent process opened."""
        if self.connection is not None and self.pid != os.getpid():
            _inherited.append(self.connection)
            self.connection = None

    def close(self) -> None:
        with _turn:
            self.leave_inherited()
            connection, self.connection = self.connection, None
            if connection is not None:
                connection.close()


class Database:
    """The session memory in one state folder, as transactions.

    Safe to use from any thread and after a fork. It is created when it is missing, and again after
    it was set aside or removed.
    """

    def __init__(self, folder: StateFolder, busy_timeout_s: float) -> None:
        self._folder = folder
        self._timeout_s = busy_timeout_s
        self._slot = _Slot()
        self._finalizer = weakref.finalize(self, self._slot.close)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of the memory throughout. Raises StoreError."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is on disk when the block has ended, or did not happen when it
        raised. Raises StoreError."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @property
    def missing(self) -> bool:
        """Whether there is no memory yet. Raises StoreError where it cannot be told."""
        return self._folder.is_empty()

    def close(self) -> None:
        """Give the connection back; the next transaction opens another one."""
        self._slot.close()

    # -- transactions --------------------------------------------------------------------------

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        deadline = time.monotonic() + self._timeout_s
        if not _turn.acquire(timeout=self._timeout_s):
            raise StoreBusyError(self._folder.database, self._timeout_s)
        try:
            with self._translating():
                connection = self._begin(begin, deadline)
                yield connection
                _wait_until(connection, deadline)
                connection.execute("COMMIT")
        finally:
            self._leave_no_transaction()
            _turn.release()

    def _begin(self, begin: str, deadline: float) -> sqlite3.Connection:
        """Begin a transaction on the file that stands at the path now, and not on one that was
        set aside since it was opened."""
        for _ in range(_ATTEMPTS):
            try:
                connection = self._current_connection(deadline)
            except sqlite3.OperationalError:
                if self._folder.mark() == self._slot.mark:
                    raise
                continue  # another process has set it aside before it was open
            _begin_in_time(connection, begin, deadline)
            _wait_until(connection, deadline)
            if self._folder.mark() == self._slot.mark:
                return connection
            self._slot.close()
        raise StoreError(self._folder.database, "it is being replaced again and again")

    def _leave_no_transaction(self) -> None:
        """Roll back what did not reach its commit; a connection that cannot is closed."""
        self._slot.leave_inherited()
        connection = self._slot.connection
        if connection is None or not connection.in_transaction:
            return
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._slot.close()

    # -- opening -------------------------------------------------------------------------------

    def _current_connection(self, deadline: float) -> sqlite3.Connection:
        slot = self._slot
        slot.leave_inherited()
        if slot.connection is not None:
            if self._folder.mark() == slot.mark:
                return slot.connection
            slot.close()
        slot.mark = None
        self._folder.prepare()
        slot.mark = self._folder.mark() or self._create(deadline)
        connection = self._connect(self._folder.database)
        slot.put(connection)
        try:
            self._set_up(connection, deadline)
        except BaseException:
            slot.close()
            raise
        return connection

    def _create(self, deadline: float) -> FileMark | None:
        """Put an empty memory in place, unless another process has just done so."""
        with self._folder.locked(max(0.0, deadline - time.monotonic())):
            if self._folder.mark() is None:
                with (
                    self._folder.draft() as path,
                    closing(self._connect(path)) as connection,
                ):
                    schema.create(connection)
            return self._folder.mark()

    @staticmethod
    def _connect(path: str) -> sqlite3.Connection:
        for plain, escaped in (("%", "%25"), ("?", "%3f"), ("#", "%23")):
            path = path.replace(plain, escaped)
        # mode=rw: SQLite must not create what was set aside a moment ago.
        return sqlite3.connect(
            f"file://{path}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
        )

    def _set_up(self, connection: sqlite3.Connection, deadline: float) -> None:
        """Make sure that this is a sound memory of a version we know, and set it up for us."""
        _wait_until(connection, deadline)
        if not schema.is_ours(connection):
            raise UnreadableError("it is not a session memory")
        found = schema.version_of(connection)
        if found > schema.VERSION:
            raise StoreVersionError(self._folder.database, found, schema.VERSION)
        # After the look at the version: a newer one may have chosen another journal.
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        if connection.execute("PRAGMA page_count").fetchone()[0] <= _CHECKED_PAGES:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise UnreadableError(str(verdict))
        if found < schema.VERSION:
            schema.upgrade(connection)

    # -- errors --------------------------------------------------------------------------------

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Turn SQLite's errors, and what cannot be read, into StoreError and its kinds."""
        try:
            yield
        except UnreadableError as error:
            self._set_aside(str(error), error)
        except UnicodeDecodeError as error:  # SQLite quotes the damaged tables in its message
            self._leave_no_transaction()
            self._set_aside("its tables are not described in text", error)
        except sqlite3.Error as error:
            self._leave_no_transaction()
            if _is_damage(error):
                self._set_aside(str(error), error)
            raise self._translated(error) from error

    def _translated(self, error: sqlite3.Error) -> StoreError:
        path, code = self._folder.database, _code(error)
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return StoreBusyError(path, self._timeout_s)
        self._slot.close()
        if code == sqlite3.SQLITE_FULL:
            return StoreFullError(path)
        if code == sqlite3.SQLITE_READONLY:
            return StoreError(path, "it is read-only here")
        name = getattr(error, "sqlite_errorname", "")
        if code == sqlite3.SQLITE_IOERR:
            # SQLite does not tell a used up quota from a broken disk.
            return StoreError(path, f"the disk refuses, or a quota may be used up ({name})")
        return StoreError(path, f"{error} ({name})" if name else str(error))

    def _set_aside(self, why: str, cause: Exception) -> NoReturn:
        """Move the damaged file out of the way and say so."""
        damaged = self._slot.mark
        self._slot.close()
        if damaged is None:
            raise StoreError(self._folder.database, why) from cause
        with self._folder.locked(self._timeout_s):
            aside = self._folder.set_aside(damaged)
        raise StoreDamagedError(self._folder.database, aside, why) from cause


def _begin_in_time(connection: sqlite3.Connection, begin: str, deadline: float) -> None:
    """Begin a transaction, waiting for other writers until the deadline.

    SQLite's own waiting has no queue and looks only every 100 ms in the end: a process that writes
    without a pause would keep the others out for as long as it likes. Looking often is fair enough.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    while True:
        try:
            connection.execute(begin)
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(_POLL_S)
        else:
            return


def _wait_until(connection: sqlite3.Connection, deadline: float) -> None:
    """Let the next statement wait for locks until the deadline and no longer."""
    left_ms = max(0, round((deadline - time.monotonic()) * 1000))
    connection.execute(f"PRAGMA busy_timeout = {left_ms:d}")


def _code(error: sqlite3.Error) -> int:
    """The primary result code; _NOT_SQLITE where the error is not SQLite's but the module's."""
    return int(getattr(error, "sqlite_errorcode", _NOT_SQLITE)) & 0xFF


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is to blame: not a database, malformed, or without our tables."""
    if _code(error) in {sqlite3.SQLITE_ERROR, _NOT_SQLITE}:
        return str(error).startswith(_DAMAGE)
    return _code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
