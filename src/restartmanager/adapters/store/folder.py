"""The state folder: one directory that belongs to one user alone, with the files of the store.

    sessions.db                         the session memory, written by SQLite only
    sessions.db-journal                 SQLite's, empty between transactions
    sessions.db-wal, sessions.db-shm    SQLite's, in a later version perhaps
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


_WRITTEN_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_POLL_S = 0.02  # flock(2) waits for ever or not at all
_COMPANIONS = ("journal", "wal", "shm")
"""What SQLite looks for beside a database, whatever journal we use (sqlite.org/tempfiles.html)."""
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
        self._companions = tuple(f"{self.database}-{kind}" for kind in _COMPANIONS)
        self._lock = os.path.join(self.path, "sessions.lock")

    def prepare(self) -> None:
        """Create the folder if it is missing, and make sure that it is the user's alone."""
        with self._translating():
            while missing := self._missing():
                _make_folder(missing, for_user_alone=missing == self.path)

    def _missing(self) -> str:
        """The first folder on the way that is missing; empty where all are there.

        Raises StoreUnsafeError where the folder is not the user's alone, or somebody else could
        exchange one above it. In a sticky folder somebody else could make the missing one: it would
        belong to that user, which is found out then.
        """
        from restartmanager.adapters.proc.ways import Ways

        there, missing = self.path, ""
        while not os.path.lexists(there):
            there, missing = os.path.dirname(there), there
        why = "" if missing else _why_folder_unsafe(os.lstat(self.path))
        why = why or Ways(os.geteuid()).to_working_directory(there).risk
        if why:
            raise StoreUnsafeError(self.path, why)
        return missing

    def is_empty(self) -> bool:
        """Whether there is no database in it yet; nothing is created."""
        with self._translating():
            if self._missing():
                return True
        return self.mark() is None

    def mark(self) -> FileMark | None:
        """The mark of the database that stands there now; None where there is none.

        What SQLite would read with it is looked at as well: a log that somebody has left there
        would be played into the database, and be written to, wherever it leads.
        """
        with self._translating():
            for companion in self._companions:
                _safe_facts(companion)
            found = _safe_facts(self.database)
        return None if found is None else FileMark(found.st_dev, found.st_ino)

    @contextmanager
    def locked(self, timeout_s: float) -> Iterator[None]:
        """Hold the folder's lock; StoreBusyError when another process does for too long."""
        with self._translating():
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._lock, flags, 0o600)
        try:
            why = _why_file_unsafe(os.fstat(descriptor))
            if why:
                raise StoreUnsafeError(self._lock, why)
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


def _make_folder(path: str, *, for_user_alone: bool) -> None:
    mode = 0o755 if os.geteuid() == 0 and not for_user_alone else 0o700
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


def _safe_facts(path: str) -> os.stat_result | None:
    """A file of the store; None where there is none. StoreUnsafeError for what may be somebody
    else's."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    why = _why_file_unsafe(found)
    if why:
        raise StoreUnsafeError(path, why)
    return found


def _why_file_unsafe(found: os.stat_result) -> str:
    if stat.S_ISLNK(found.st_mode):
        return "it is a symbolic link"
    if not stat.S_ISREG(found.st_mode):
        return "it is not a regular file"
    if found.st_uid != os.geteuid():
        return f"it belongs to user {found.st_uid}, not to user {os.geteuid()}"
    if found.st_mode & _WRITTEN_BY_OTHERS:
        return f"others may write to it (mode {stat.S_IMODE(found.st_mode):04o})"
    if found.st_nlink != 1:
        return "it has more than one name"
    return ""
