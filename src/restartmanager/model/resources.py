"""What will be changed: files, trees, processes, services, as they were registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from restartmanager.model.identity import UniqueProcess


class FileIdentity(NamedTuple):
    """Which file a path led to at one moment: more than its name, which the next file inherits.

    Device and inode say which file, as long as it lives: afterwards the next new file may get the
    same inode, and is told apart by modification time and size. Change time and size tell whether
    it was overwritten in place. The mount does not matter: the same file is the same file on every
    path to it.
    """

    device: int
    inode: int
    ctime_ns: int
    size: int
    mtime_ns: int


class FileResource(NamedTuple):
    """One file that will be changed; ``identity`` is None when there was none at registration."""

    path: str
    identity: FileIdentity | None


class TreeResource(NamedTuple):
    """A directory below which anything may change. ``entries`` is what was there at registration,
    the directory itself included."""

    path: str
    entries: tuple[FileResource, ...] = ()


class Resources(NamedTuple):
    """What was registered, by kind; services by the names that were given."""

    files: tuple[FileResource, ...] = ()
    trees: tuple[TreeResource, ...] = ()
    processes: tuple[UniqueProcess, ...] = ()
    services: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.trees or self.processes or self.services)
