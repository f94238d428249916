"""The targets: the registered files as tables, which tell whether a used file is one of them.

A file is known by device and inode, as recorded at registration and as its path leads now. On file
systems without a disk of their own (btrfs, overlayfs) ``maps`` may name another device than
stat(2), and overlayfs before Linux 6.8 another inode as well. There a mapping that could be meant
is settled one by one; on all others the device always counts.
"""

from __future__ import annotations

import os
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.adapters.proc.files import first_bytes, identity_of
from restartmanager.adapters.proc.formats import DELETED
from restartmanager.adapters.proc.listings import Key, Leads
from restartmanager.model import FileResource
from restartmanager.rules.interpreters import HEAD_BYTES, could_be_script

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from restartmanager.adapters.proc.mounts import Mounts
    from restartmanager.model import FileIdentity, Resources, TreeResource

    _Files = Mapping[Key, tuple[FileResource, ...]]
    """Registered files by what was recorded for them, and by what their paths lead to now."""


CLOCK_TICK_S = 0.01
"""The exactness of the start time of a process, at best."""

_LOOKED_INTO = 200
"""The greatest number of files whose first bytes are read to see whether they are scripts."""


class Target(NamedTuple):
    """One registered path: the file recorded for it and the one it leads to now, where there is
    one."""

    path: str
    recorded: FileIdentity | None
    now: FileIdentity | None

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


class Paths(NamedTuple):
    """The registered paths as text, and what was found at them when they were looked up."""

    registered: frozenset[str]
    named: frozenset[str]
    """Those that are not there for a tree only."""
    gone: frozenset[str]
    """The paths that lead nowhere."""
    sockets: frozenset[str]
    """The paths that are sockets, or could have been."""
    below: tuple[str, ...]
    """The beginnings of the paths of everything in registered trees."""
    any_folder: bool
    """Whether a directory is among them, which can be a working or root directory."""

    def removed_below(self, text: str) -> str | None:
        """The path in the text of a link when it is that of a file removed from a tree."""
        if text.endswith(DELETED) and text.startswith(self.below):
            return text.removesuffix(DELETED)
        return None


class Numbers(NamedTuple):
    """How the kernel calls the targets where stat(2) calls them otherwise."""

    plain_devices: bool
    """Whether its own device and inode are those of stat(2), for all of them: not on btrfs,
    overlayfs and remote file systems."""
    plain_inodes: bool
    """Whether the inode in ``fdinfo`` is enough to rule a file out."""
    others: Mapping[int, frozenset[Key]]
    """The files whose device ``maps`` may call by another number, by inode."""
    other_paths: frozenset[str]
    """The real paths of those, whose inode may be another as well."""

    @classmethod
    def of(cls, files: _Files, mounts: Mounts) -> Numbers:
        """The numbers of these files, as their file systems are mounted now."""
        devices = {device: found[0].path for (device, _), found in files.items()}
        odd = {each for each, path in devices.items() if not mounts.plain_devices(each, path)}
        others: dict[int, frozenset[Key]] = defaultdict(frozenset)
        paths: list[str] = []
        for key in (key for key in files if key[0] in odd) if odd else ():
            others[key[1]] |= {key}
            paths += (file.path for file in files[key])
        return cls(
            plain_devices=not odd,
            plain_inodes=all(mounts.plain_inodes(*device) for device in devices.items()),
            others=dict(others),
            other_paths=frozenset(_real_paths(paths)),
        )


