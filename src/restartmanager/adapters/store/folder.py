"""The state folder: one directory that belongs to one user alone, with the files of the store.

    sessions.db                         the session memory, written by SQLite only
    sessions.db-journal                 SQLite's, empty between transactions
    sessions.lock                       held while the memory is put in place or set aside
    sessions.db.damaged-TIME            a memory that was set aside, with its -journal

Nothing here opens the database: closing any descriptor of a file gives up all locks that the
process has on it (fcntl(2)), SQLite's included.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.errors import StoreBusyError, StoreError, StoreFullError, StoreUnsafeError

if TYPE_CHECKING:
    from collections.abc import Iterator


_POLL_S = 0.02  # flock(2) waits for ever or not at all
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class FileMark(NamedTuple):
    """The mark of the file that stands at a path: a memory that was replaced has another one."""

    device: int
    inode: int


class StateFolder:
    """One state folder. Every method may raise StoreError, StoreFullError, StoreUnsafeError."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.database = os.path.join(self.path, "sessions.db")
        self._lock = os.path.join(self.path, "sessions.lock")

    def prepare(self) -> None:
        """Create the folder if it is missing, and make sure that it is the user's alone."""
        with self._translating():
            why = _why_way_unsafe(self.path)
            if not why:
                if not os.path.lexists(self.path):
                    _make_folders(self.path)
                why = _why_folder_unsafe(os.lstat(self.path))
        if why:
            raise StoreUnsafeError(self.path, why)

    def is_empty(self) -> bool:
        """Whether there is no database in it yet; nothing is created."""
        with self._translating():
            if not os.path.lexists(self.path):
                return True
        self.prepare()  # which only looks, for it is there
        return self.mark() is None

    def mark(self) -> FileMark | None:
        """The mark of the database that stands there now; None where there is none."""
        with self._translating():
            try:
                found = os.lstat(self.database)
            except FileNotFoundError:
                return None
        why = _why_file_unsafe(found)
        if why:
            raise StoreUnsafeError(self.database, why)
        return FileMark(found.st_dev, found.st_ino)

    @contextmanager
    def locked(self, timeout_s: float) -> Iterator[None]:
        """Hold the folder's lock; StoreBusyError when another process does for too long."""
        with self._translating():
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._lock, flags, 0o600)
        try:
            self._wait_for_lock(descriptor, timeout_s)
            try:
                yield
            finally:
                # A child that was forked meanwhile shares the lock; closing would leave it held.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)

    @contextmanager
    def draft(self) -> Iterator[str]:
        """An empty file for a new database, which becomes the database when the block succeeds.

        Whoever looks at the database's path sees a whole one or none. Hold the lock.
        """
        with self._translating():
            descriptor, path = tempfile.mkstemp(prefix="sessions.new-", dir=self.path)
            os.close(descriptor)
        try:
            yield path
            with self._translating():
                os.rename(path, self.database)
                self._sync()
        except BaseException:
            with suppress(OSError):
                os.unlink(path)
            raise

    def set_aside(self, damaged: FileMark) -> str:
        """Move the database with that mark out of the way; its new path. Hold the lock.

        Where another process has done so already, the good file in its place is left alone.
        """
        with self._translating():
            if self.mark() != damaged:
                return self._find(damaged) or self.path
            aside = self._free_name()
            # The journal first: left behind, it would be played back into the next database.
            self._set_journal_aside(f"{aside}-journal")
            os.rename(self.database, aside)
            self._sync()
            return aside

    def _set_journal_aside(self, aside: str) -> None:
        journal = f"{self.database}-journal"
        with suppress(FileNotFoundError):
            if os.lstat(journal).st_size:
                os.rename(journal, aside)
            else:
                os.unlink(journal)

    def _wait_for_lock(self, descriptor: int, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                with self._translating():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
            except StoreError as error:
                if not isinstance(error.__cause__, BlockingIOError):
                    raise
            if time.monotonic() >= deadline:
                raise StoreBusyError(self.database, timeout_s)
            time.sleep(_POLL_S)

    def _free_name(self) -> str:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        name = wanted = f"{self.database}.damaged-{stamp}"
        count = 1
        while os.path.lexists(name):
            count += 1
            name = f"{wanted}-{count}"
        return name

    def _find(self, mark: FileMark) -> str | None:
        with os.scandir(self.path) as entries:
            return next((entry.path for entry in entries if entry.inode() == mark.inode), None)

    def _sync(self) -> None:
        """Make the new names last through a loss of power."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except OSError as error:
            if error.errno in _FULL:
                raise StoreFullError(self.database) from error
            if error.errno == errno.ELOOP:
                raise StoreUnsafeError(self.path, "it holds a symbolic link") from error
            reason = (error.strerror or str(error)).lower()
            raise StoreError(self.database, reason) from error


def _make_folders(path: str) -> None:
    """The folder for the user alone; missing ones above it as is usual for that user."""
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        _make_parents(parent, 0o755 if os.geteuid() == 0 else 0o700)
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)


def _make_parents(path: str, mode: int) -> None:
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        _make_parents(parent, mode)
    with suppress(FileExistsError):
        os.mkdir(path, mode)


def _why_folder_unsafe(found: os.stat_result) -> str:
    if stat.S_ISLNK(found.st_mode):
        return "it is a symbolic link"
    if not stat.S_ISDIR(found.st_mode):
        return "it is not a directory"
    if found.st_uid != os.geteuid():
        return f"it belongs to user {found.st_uid}, not to user {os.geteuid()}"
    if found.st_mode & 0o077:
        return f"others have access to it (mode {stat.S_IMODE(found.st_mode):04o})"
    return ""


def _why_way_unsafe(path: str) -> str:
    """Why somebody else could put another folder in this one's place; empty where nobody can.

    Whoever owns a folder above it can rename what is in it, at any moment, and so can everybody
    where others may write and it is not sticky, as /tmp is (unlink(2), EPERM).
    """
    for above in {*_folders_above(path), *_folders_above(os.path.realpath(path))}:
        try:
            found = os.stat(above)
        except FileNotFoundError:  # we shall make it
            continue
        if found.st_uid not in {0, os.geteuid()}:
            return f"{above!r} above it belongs to user {found.st_uid}"
        if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
            return f"others may write to {above!r} above it"
    return ""


def _folders_above(path: str) -> Iterator[str]:
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent


def _why_file_unsafe(found: os.stat_result) -> str:
    if stat.S_ISLNK(found.st_mode):
        return "it is a symbolic link"
    if not stat.S_ISREG(found.st_mode):
        return "it is not a regular file"
    if found.st_uid != os.geteuid():
        return f"it belongs to user {found.st_uid}, not to user {os.geteuid()}"
    if found.st_nlink != 1:
        return "it has more than one name"
    return ""
