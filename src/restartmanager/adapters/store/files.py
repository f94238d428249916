"""Registered files and trees as rows: the one table that grows large.

Rows are only ever added at the end, whatever the order of the paths: a page of the file is written
once, and registering costs the same in a session of a thousand files and of a million. That a file
was registered before is seen when they are read; that a whole call was, by its digest, so that
saying the same again and again takes no room.
"""

from __future__ import annotations

import os
from array import array
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.adapters.store.strict import UnreadableError
from restartmanager.errors import UsageError
from restartmanager.model import FileIdentity, FileResource, TreeResource

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable


FileRow = tuple[bytes, int, int, int, int, int]
"""Path, device, inode, change time, size, modification time."""

_ITSELF = 0
"""The tree of a file that was registered itself."""

_NO_DEVICE = -1
"""There was no file. The kernel's device numbers have 32 bits."""

_SIGNED_MAX = 2**63 - 1  # what SQLite can keep as a number
_UNSIGNED = 2**64


class Batch(NamedTuple):
    """The files of one call, each once, in order, and a digest by which the call is known again."""

    rows: tuple[FileRow, ...]
    digest: bytes


def path_bytes(text: str) -> bytes:
    """A path or a name as the kernel has it; UsageError where no such bytes exist."""
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:
        raise UsageError(f"{text!r} cannot be a path or a name.") from None


def batch_of(resources: Iterable[FileResource]) -> Batch:
    """Files as rows. Raises UsageError."""
    rows = tuple(dict.fromkeys(map(_row, resources)))
    numbers = array("q", chain.from_iterable((len(path), *rest) for path, *rest in rows))
    digest = blake2b(numbers.tobytes(), digest_size=16)
    digest.update(b"".join(path for path, *_ in rows))
    return Batch(rows, digest.digest())


def add(
    connection: sqlite3.Connection,
    session: int,
    files: Batch,
    trees: Iterable[tuple[bytes, Batch]],
) -> None:
    """Add files, and trees with their entries, within the caller's transaction."""
    position = connection.execute(
        "SELECT next_position FROM session WHERE id = ?", (session,)
    ).fetchone()[0]
    position = _add_batch(connection, (session, _ITSELF), files, position)
    for path, entries in trees:
        tree = _tree_id(connection, session, path)
        position = _add_batch(connection, (session, tree), entries, position)
    connection.execute("UPDATE session SET next_position = ? WHERE id = ?", (position, session))


def registered(
    connection: sqlite3.Connection, session: int
) -> tuple[tuple[FileResource, ...], tuple[TreeResource, ...]]:
    """The files that were registered themselves, and the trees with their entries, each once and
    in order of registration."""
    trees = connection.execute(
        "SELECT id, path FROM tree WHERE session = ? ORDER BY id", (session,)
    ).fetchall()
    found: dict[int, list[FileResource]] = {_ITSELF: [], **{tree: [] for tree, _ in trees}}
    rows = connection.execute(
        "SELECT tree, path, device, inode, ctime_ns, size, mtime_ns FROM file"
        " WHERE session = ? ORDER BY position",
        (session,),
    )
    try:
        for tree, *row in dict.fromkeys(rows):
            found[tree].append(_resource(*row))
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableError(f"unreadable file: {type(error).__name__}") from None
    return tuple(found[_ITSELF]), tuple(
        TreeResource(os.fsdecode(path), tuple(found[tree])) for tree, path in trees
    )


def _add_batch(
    connection: sqlite3.Connection, owner: tuple[int, int], batch: Batch, position: int
) -> int:
    """Add the rows, unless the same were added before; the position after the last one."""
    if not batch.rows:
        return position
    new = connection.execute(
        "INSERT OR IGNORE INTO batch (session, tree, digest) VALUES (?, ?, ?)",
        (*owner, batch.digest),
    )
    if not new.rowcount:
        return position
    connection.executemany(
        "INSERT INTO file"
        " (session, tree, position, path, device, inode, ctime_ns, size, mtime_ns)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((*owner, place, *row) for place, row in enumerate(batch.rows, position)),
    )
    return position + len(batch.rows)


def _tree_id(connection: sqlite3.Connection, session: int, path: bytes) -> int:
    connection.execute("INSERT OR IGNORE INTO tree (session, path) VALUES (?, ?)", (session, path))
    row = connection.execute(
        "SELECT id FROM tree WHERE session = ? AND path = ?", (session, path)
    ).fetchone()
    return int(row[0])


def _row(resource: FileResource) -> FileRow:
    path, identity = path_bytes(resource.path), resource.identity
    if identity is None:
        return path, _NO_DEVICE, 0, 0, 0, 0
    return (
        path,
        _signed(identity.device),
        _signed(identity.inode),
        min(identity.ctime_ns, _SIGNED_MAX),
        identity.size,
        min(identity.mtime_ns, _SIGNED_MAX),
    )


def _resource(  # noqa: PLR0913, PLR0917 - the columns
    path: bytes, device: int, inode: int, ctime_ns: int, size: int, mtime_ns: int
) -> FileResource:
    if device == _NO_DEVICE:
        return FileResource(os.fsdecode(path), None)
    identity = FileIdentity(device % _UNSIGNED, inode % _UNSIGNED, ctime_ns, size, mtime_ns)
    return FileResource(os.fsdecode(path), identity)


def _signed(number: int) -> int:
    """An unsigned 64-bit number in the range that SQLite has."""
    return number if number <= _SIGNED_MAX else number - _UNSIGNED
