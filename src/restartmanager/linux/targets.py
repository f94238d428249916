"""The registered files as tables: is a file that a process uses one of them.

A file is known by device and inode, as recorded at registration and as its path leads now. On file
systems without a disk of their own (btrfs, overlayfs) ``maps`` may name another device than
stat(2), and overlayfs before Linux 6.8 another inode as well. There a mapping that could be meant
is settled one by one; on all others the device always counts.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from restartmanager.linux.files import first_bytes, identity_of, walk
from restartmanager.linux.procfs import DELETED
from restartmanager.scripts import HEAD_BYTES, could_be_script

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from restartmanager.linux.mounts import Mounts
    from restartmanager.model import FileIdentity, FileResource, Resources

__all__ = ["CLOCK_TICK_S", "Key", "Target", "Targets"]

Key: TypeAlias = tuple[int, int]
"""Device and inode as stat(2) has them."""

CLOCK_TICK_S = 0.01
"""How exact the start time of a process is, at best."""

_LOOKED_INTO = 200
_Name = TypeVar("_Name", str, Key)


class Target(NamedTuple):
    """One registered path: the file recorded for it and the one it leads to now, where there is
    one. ``mode`` is what the path leads to now, 0 for nothing."""

    path: str
    recorded: FileIdentity | None
    now: FileIdentity | None
    mode: int = 0

    def is_stale(self, key: Key, *, content: bool, started_at: float) -> bool:
        """Whether a process that uses the file ``key`` uses one that is no longer at this path.

        With ``content`` the process has taken in what the file held, as program or mapping: then
        it is stale as well when the file was overwritten in place after the process had started.
        """
        if self.now is None or (self.now.device, self.now.inode) != key:
            return True
        return content and self.changed_in_place and self.newer_than(started_at)

    def is_meant(self, used: FileIdentity | None) -> bool:
        """Whether a used file with a device and inode of this target is a file of this target.

        The file at the path now is. The recorded one is where ``used`` is None, for what has no
        name any more. A file that has a name elsewhere is the recorded one, moved aside, when its
        content is of the same time and size; else it is a later file that was given the inode of
        the recorded one, which was removed.
        """
        if used is None or _key(used) == _key(self.now):
            return True
        recorded = self.recorded
        return recorded is None or (
            (recorded.mtime_ns, recorded.size) == (used.mtime_ns, used.size)
        )

    @property
    def changed_in_place(self) -> bool:
        """Whether it is the recorded file with another content, or other attributes."""
        return (
            self.recorded is not None
            and self.recorded != self.now
            and _key(self.recorded) == _key(self.now)
        )

    def newer_than(self, started_at: float) -> bool:
        """Whether what is there now was certainly changed after this time, in seconds since
        1970."""
        return self.now is not None and self.now.ctime_ns / 1e9 >= started_at + CLOCK_TICK_S


class Targets:
    """What to look for, taken from the resources and from a look at their paths now.

    Paths are looked up here, once for each scan: a registered path on a network mount that hangs
    blocks it, as any use of that path would.
    """

    def __init__(self, resources: Resources, mounts: Mounts) -> None:
        self._by_key: dict[Key, tuple[Target, ...]] = {}
        self.by_path: dict[str, tuple[Target, ...]] = {}
        self._others: dict[int, set[Key]] = {}
        self._plain_inodes: dict[int, bool] = {}
        self._plain_devices: dict[int, bool] = {}
        self._mounts = mounts
        self._socket_paths: set[str] = set()
        self._any_script: bool | None = None
        self.folders = tuple(prefix for tree in resources.trees for prefix in _prefixes(tree.path))
        self.any_folder = bool(resources.trees)
        """Whether a directory is among them, which can be a working or root directory."""
        for target in _look(resources):
            self._add(target)
        self.inodes = frozenset(inode for _, inode in self._by_key)
        self.devices = frozenset(device for device, _ in self._by_key)
        self.other_paths = frozenset(
            _real_paths(
                target.path
                for (device, _), targets in self._by_key.items()
                if not self._plain_devices[device]
                for target in targets
            )
        )

    def __bool__(self) -> bool:
        return bool(self.by_path or self.folders)

    @property
    def keys(self) -> frozenset[Key]:
        """Device and inode of every file that is looked for."""
        return frozenset(self._by_key)

    @property
    def settled(self) -> bool:
        """Whether the kernel's own device and inode are those of stat(2), for all of them: not on
        btrfs, overlayfs and remote file systems."""
        return all(self._plain_devices.values())

    def at(self, key: Key) -> tuple[Target, ...]:
        """The registered paths of the file with this device and inode."""
        return self._by_key.get(key, ())

    def doubtful(self, key: Key) -> bool:
        """Whether a file with this device and inode may be a later one: some path that it was
        recorded for leads elsewhere now."""
        return any(_key(target.now) != key for target in self.at(key))

    def at_path(self, path: str) -> tuple[Target, ...]:
        """What is registered under exactly this path."""
        return self.by_path.get(path, ())

    def others(self, inode: int) -> frozenset[Key]:
        """The files with this inode whose device ``maps`` may call by another number."""
        return frozenset(self._others.get(inode, ()))

    @property
    def plain_inodes(self) -> bool:
        """Whether the inode in ``fdinfo`` is enough to rule a file out."""
        return all(self._plain_inodes.values())

    @property
    def any_script(self) -> bool:
        """Whether an interpreter could have been started with one of them: only then do arguments
        have to be read. Of many files some are taken to be scripts without a look at each."""
        if self._any_script is None:
            self._any_script = len(self.by_path) > _LOOKED_INTO or any(
                could_be_script(path, first_bytes(path, HEAD_BYTES)) for path in self.by_path
            )
        return self._any_script

    @property
    def socket_paths(self) -> frozenset[str]:
        """The paths that are sockets, or could have been: they lead nowhere any more."""
        return frozenset(self._socket_paths)

    def removed_below_tree(self, text: str) -> str | None:
        """The path in ``text`` when it is that of a file removed from a registered tree."""
        if text.endswith(DELETED) and text.startswith(self.folders):
            return text.removesuffix(DELETED)
        return None

    def _add(self, target: Target) -> None:
        path = target.path
        if not stat.S_ISREG(target.mode):
            self.any_folder = self.any_folder or stat.S_ISDIR(target.mode)
            if target.now is None or stat.S_ISSOCK(target.mode):
                self._socket_paths.add(path)
        _append(self.by_path, path, target)
        for key in _keys(target):
            _append(self._by_key, key, target)
            device, inode = key
            if device not in self._plain_devices:
                self._plain_devices[device] = self._mounts.plain_devices(device, path)
                self._plain_inodes[device] = self._mounts.plain_inodes(device, path)
            if not self._plain_devices[device]:
                self._others.setdefault(inode, set()).add(key)


def _look(resources: Resources) -> Iterator[Target]:
    for file in resources.files:
        yield _target(file)
    for tree in resources.trees:
        found = dict(walk(tree.path))
        for entry in tree.entries:
            facts = found.pop(entry.path, None)
            yield _target(entry) if facts is None else _with(entry, facts)
        for path, facts in found.items():
            yield Target(path, None, identity_of(facts), facts.st_mode)


def _target(file: FileResource) -> Target:
    try:
        return _with(file, os.stat(file.path))
    except (FileNotFoundError, NotADirectoryError):
        return Target(file.path, file.identity, None)
    except (OSError, ValueError):  # not ours to see: nothing proves that it has changed
        return Target(file.path, file.identity, file.identity)


def _with(file: FileResource, facts: os.stat_result) -> Target:
    now, recorded = identity_of(facts), file.identity
    return Target(file.path, recorded, recorded if recorded == now else now, facts.st_mode)


def _key(identity: FileIdentity | None) -> Key | None:
    return None if identity is None else (identity.device, identity.inode)


def _real_paths(paths: Iterable[str]) -> Iterator[str]:
    """The paths without links; folders are resolved once each, which is what it costs."""
    folders: dict[str, str] = {}
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        whole = os.path.join(folders[folder], name)
        yield os.path.realpath(whole) if os.path.islink(whole) else whole


def _append(table: dict[_Name, tuple[Target, ...]], name: _Name, target: Target) -> None:
    """Nearly always it is the first of its name, of which there may be many thousands."""
    first = (target,)
    if table.setdefault(name, first) is not first:
        table[name] += first


def _keys(target: Target) -> tuple[Key, ...]:
    """Device and inode of the file recorded and the one there now, if they differ."""
    recorded, now = _key(target.recorded), _key(target.now)
    if recorded is None or recorded == now:
        return () if now is None else (now,)
    return (recorded,) if now is None else (recorded, now)


def _prefixes(path: str) -> set[str]:
    return {found.rstrip("/") + "/" for found in (path, os.path.realpath(path))}
