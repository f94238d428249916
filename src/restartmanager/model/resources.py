"""Resources: files, trees, processes and services that will be changed, as they were registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from restartmanager.model.identity import UniqueProcess


class ResourceSpec(NamedTuple):
    """Resources as a caller names them: paths and names, before the files were looked at.

    ``packages`` stand for the files that they own. With ``allow_missing`` what does not exist yet
    may be among them.
    """

    files: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    processes: tuple[UniqueProcess, ...] = ()
    allow_missing: bool = False

    def __bool__(self) -> bool:
        return bool(self.files or self.trees or self.packages or self.services or self.processes)


class FileIdentity(NamedTuple):
    """The identity of the file that a path led to at one moment.

    A path alone identifies no file, for the next file at the path inherits it. Device and inode do,
    as long as the file exists; a later file may get the same inode, and is told apart by
    modification time and size. Change time and size tell whether the file was overwritten in place.
    The mount does not count: a file is the same on every path that leads to it.
    """

    device: int
    inode: int
    ctime_ns: int
    size: int
    mtime_ns: int


class FileResource(NamedTuple):
    """A file that will be changed; ``identity`` is None when there was none at registration."""

    path: str
    identity: FileIdentity | None


class TreeResource(NamedTuple):
    """A directory below which anything may change. ``entries`` are the files that were there at
    registration, the directory itself included."""

    path: str
    entries: tuple[FileResource, ...] = ()


class Resources(NamedTuple):
    """All registered resources by kind. Services are known by the names that were given."""

    files: tuple[FileResource, ...] = ()
    trees: tuple[TreeResource, ...] = ()
    processes: tuple[UniqueProcess, ...] = ()
    services: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.trees or self.processes or self.services)
