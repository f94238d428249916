"""The adapter of the port ``Store``: sessions of one user in one SQLite file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from restartmanager.adapters.store import codec, files
from restartmanager.adapters.store.connection import Database
from restartmanager.adapters.store.folder import StateFolder
from restartmanager.errors import NoSuchSessionError, SessionLimitError, UsageError
from restartmanager.model import Resources
from restartmanager.model.journal import DISOWNED, Operation, SessionRecord
from restartmanager.model.limits import STORE_S

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping

    from restartmanager.model import Filter, FilterTrigger
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry


_COLUMNS = "key, created_at, boot_id, owner, expires_at, shut_down, operation, worker"


class SqliteStore:
    """The store in a state folder, which is created when it is missing; port ``Store``.

    Any number of processes and threads may use it at once. A call waits for others for at most
    ``busy_timeout_s`` seconds, then it raises StoreBusyError. All calls may raise StoreError and
    its kinds; after StoreDamagedError the next one starts with an empty memory.
    """

    def __init__(self, folder: str, *, busy_timeout_s: float = STORE_S) -> None:
        self._database = Database(StateFolder(folder), busy_timeout_s)

    def close(self) -> None:
        """Give the file back. The store stays usable: the next call opens it again."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def exists(self) -> bool:
        """Whether there is a memory already; asking makes none."""
        return not self._database.missing

    # -- sessions ------------------------------------------------------------------------------

    def create_session(self, record: SessionRecord, *, limit: int) -> None:
        """Add a session.

        Raises SessionLimitError when ``limit`` of them exist, UsageError when the key is taken.
        """
        with self._database.writing() as connection:
            count = "SELECT count(*) FROM session WHERE owner IS NOT NULL OR expires_at IS NOT ?"
            if connection.execute(count, (DISOWNED,)).fetchone()[0] >= limit:
                raise SessionLimitError(limit)
            if _find_session(connection, record.key) is not None:
                raise UsageError("There already is a session with that key.")
            session = connection.execute(
                "INSERT INTO session (key, created_at, boot_id, owner, expires_at, shut_down,"
                " operation, worker) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    record.key,
                    record.created_at,
                    record.boot_id,
                    _optional(record.owner),
                    record.expires_at,
                    record.shut_down,
                    record.operation,
                    _optional(record.worker),
                ),
            ).lastrowid
            connection.executemany(
                "INSERT OR IGNORE INTO member (session, process) VALUES (?, ?)",
                ((session, codec.encode_process(member)) for member in record.members),
            )

    def session(self, key: str) -> SessionRecord:
        """The session with this key. Raises NoSuchSessionError."""
        with self._database.reading() as connection:
            found = _sessions(connection, "WHERE key = ?", key)
        if not found:
            raise NoSuchSessionError
        return found[0]

    def sessions(self) -> tuple[SessionRecord, ...]:
        """All sessions, oldest first."""
        with self._database.reading() as connection:
            return _sessions(connection, "ORDER BY id")

    def delete_session(self, key: str) -> None:
        """Forget a session with all that belongs to it: its bytes are overwritten.

        Raises NoSuchSessionError.
        """
        with self._database.writing() as connection:
            session = _session_id(connection, key)
            connection.execute("DELETE FROM session WHERE id = ?", (session,))

    def disown(self, key: str) -> None:
        """Leave a session without an installer, for recovery to finish."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE session SET owner = NULL, expires_at = ?, operation = NULL, worker = NULL"
                " WHERE id = ?",
                (DISOWNED, _session_id(connection, key)),
            )

    def add_member(self, key: str, member: UniqueProcess) -> None:
        """Note that a secondary joined; a second time changes nothing."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO member (session, process) VALUES (?, ?)",
                (_session_id(connection, key), codec.encode_process(member)),
            )

    def remove_member(self, key: str, member: UniqueProcess) -> None:
        """Note that it left; no matter whether it had joined."""
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM member WHERE session = ? AND process = ?",
                (_session_id(connection, key), codec.encode_process(member)),
            )

    # -- resources -----------------------------------------------------------------------------

    def add_resources(self, key: str, resources: Resources) -> None:
        """Register more; what is registered already stays as it is. All or nothing.

        Raises UsageError when a path or a name cannot be one.
        """
        # Made ready before the lock is taken: other processes wait for the writing only.
        batch = files.batch_of(resources.files)
        trees = [(files.path_bytes(t.path), files.batch_of(t.entries)) for t in resources.trees]
        services = [files.path_bytes(name) for name in resources.services]
        with self._database.writing() as connection:
            session = _session_id(connection, key)
            files.add(connection, session, batch, trees)
            connection.executemany(
                "INSERT OR IGNORE INTO process (session, process) VALUES (?, ?)",
                ((session, codec.encode_process(process)) for process in resources.processes),
            )
            connection.executemany(
                "INSERT OR IGNORE INTO service (session, name) VALUES (?, ?)",
                ((session, name) for name in services),
            )

    def resources(self, key: str) -> Resources:
        """All that was registered, by any process, in order of registration."""
        with self._database.reading() as connection:
            session = _session_id(connection, key)
            found, trees = files.registered(connection, session)
            processes = connection.execute(
                "SELECT process FROM process WHERE session = ? ORDER BY id", (session,)
            )
            services = connection.execute(
                "SELECT name FROM service WHERE session = ? ORDER BY id", (session,)
            )
            return Resources(
                files=found,
                trees=trees,
                processes=tuple(codec.decode_process(text) for (text,) in processes),
                services=tuple(os.fsdecode(name) for (name,) in services),
            )

    # -- filters -------------------------------------------------------------------------------

    def set_filter(self, key: str, item: Filter) -> None:
        """Add a filter, in place of one on the same target."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO filter (session, trigger_code, target, action_code)"
                " VALUES (?, ?, ?, ?) ON CONFLICT (session, trigger_code, target)"
                " DO UPDATE SET action_code = excluded.action_code",
                (
                    _session_id(connection, key),
                    item.trigger,
                    codec.encode_target(item.target),
                    item.action,
                ),
            )

    def remove_filter(self, key: str, trigger: FilterTrigger, target: str | UniqueProcess) -> bool:
        """Remove the filter on that target; whether there was one."""
        with self._database.writing() as connection:
            removed = connection.execute(
                "DELETE FROM filter WHERE session = ? AND trigger_code = ? AND target = ?",
                (_session_id(connection, key), trigger, codec.encode_target(target)),
            )
            return removed.rowcount > 0

    def filters(self, key: str) -> tuple[Filter, ...]:
        """All filters, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT trigger_code, target, action_code FROM filter WHERE session = ?"
                " ORDER BY id",
                (_session_id(connection, key),),
            )
            return tuple(codec.decode_filter(*row) for row in rows)

    # -- operations ----------------------------------------------------------------------------

    def begin(
        self,
        key: str,
        operation: Operation,
        worker: UniqueProcess,
        *,
        replacing: UniqueProcess | None = None,
    ) -> bool:
        """Claim the session for an operation if its worker is ``replacing`` (None: nobody).

        False when another one has it. Of two that try at the same time one wins.
        """
        with self._database.writing() as connection:
            claimed = connection.execute(
                "UPDATE session SET operation = ?, worker = ?, shut_down = shut_down OR ?"
                " WHERE id = ? AND worker IS ?",
                (
                    operation,
                    codec.encode_process(worker),
                    operation is Operation.SHUTDOWN,
                    _session_id(connection, key),
                    _optional(replacing),
                ),
            )
            return claimed.rowcount > 0

    def finish(self, key: str, worker: UniqueProcess) -> None:
        """Give the claim back; nothing where ``worker`` does not have it or the session is gone."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE session SET operation = NULL, worker = NULL WHERE key = ? AND worker = ?",
                (key, codec.encode_process(worker)),
            )

    # -- journal -------------------------------------------------------------------------------

    def write_entries(self, key: str, entries: Iterable[JournalEntry]) -> None:
        """Write entries of the journal, each in place of the one for the same application."""
        rows = [_entry_row(entry) for entry in entries]
        with self._database.writing() as connection:
            session = _session_id(connection, key)
            connection.executemany(_WRITE_ENTRY, ((session, *row) for row in rows))

    def change_entries(
        self,
        application: str,
        change: Callable[[Mapping[str, JournalEntry]], Mapping[str, JournalEntry]],
    ) -> Mapping[str, JournalEntry]:
        """Change the entries about one application in all sessions at once; those changed."""
        with self._database.writing() as connection:
            found = connection.execute(
                "SELECT session.key, sequence, entry, recipe FROM entry"
                " JOIN session ON session.id = entry.session WHERE application = ?"
                " ORDER BY session.id",
                (codec.encode_text(application),),
            ).fetchall()
            changed = change({key: codec.decode_entry(*row) for key, *row in found})
            connection.executemany(
                _WRITE_ENTRY,
                (
                    (_session_id(connection, key), *_entry_row(entry))
                    for key, entry in changed.items()
                ),
            )
        return changed

    def journal(self, key: str) -> tuple[JournalEntry, ...]:
        """All entries, by their sequence."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT sequence, entry, recipe FROM entry WHERE session = ? ORDER BY sequence, id",
                (_session_id(connection, key),),
            )
            return tuple(codec.decode_entry(*row) for row in rows)


