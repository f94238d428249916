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
from restartmanager.errors import (
    DeviceAmongFilesError,
    DirectoryAmongFilesError,
    MissingResourceError,
    PathAccessError,
    PathUnresponsiveError,
    UsageError,
)
from restartmanager.model import FileIdentity, FileResource, Resources, TreeResource
from restartmanager.rules import names
from restartmanager.rules.names import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.adapters.proc.trees import Tree


_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # O_NONBLOCK: who has a lease is not waited for


def identify(
    files: Sequence[str],
    trees: Sequence[str],
    *,
    owned: Sequence[str] = (),
    allow_missing: bool = False,
) -> Resources:
    """The files and trees as resources, each with the identity that it has now.

    Relative paths count from the working directory. Links are followed, so that a library's link
    leads to the real file; one that leads nowhere is recorded without identity. So is what is
    missing, where that is allowed or it is ``owned`` by a package, of which much may be left out.

    Raises what the port says, and UsageError also for a tree that lies behind a link that somebody
    else could turn elsewhere; nothing of the call counts then.
    """
    bad = _BadNames()
    named = {path: _file(path, bad) for path in dict.fromkeys(map(_file_path, files))}
    packaged = (_owned(path) for path in dict.fromkeys(map(absolute, owned)) if path not in named)
    folders = tuple(_tree(path, bad) for path in dict.fromkeys(map(absolute, trees)))
    bad.refuse(allow_missing=allow_missing)
    return Resources((*named.values(), *(file for file in packaged if file)), folders)


def resources_at(paths: Sequence[str], *, owned: Sequence[str] = ()) -> Resources:
    """The paths as resources without any record: directories as trees, all else as files.

    Raises UsageError for an empty path, one with a NUL byte, and a directory behind a link that
    somebody else could turn elsewhere, PathAccessError for what the caller may not look at.
    """
    asked = dict.fromkeys(map(absolute, paths))
    distinct = asked | dict.fromkeys(map(absolute, owned))
    hidden: list[str] = []
    trees = directories_among(distinct, hidden)
    denied = [path for path in hidden if path in asked]
    if denied:
        raise PathAccessError(denied)
    for path in trees:
        with _opened(path):
            pass
    return Resources(
        files=tuple(FileResource(path, None) for path in distinct if path not in trees),
        trees=tuple(TreeResource(path) for path in distinct if path in trees),
    )


class LinuxFileIdentifier:
    """The files of this machine; port ``FileIdentifier``."""

    def identify(
        self,
        files: Sequence[str],
        trees: Sequence[str],
        *,
        owned: Sequence[str] = (),
        allow_missing: bool = False,
    ) -> Resources:
        """See ``identify``. Raises PathUnresponsiveError as well."""
        _refuse_dead_mounts([*files, *owned, *trees])
        return watched(lambda: identify(files, trees, owned=owned, allow_missing=allow_missing))

    def resources_at(self, paths: Sequence[str], *, owned: Sequence[str] = ()) -> Resources:
        """See ``resources_at``. Raises PathUnresponsiveError as well."""
        _refuse_dead_mounts([*paths, *owned])
        return watched(lambda: resources_at(paths, owned=owned))


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


class _BadNames:
    """The names of one call that cannot be registered, by what is wrong with them."""

    def __init__(self) -> None:
        self.devices: list[str] = []
        self.denied: list[str] = []
        self.files: list[str] = []
        self.trees: list[str] = []

    def refuse(self, *, allow_missing: bool) -> None:
        """Raise an error where there are any; those that are ``files`` and ``trees`` are missing,
        which may be allowed."""
        if self.devices:
            raise DeviceAmongFilesError(self.devices)
        if (self.files or self.trees) and not allow_missing:
            raise MissingResourceError(files=self.files, trees=self.trees)
        if self.denied:
            raise PathAccessError(self.denied)


def _file_path(path: str) -> str:
    """The absolute form of the path of a file, which cannot end as only that of a folder does."""
    whole = absolute(path)
    if names.is_folder_name(path) and not _is_directory(whole):
        raise UsageError(
            f"{path!r} ends as only the path of a directory does.",
            hint="Leave the slash at the end of a file's path away.",
        )
    return whole


def _is_directory(path: str) -> bool:
    return path in directories_among([path])


def _file(path: str, bad: _BadNames) -> FileResource:
    try:
        facts = patient_stat(path, path)
    except UnresponsiveError:
        raise PathUnresponsiveError(path) from None
    except OSError as error:
        finding = names.of_error(error.errno, is_link=_is_there(path))
        if finding is Finding.MISSING:
            bad.files.append(path)
        else:
            _refuse(path, finding, bad, error)
        return FileResource(path, None)
    if not stat.S_ISREG(facts.st_mode):
        _refuse(path, names.of_mode(facts.st_mode), bad, None)
    return FileResource(path, identity_of(facts))


def _refuse(path: str, finding: Finding, bad: _BadNames, error: OSError | None) -> None:
    """Raise an error for what is no file, or note it among the bad names."""
    if finding is Finding.DIRECTORY:
        raise DirectoryAmongFilesError(path)
    if finding is Finding.IMPOSSIBLE:
        raise UsageError(f"{path[:99]!r}... is too long to be a path.", hint="Give a shorter one.")
    if finding is Finding.DEVICE:
        bad.devices.append(path)
    elif finding is Finding.DENIED:
        bad.denied.append(path)
    elif finding is Finding.TROUBLE and error is not None:
        raise UsageError(
            f"{path!r} cannot be looked at: {error.strerror}.",
            hint="See whether its file system works.",
        )


def _is_there(path: str) -> bool:
    """Whether something is at the path itself, be it a link that leads nowhere."""
    try:
        patient_stat(path, path, follow_symlinks=False)
    except UnresponsiveError:
        raise PathUnresponsiveError(path) from None
    except OSError:
        return False
    return True


def _owned(path: str) -> FileResource | None:
    """A file of a package, whether or not it is there; None for what is no file."""
    try:
        facts = patient_stat(path, path)
    except UnresponsiveError:
        raise PathUnresponsiveError(path) from None
    except OSError:
        return FileResource(path, None)
    usable = names.of_mode(facts.st_mode) is Finding.USABLE
    return FileResource(path, identity_of(facts)) if usable else None


def _tree(path: str, bad: _BadNames) -> TreeResource:
    try:
        with _opened(path) as tree:
            entries = (FileResource(found, identity_of(facts)) for found, facts in tree.walk())
            return TreeResource(path, tuple(entries))
    except MissingResourceError:
        bad.trees.append(path)
    except PathAccessError:
        bad.denied.append(path)
    return TreeResource(path)


def _opened(path: str) -> Tree:
    """The tree at this path, to be used in a ``with`` statement; what is none is an error."""
    from restartmanager.adapters.proc.trees import Tree, TurnedLinkError

    try:
        tree = Tree(path)
    except TurnedLinkError as error:
        raise UsageError(
            f"{path!r} may be another folder at any moment: {error.strerror}.",
            hint="Give the path of the folder that it leads to.",
        ) from None
    except UnresponsiveError:
        raise PathUnresponsiveError(path) from None
    except PermissionError:
        raise PathAccessError([path]) from None
    except OSError as error:
        if names.of_error(error.errno, is_link=_is_there(path)) is Finding.MISSING:
            raise MissingResourceError(trees=[path]) from None
        raise UsageError(
            f"{path!r} is not a directory.",
            hint="Register single files as files: register(files=[...]).",
        ) from None
    if tree.is_listable():
        return tree
    with tree:
        raise PathAccessError([path])
