"""Resources from paths: made absolute, with the identity of the file that each leads to now.

A path is a name that the next file inherits; the identity taken here, before anything is changed,
is what a process is recognised by afterwards (stat(2): device and inode never change while a file
lives).
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.dead_mounts import dead_mounts_at
from restartmanager.adapters.proc.listings import directories_among
from restartmanager.adapters.proc.mounts import below
from restartmanager.adapters.proc.watched import UnresponsiveError, patient_stat, watched
from restartmanager.errors import DirectoryAmongFilesError, PathUnresponsiveError, UsageError
from restartmanager.model import FileIdentity, FileResource, Resources, TreeResource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.adapters.proc.trees import Tree


_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # O_NONBLOCK: who has a lease is not waited for


def identify(files: Sequence[str], trees: Sequence[str]) -> Resources:
    """The files and trees as resources, each with the identity that it has now.

    Relative paths count from the working directory. Links are followed, so that a library's link
    leads to the real file; a path that leads nowhere, or where the caller may not look, is
    recorded without identity. Raises UsageError for an empty path, one with a NUL byte, a tree that
    is not a directory, or lies behind a link that somebody else could turn elsewhere, and
    DirectoryAmongFilesError; nothing of the call counts then.
    """
    return Resources(
        files=tuple(_file(path) for path in dict.fromkeys(map(absolute, files))),
        trees=tuple(_tree(path) for path in dict.fromkeys(map(absolute, trees))),
    )


def resources_at(paths: Sequence[str]) -> Resources:
    """The paths as resources without any record: directories as trees, all else as files.

    Raises UsageError for an empty path, one with a NUL byte, and a directory behind a link that
    somebody else could turn elsewhere.
    """
    distinct = dict.fromkeys(map(absolute, paths))
    trees = directories_among(distinct)
    for path in trees:
        with _opened(path):
            pass
    return Resources(
        files=tuple(FileResource(path, None) for path in distinct if path not in trees),
        trees=tuple(TreeResource(path) for path in distinct if path in trees),
    )


class LinuxFileIdentifier:
    """The files of this machine; port ``FileIdentifier``."""

    def identify(self, files: Sequence[str], trees: Sequence[str]) -> Resources:
        """See ``identify``. Raises PathUnresponsiveError as well."""
        _refuse_dead_mounts([*files, *trees])
        return watched(lambda: identify(files, trees))

    def resources_at(self, paths: Sequence[str]) -> Resources:
        """See ``resources_at``. Raises PathUnresponsiveError as well."""
        _refuse_dead_mounts(paths)
        return watched(lambda: resources_at(paths))


def _refuse_dead_mounts(paths: Sequence[str]) -> None:
    whole = [os.path.abspath(path) for path in paths]
    for point in sorted(dead_mounts_at(whole)):
        raise PathUnresponsiveError(next(path for path in whole if below(path, point)))


def absolute(path: str) -> str:
    """The absolute form of ``path`` that leads to the same file and still looks like it.

    ``..`` is taken away as text only where that does not change where the path leads: behind a
    symbolic link ``..`` is the parent of the link's target (path_resolution(7)). Raises UsageError
    for what cannot be a path.
    """
    _check(path)
    if path.startswith("/") and "/." not in path and "//" not in path and path[-1] != "/":
        return path  # as nearly all are: the rest costs four times as much
    whole = os.path.join(os.getcwd(), path)
    plain = "/" + os.path.normpath(whole).lstrip("/")
    if ".." not in path.split("/"):
        return plain
    parent, last = os.path.split(whole.rstrip("/"))
    if last == "..":
        real = os.path.realpath(whole)
        return plain if os.path.realpath(plain) == real else real
    parent = os.path.realpath(parent)
    return plain if os.path.realpath(os.path.dirname(plain)) == parent else f"{parent}/{last}"


def identity_of(facts: os.stat_result) -> FileIdentity:
    """The identity in the result of a stat."""
    return FileIdentity(
        facts.st_dev, facts.st_ino, facts.st_ctime_ns, facts.st_size, facts.st_mtime_ns
    )


def first_bytes(path: str, count: int) -> bytes:
    """The beginning of a regular file; nothing where it is none, or may not be read.

    What is none is not opened: to open a device can have effects.
    """
    try:
        looked = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (OSError, ValueError):
        return b""
    try:
        return _read_looked_at(looked, path, count) if _is_regular(looked) else b""
    except OSError:
        return b""
    finally:
        os.close(looked)


def _is_regular(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def _read_looked_at(looked: int, path: str, count: int) -> bytes:
    try:
        descriptor = os.open(f"/proc/self/fd/{looked}", _READ)
    except PermissionError:
        # After a change of user, /proc/self is root's (proc(5)): who has no rights opens the path.
        descriptor = os.open(path, _READ)
    try:
        return os.read(descriptor, count) if _is_regular(descriptor) else b""
    finally:
        os.close(descriptor)


def _check(path: str) -> None:
    if not path:
        raise UsageError("An empty path was given.", hint="Give the path of a file.")
    if "\0" in path:
        raise UsageError(f"{path!r} contains a NUL byte, which no path can.")
    try:
        if not path.isascii():
            os.fsencode(path)
    except UnicodeEncodeError:
        raise UsageError(f"{path!r} cannot be the name of a file.") from None


def _file(path: str) -> FileResource:
    try:
        facts = patient_stat(path, path)
    except UnresponsiveError:
        raise PathUnresponsiveError(path) from None
    except OSError:
        return FileResource(path, None)
    if stat.S_ISDIR(facts.st_mode):
        raise DirectoryAmongFilesError(path)
    return FileResource(path, identity_of(facts))


def _tree(path: str) -> TreeResource:
    with _opened(path) as tree:
        entries = (FileResource(found, identity_of(facts)) for found, facts in tree.walk())
        return TreeResource(path, tuple(entries))


def _opened(path: str) -> Tree:
    from restartmanager.adapters.proc.trees import Tree, TurnedLinkError

    try:
        return Tree(path)
    except TurnedLinkError as error:
        raise UsageError(
            f"{path!r} may be another folder at any moment: {error.strerror}.",
            hint="Give the path of the folder that it leads to.",
        ) from None
    except UnresponsiveError:
        raise PathUnresponsiveError(path) from None
    except OSError:
        raise UsageError(
            f"{path!r} is not a directory.",
            hint="Register single files as files: register(files=[...]).",
        ) from None
