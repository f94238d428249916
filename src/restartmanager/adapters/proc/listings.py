"""Listings of folders, which tell where many paths lead quicker than a look at each.

A listing has the kind and the inode of everything in a folder (readdir(3): d_type, d_ino), at a
fifth of what a look at each costs. The inode is believed for regular files on file systems where it
is certainly the one that stat(2) gives, and not where something is mounted on a file.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from restartmanager.adapters.proc.watched import UnresponsiveError, patient_stat
from restartmanager.errors import PathUnresponsiveError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from restartmanager.adapters.proc.mounts import Mounts


Key: TypeAlias = tuple[int, int]
"""Device and inode as stat(2) has them."""

_MANY = 50
"""The number of files in a folder from which it is listed; of fewer, each is looked at."""
_WORTH = 4
"""The number of names that are read at most, for each that is looked for: most of what is read may
be others."""

_Folder: TypeAlias = "dict[str, str]"


class Leads:
    """The files that paths lead to, at the moment when they were looked up. A path that is in none
    of the collections leads nowhere."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {}
        """What each path leads to, of whatever kind."""
        self.directories: set[str] = set()
        self.sockets: set[str] = set()
        self.hidden: set[str] = set()
        """The paths that the caller may not look at."""

    def look_up(self, paths: Iterable[str], mounts: Mounts) -> None:
        """Look at these absolute paths, following links; ``mounts`` are those of now."""
        for folder, names in _by_folder(paths).items():
            if len(names) >= _MANY:
                self._list(os.path.realpath(f"{folder}/"), names, mounts)
            for path in names.values():
                if path not in self.keys:
                    self._look_at(path)

    def note(self, path: str, facts: os.stat_result) -> None:
        """Take in what somebody else has seen at this path."""
        self.keys[path] = facts.st_dev, facts.st_ino
        if stat.S_ISDIR(facts.st_mode):
            self.directories.add(path)
        elif stat.S_ISSOCK(facts.st_mode):
            self.sockets.add(path)

    def _look_at(self, path: str) -> None:
        try:
            self.note(path, patient_stat(path, path))
        except (FileNotFoundError, NotADirectoryError):
            return
        except UnresponsiveError:
            raise PathUnresponsiveError(path) from None
        except (OSError, ValueError):
            self.hidden.add(path)

    def _list(self, folder: str, names: _Folder, mounts: Mounts) -> None:
        """Take in what the listing of a folder without links in its path tells for certain."""
        if not os.access(folder, os.X_OK, effective_ids=True):  # then a look at each sees nothing
            return
        covered = mounts.points_in(folder)
        with suppress(OSError), os.scandir(folder) as entries:
            device = os.stat(folder).st_dev
            if mounts.lists_inodes(folder, device):
                self.keys |= {
                    names[entry.name]: (device, entry.inode())
                    for entry in islice(entries, _WORTH * len(names))
                    if entry.is_file(follow_symlinks=False)
                    and entry.name in names
                    and entry.name not in covered
                }


def directories_among(paths: Iterable[str], hidden: list[str] | None = None) -> set[str]:
    """The directories among these absolute paths; ``hidden`` takes in those that the caller may
    not look at.

    Raises PathUnresponsiveError for one whose file system does not answer.
    """
    found: set[str] = set()
    unseen = [] if hidden is None else hidden
    for folder, names in _by_folder(paths).items():
        candidates = _no_files(folder, names) if len(names) >= _MANY else names.values()
        found.update(path for path in candidates if _is_directory(path, unseen))
    return found


def _is_directory(path: str, hidden: list[str]) -> bool:
    try:
        return stat.S_ISDIR(patient_stat(path, path).st_mode)
    except UnresponsiveError:
        raise PathUnresponsiveError(path) from None
    except PermissionError:
        hidden.append(path)
        return False
    except (OSError, ValueError):
        return False


def _no_files(folder: str, names: _Folder) -> Collection[str]:
    """The paths in this folder that may lead to something else than a regular file."""
    if not os.access(f"{folder}/", os.X_OK, effective_ids=True):  # its names say nothing then
        return names.values()
    with suppress(OSError), os.scandir(f"{folder}/") as entries:
        some = islice(entries, _WORTH * len(names))
        others = [entry.name for entry in some if not entry.is_file(follow_symlinks=False)]
        if next(entries, None) is None:
            return [names[name] for name in others if name in names]
    return names.values()


def _by_folder(paths: Iterable[str]) -> dict[str, _Folder]:
    """The paths, by folder without its last slash, and by name."""
    folders: dict[str, _Folder] = defaultdict(dict)
    for path in paths:
        folder, _, name = path.rpartition("/")
        folders[folder][name] = path
    return folders
