"""Mappings: which registered files a process has mapped, by ``/proc/PID/maps``, read fast.

Addresses differ from process to process, what stands behind them does not: lines are cut behind
the addresses and looked at once, also when a hundred processes have them. What is paid: the kernel
writes the whole text (about 1 microsecond a mapping), and cutting it adds a quarter of that.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.formats import DELETED
from restartmanager.adapters.proc.maps import CUT, Mapping, map_files_name, parse_mapping, portions
from restartmanager.adapters.proc.roots import sees_our_root

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from restartmanager.adapters.proc.listings import Key
    from restartmanager.adapters.scan.targets import Targets


_REMEMBERED = 200_000
"""The number of lines that do not matter and are remembered."""
_NEEDLES = 6
"""The greatest number of texts that are looked for in each line; with more, cutting is quicker."""


class MapReader:
    """The reader of mappings, of one process after the other; it remembers what does not matter."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._unimportant: set[bytes] = set()
        self._needles = _needles(targets)

    def read(self, base: str) -> Iterator[tuple[Key | str, bool, str]]:
        """Each registered file that is mapped, as its key, whether privately, and the path that
        the kernel gives it now; a file that was removed from a registered tree as its path.

        ``base`` is the folder of the process with a slash. Raises OSError: PermissionError for a
        process that may not be looked into, FileNotFoundError or ProcessLookupError for one that
        is gone.
        """
        for text in portions(base + "maps"):
            for line in self._lines(text):
                mapping = parse_mapping(line)
                if mapping is None or not self._may_matter(mapping):
                    self._unimportant.add(line)
                    continue
                found = self._settle(mapping, line, text, base)
                if found is not None:
                    yield found, mapping.private, mapping.path
        if len(self._unimportant) > _REMEMBERED:  # a process can make up any number of them
            self._unimportant.clear()

    def _lines(self, text: bytes) -> Collection[bytes]:
        """The lines that may matter, without addresses."""
        if not self._needles:
            return {line[CUT:] for line in text.split(b"\n")} - self._unimportant
        if not any(needle in text for needle in self._needles):
            return ()
        lines = text.split(b"\n")
        return {line[CUT:] for line in lines if any(needle in line for needle in self._needles)}

    def _may_matter(self, mapping: Mapping) -> bool:
        targets = self._targets
        return (
            mapping.inode in targets.inodes
            or mapping.path.removesuffix(DELETED) in targets.numbers.other_paths
            or targets.paths.removed_below(mapping.path) is not None
        )

    def _settle(self, mapping: Mapping, line: bytes, text: bytes, base: str) -> Key | str | None:
        """The target that a mapping is of, on file systems with numbers of their own as well.

        There the kernel is asked for the mapped file itself (``map_files``: needs
        CAP_CHECKPOINT_RESTORE), else the path is looked up in the root of the process; a removed
        file that cannot be asked about is taken for the one that was registered under its path.
        """
        key = mapping.device, mapping.inode
        targets = self._targets
        if targets.at(key):
            return key
        path = mapping.path.removesuffix(DELETED)
        numbers = targets.numbers
        others = numbers.others.get(mapping.inode, frozenset())
        if others or path in numbers.other_paths:
            exact = _stat_key(f"{base}map_files/{map_files_name(line, text)}") or _stat_key(
                f"{base}root{mapping.path}"
            )
            if exact is not None:
                return exact if targets.at(exact) else None
            if path in numbers.other_paths and len(others) == 1 and sees_our_root(base):
                return next(iter(others))
        removed = targets.paths.removed_below(mapping.path)
        return removed if removed is not None and sees_our_root(base) else None


def _needles(targets: Targets) -> tuple[bytes, ...]:
    """Texts of which one stands in the mappings of every process that has a target mapped; none
    where there are too many, or where more than the inode can make a mapping matter."""
    if targets.paths.below or targets.numbers.other_paths or len(targets.inodes) > _NEEDLES:
        return ()
    return tuple(b"%d " % inode for inode in targets.inodes)


def _stat_key(path: str) -> Key | None:
    try:
        facts = os.stat(path)
    except (OSError, ValueError):
        return None
    return facts.st_dev, facts.st_ino