_WRITE_ENTRY = (
    "INSERT INTO entry (session, application, sequence, entry, recipe) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (session, application) DO UPDATE"
    " SET sequence = excluded.sequence, entry = excluded.entry, recipe = excluded.recipe"
)


def _find_session(connection: sqlite3.Connection, key: str) -> int | None:
    row = connection.execute("SELECT id FROM session WHERE key = ?", (key,)).fetchone()
    return row and int(row[0])


def _session_id(connection: sqlite3.Connection, key: str) -> int:
    session = _find_session(connection, key)
    if session is None:
        raise NoSuchSessionError
    return session


def _sessions(
    connection: sqlite3.Connection, which: str, *parameters: str
) -> tuple[SessionRecord, ...]:
    rows = connection.execute(
        f"SELECT id, {_COLUMNS} FROM session {which}",  # noqa: S608 - our own words only
        parameters,
    ).fetchall()
    members: dict[int, list[str]] = {session: [] for session, *_ in rows}
    joined = connection.execute("SELECT session, process FROM member ORDER BY id")
    for session, process in filter(lambda row: row[0] in members, joined):
        members[session].append(process)
    return tuple(codec.decode_session(columns, members[session]) for session, *columns in rows)


def _entry_row(entry: JournalEntry) -> tuple[str, int, str, str | None]:
    return (
        codec.encode_text(entry.application.key),
        entry.sequence,
        codec.encode_entry(entry),
        None if entry.recipe is None else codec.encode_recipe(entry.recipe),
    )


def _optional(process: UniqueProcess | None) -> str | None:
    return None if process is None else codec.encode_process(process)