class Targets:
    """The files to look for, as they were recorded and as their paths lead now; see ``look_up``.

    Of what is in use, each file is looked at once more when it is found (``at``): it may have been
    seen in the listing of its folder only.
    """

    def __init__(self, files: _Files, paths: Paths, numbers: Numbers) -> None:
        self._files = files
        self._found: dict[Key, tuple[Target, ...]] = {}
        self.paths = paths
        self.numbers = numbers
        self.inodes = frozenset(inode for _, inode in files)
        self.devices = frozenset(device for device, _ in files)

    @classmethod
    def look_up(cls, resources: Resources, mounts: Mounts) -> Targets:
        """The targets that these resources stand for at this moment.

        Every path is looked up here, once for each scan: a registered path on a network mount that
        hangs blocks it, as any use of that path would.
        """
        files, leads = _look(resources, mounts)
        table = _by_key(files, leads)
        unled = (file for file in files if file.path not in leads.keys)
        gone = frozenset(file.path for file in unled if _led_to(file, leads) is None)
        paths = Paths(
            registered=frozenset(file.path for file in files),
            named=frozenset(file.path for file in resources.files),
            gone=gone,
            sockets=gone | leads.sockets,
            below=tuple(prefix for tree in resources.trees for prefix in _prefixes(tree.path)),
            any_folder=bool(resources.trees or leads.directories),
        )
        return cls(table, paths, Numbers.of(table, mounts))

    def __bool__(self) -> bool:
        return bool(self.paths.registered or self.paths.below)

    @property
    def keys(self) -> frozenset[Key]:
        """Device and inode of every file that is looked for."""
        return frozenset(self._files)

    def at(self, key: Key) -> tuple[Target, ...]:
        """The registered paths of the file with this device and inode."""
        files = self._files.get(key)
        if files is None:
            return ()
        if key not in self._found:
            self._found[key] = tuple(self._target(file, key) for file in files)
        return self._found[key]

    def _target(self, file: FileResource, key: Key) -> Target:
        """One of the paths of this file as it is now. Below a tree no link leads anywhere: who owns
        a folder there may have exchanged it with one, so what is not this very file is nothing."""
        path, recorded = file
        try:
            now = identity_of(os.stat(path))
        except (FileNotFoundError, NotADirectoryError):
            return Target(path, recorded, None)
        except (OSError, ValueError):  # not ours to see: nothing proves that it has changed
            return Target(path, recorded, recorded)
        this = _key(now) == key or path in self.paths.named
        return Target(path, recorded, now if this else None)

    def doubtful(self, key: Key) -> bool:
        """Whether a file with this device and inode may be a later one: some path that it was
        recorded for leads elsewhere now."""
        return any(_key(target.now) != key for target in self.at(key))

    def unchanged(self, key: Key) -> bool:
        """Whether this file is all that its paths led and lead to, with the content that was
        recorded: then everybody who uses it uses the present version."""
        targets = self.at(key)
        return not self.doubtful(key) and not any(target.changed_in_place for target in targets)

    @cached_property
    def any_script(self) -> bool:
        """Whether an interpreter could have been started with one of them: only then do arguments
        have to be read. Of many files some are taken to be scripts without a look at each."""
        paths = self.paths.registered
        return len(paths) > _LOOKED_INTO or any(
            could_be_script(path, first_bytes(path, HEAD_BYTES)) for path in paths
        )


def _look(resources: Resources, mounts: Mounts) -> tuple[list[FileResource], Leads]:
    """All files, those below trees as well, and where their paths lead now."""
    leads = Leads()
    files = list(resources.files)
    for tree in resources.trees:
        files += tree.entries
        files += _new_below(tree, leads)
    leads.look_up((file.path for file in resources.files if file.path not in leads.keys), mounts)
    return files, leads


def _new_below(tree: TreeResource, leads: Leads) -> list[FileResource]:
    """What is below a tree now and was not recorded; ``leads`` takes in where all of it leads.

    Nothing is there behind a link that somebody has put in the place of a folder.
    """
    from restartmanager.adapters.proc.trees import Tree, TurnedLinkError

    recorded = {entry.path for entry in tree.entries}
    new = []
    try:
        with Tree(tree.path) as held:
            for path, facts in held.walk():
                leads.note(path, facts)
                if path not in recorded:
                    new.append(FileResource(path, None))
            for path, seen in held.look_at(recorded - leads.keys.keys()):
                if seen is None:
                    leads.hidden.add(path)
                else:
                    leads.note(path, seen)
    except (FileNotFoundError, NotADirectoryError, TurnedLinkError):
        pass
    except OSError:
        leads.hidden |= recorded
    return new


def _led_to(file: FileResource, leads: Leads) -> Key | None:
    """The file that its path leads to now; of what is not ours to see nothing proves that it has
    changed."""
    key = leads.keys.get(file.path)
    return _key(file.identity) if key is None and file.path in leads.hidden else key


def _by_key(files: Iterable[FileResource], leads: Leads) -> _Files:
    """The files by the one recorded and the one there now, where there is one."""
    found: dict[Key, tuple[FileResource, ...]] = {}
    for file in files:
        path, identity = file
        now = leads.keys.get(path) or _led_to(file, leads)
        if now is not None:
            _append(found, now, file)
        if identity is not None and _key(identity) != now:
            _append(found, (identity.device, identity.inode), file)
    return found


def _append(table: dict[Key, tuple[FileResource, ...]], key: Key, file: FileResource) -> None:
    """Nearly always it is the first with this key, of which there may be many thousands."""
    first = (file,)
    if table.setdefault(key, first) is not first:
        table[key] += first


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


def _prefixes(path: str) -> set[str]:
    from restartmanager.adapters.proc.trees import real_path_of

    found = {path, real_path_of(path) or path}
    return {folder.rstrip("/") + "/" for folder in found}
