"""Registered files and trees as rows: the one table that grows large."""

from __future__ import annotations

import os
from operator import itemgetter
from typing import TYPE_CHECKING

from restartmanager.errors import UsageError
from restartmanager.model import FileIdentity, FileResource, TreeResource
from restartmanager.store.codec import UnreadableError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

__all__ = ["FileRow", "add", "path_bytes", "registered_files", "registered_trees", "rows_of"]

FileRow = tuple[bytes, int, int, int, int, int, int]
"""Path, device, inode, change time, size; then the place among the files of the same call."""

_ITSELF = 0
"""The tree of a file that was registered itself."""

_NO_DEVICE = -1
"""There was no file. The kernel's device numbers have 32 bits."""

_SIGNED_MAX = 2**63 - 1
_UNSIGNED = 2**64


def path_bytes(text: str) -> bytes:
    """A path or a name as the kernel has it; UsageError where no such bytes exist."""
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:
        raise UsageError(f"{text!r} cannot be a path or a name.") from None


def rows_of(resources: Iterable[FileResource]) -> list[FileRow]:
    """Files as rows, sorted by path: neighbours then stand in the same page of the file, which
    is written once. Raises UsageError."""
    rows = [_row(place, resource) for place, resource in enumerate(resources)]
    rows.sort(key=itemgetter(0))
    return rows


def add(
    connection: sqlite3.Connection,
    session: int,
    rows: Sequence[FileRow],
    trees: Iterable[tuple[bytes, Sequence[FileRow]]],
) -> None:
    """Add files, and trees with their entries, within the caller's transaction."""
    position = connection.execute(
        "SELECT next_position FROM session WHERE id = ?", (session,)
    ).fetchone()[0]
    position = _add_rows(connection, (session, _ITSELF), rows, position)
    for path, entries in trees:
        tree = _tree_id(connection, session, path)
        position = _add_rows(connection, (session, tree), entries, position)
    connection.execute("UPDATE session SET next_position = ? WHERE id = ?", (position, session))


def registered_files(connection: sqlite3.Connection, session: int) -> tuple[FileResource, ...]:
    """The files that were registered themselves, in order of registration."""
    return _read(connection, session, _ITSELF)


def registered_trees(connection: sqlite3.Connection, session: int) -> tuple[TreeResource, ...]:
    """The trees with their entries, in order of registration."""
    rows = connection.execute(
        "SELECT id, path FROM tree WHERE session = ? ORDER BY id", (session,)
    ).fetchall()
    return tuple(
        TreeResource(os.fsdecode(path), _read(connection, session, tree)) for tree, path in rows
    )


def _add_rows(
    connection: sqlite3.Connection, owner: tuple[int, int], rows: Sequence[FileRow], position: int
) -> int:
    """Add rows; the position after the last one."""
    connection.executemany(
        "INSERT OR IGNORE INTO file"
        " (session, tree, path, device, inode, ctime_ns, size, mtime_ns, position)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((*owner, *row[:-1], position + row[-1]) for row in rows),
    )
    return position + len(rows)


def _tree_id(connection: sqlite3.Connection, session: int, path: bytes) -> int:
    connection.execute("INSERT OR IGNORE INTO tree (session, path) VALUES (?, ?)", (session, path))
    row = connection.execute(
        "SELECT id FROM tree WHERE session = ? AND path = ?", (session, path)
    ).fetchone()
    return int(row[0])


def _row(place: int, resource: FileResource) -> FileRow:
    path, identity = path_bytes(resource.path), resource.identity
    if identity is None:
        return path, _NO_DEVICE, 0, 0, 0, 0, place
    return (
        path,
        _signed(identity.device),
        _signed(identity.inode),
        min(identity.ctime_ns, _SIGNED_MAX),
        identity.size,
        min(identity.mtime_ns, _SIGNED_MAX),
        place,
    )


def _read(connection: sqlite3.Connection, session: int, tree: int) -> tuple[FileResource, ...]:
    rows = connection.execute(
        "SELECT position, path, device, inode, ctime_ns, size, mtime_ns FROM file"
        " WHERE session = ? AND tree = ?",
        (session, tree),
    ).fetchall()
    # Sorted here and not in SQL, where it takes twice as long.
    rows.sort(key=itemgetter(0))
    try:
        return tuple(_resource(*row) for row in rows)
    except (TypeError, ValueError) as error:
        raise UnreadableError(f"unreadable file: {error}") from None


def _resource(  # noqa: PLR0913, PLR0917 - the columns
    _: int, path: bytes, device: int, inode: int, ctime_ns: int, size: int, mtime_ns: int
) -> FileResource:
    if device == _NO_DEVICE:
        return FileResource(os.fsdecode(path), None)
    identity = FileIdentity(device % _UNSIGNED, inode % _UNSIGNED, ctime_ns, size, mtime_ns)
    return FileResource(os.fsdecode(path), identity)


def _signed(number: int) -> int:
    """An unsigned 64-bit number in the range that SQLite has."""
    return number if number <= _SIGNED_MAX else number - _UNSIGNED
