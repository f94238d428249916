"""The tables of the session memory, their version, and the migrations of older files.

Every change of the tables is a new migration at the end of the list; what stands there already is
never edited, for it has run on somebody's machine. SQL is kept to what SQLite 3.31 understands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


APPLICATION_ID = 0x524D_4C78
"""Marks a SQLite file as a session memory ("RMLx", ``PRAGMA application_id``)."""

_FIRST = (
    # One session that has not been ended. Processes are written pid:start-ticks:boot-id.
    """
    CREATE TABLE session (
        id            INTEGER PRIMARY KEY,   -- grows, and thereby orders the sessions by age
        key           TEXT NOT NULL UNIQUE,  -- the secret by which others join
        created_at    REAL NOT NULL,         -- seconds since 1970
        boot_id       TEXT NOT NULL,         -- the boot in which it was started
        owner         TEXT,                  -- the primary; NULL: no process owns it
        expires_at    REAL,                  -- seconds since 1970; NULL: never by time
        shut_down     INTEGER NOT NULL,      -- 1 once a shutdown was asked for
        operation     TEXT,                  -- what is being done to it; NULL: nothing
        worker        TEXT,                  -- by whom; changed by compare-and-set only
        next_position INTEGER NOT NULL DEFAULT 0  -- of the next file that is registered
    )
    """,
    # One secondary that has joined and not left.
    """
    CREATE TABLE member (
        id      INTEGER PRIMARY KEY,
        session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
        process TEXT NOT NULL,
        UNIQUE (session, process)
    )
    """,
    # One registered directory tree.
    """
    CREATE TABLE tree (
        id      INTEGER PRIMARY KEY,
        session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
        path    BLOB NOT NULL,               -- bytes as the kernel has them
        UNIQUE (session, path)
    )
    """,
    # One registered file, or one entry of a registered tree, with the identity it had. The table
    # is its own index: half the size and half the time of a table beside a unique index.
    """
    CREATE TABLE file (
        session  INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
        tree     INTEGER NOT NULL,           -- the tree it was found in; 0: registered itself
        path     BLOB NOT NULL,              -- bytes as the kernel has them
        device   INTEGER NOT NULL,           -- -1: there was no file, the rest is 0
        inode    INTEGER NOT NULL,           -- unsigned numbers above 2**63 are written negative
        ctime_ns INTEGER NOT NULL,
        size     INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        position INTEGER NOT NULL,           -- order of registration within the session
        PRIMARY KEY (session, tree, path, device, inode, ctime_ns, size, mtime_ns)
    ) WITHOUT ROWID
    """,
    # One process that was registered itself.
    """
    CREATE TABLE process (
        id      INTEGER PRIMARY KEY,
        session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
        process TEXT NOT NULL,
        UNIQUE (session, process)
    )
    """,
    # One service that was registered, by the name that was given.
    """
    CREATE TABLE service (
        id      INTEGER PRIMARY KEY,
        session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
        name    BLOB NOT NULL,
        UNIQUE (session, name)
    )
    """,
    # One filter: what must not be done to a target.
    """
    CREATE TABLE filter (
        id           INTEGER PRIMARY KEY,
        session      INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
        trigger_code INTEGER NOT NULL,       -- FilterTrigger
        target       TEXT NOT NULL,          -- JSON: a text, or [pid, start ticks, boot id]
        action_code  INTEGER NOT NULL,       -- FilterAction
        UNIQUE (session, trigger_code, target)
    )
    """,
    # One application that the session has acted on, as of now.
    """
    CREATE TABLE entry (
        id          INTEGER PRIMARY KEY,
        session     INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
        application TEXT NOT NULL,           -- JSON text: Application.key
        sequence    INTEGER NOT NULL,        -- order of stopping
        entry       TEXT NOT NULL,           -- JSON: the entry without sequence and recipe
        recipe      TEXT,                    -- JSON: how to start it again; holds secrets
        UNIQUE (session, application)
    )
    """,
)

_FILES_IN_ORDER = (
    # Files by position instead of by path: rows are then only ever added at the end.
    """
    CREATE TABLE file_in_order (
        session  INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
        position INTEGER NOT NULL,           -- order of registration within the session
        tree     INTEGER NOT NULL,           -- the tree it was found in; 0: registered itself
        path     BLOB NOT NULL,              -- bytes as the kernel has them
        device   INTEGER NOT NULL,           -- -1: there was no file, the rest is 0
        inode    INTEGER NOT NULL,           -- unsigned numbers above 2**63 are written negative
        ctime_ns INTEGER NOT NULL,
        size     INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        PRIMARY KEY (session, position)
    ) WITHOUT ROWID
    """,
    """
    INSERT INTO file_in_order
        SELECT session, position, tree, path, device, inode, ctime_ns, size, mtime_ns FROM file
    """,
    "DROP TABLE file",
    "ALTER TABLE file_in_order RENAME TO file",
    # What one call registered: the same call again adds nothing.
    """
    CREATE TABLE batch (
        session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
        tree    INTEGER NOT NULL,            -- as in file
        digest  BLOB NOT NULL,               -- of all rows, in order
        PRIMARY KEY (session, tree, digest)
    ) WITHOUT ROWID
    """,
)

_MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _FILES_IN_ORDER)
"""Statements that bring a file of version n, the index, to version n + 1."""

VERSION = len(_MIGRATIONS)
"""The version that this program writes (``PRAGMA user_version``)."""


def create(connection: sqlite3.Connection) -> None:
    """Make an empty file an empty session memory."""
    # Only possible while the file is empty; what a large session took is given back with it.
    connection.execute("PRAGMA auto_vacuum = FULL")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
    upgrade(connection)


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring a file of an older version to today's, one transaction for each version.

    Any number of processes may do so at the same time.
    """
    while version_of(connection) < len(_MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")
        # Another process may have been faster between the look and the lock.
        found = version_of(connection)
        if found < len(_MIGRATIONS):
            for statement in _MIGRATIONS[found]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {found + 1:d}")
        connection.execute("COMMIT")


def version_of(connection: sqlite3.Connection) -> int:
    """The version of an open file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def is_ours(connection: sqlite3.Connection) -> bool:
    """Whether an open file is a session memory at all."""
    return bool(connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)
