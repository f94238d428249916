"""Which registered files a process has mapped: ``/proc/PID/maps``, read fast.

Addresses differ from process to process, what stands behind them does not: lines are cut behind
the addresses and looked at once, also when a hundred processes have them. What is paid: the kernel
writes the whole text (about 1 microsecond a mapping), and cutting it adds a quarter of that.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.linux.procfs import DELETED
from restartmanager.linux.roots import sees_our_root

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from restartmanager.linux.targets import Key, Targets

__all__ = ["CUT", "MapReader", "Mapping", "map_files_name", "parse_mapping", "portions"]

CUT = 26
"""Where the permissions start when both addresses have 12 digits, as nearly all have. Shorter
ones lose permissions and part of the offset to the cut, never the device; longer ones keep a piece
of the address. Both are right, only not shared between processes."""

_PORTION = 128 * 1024
_TOGETHER = 1024 * 1024
_REMEMBERED = 200_000
_NEEDLES = 6
_FILE = re.compile(rb"([0-9a-f]{2,3}):([0-9a-f]{2,5}) ([0-9]{1,20})(?: +(.*))?\Z", re.DOTALL)
_SHARED = re.compile(rb"[r-][w-][x-]s ")


class Mapping(NamedTuple):
    """One mapped file, as the text has it; ``private`` unless it is certainly a shared one."""

    device: int
    inode: int
    path: str
    private: bool


def parse_mapping(line: bytes) -> Mapping | None:
    """The file in a line of ``maps``, whole or without its addresses; None when there is none."""
    found = _FILE.search(line)
    if found is None or found[3] == b"0":
        return None
    device = os.makedev(int(found[1], 16), int(found[2], 16))
    path = (found[4] or b"").replace(b"\\012", b"\n")
    shared = _SHARED.search(line, 0, found.start()) is not None
    return Mapping(device, int(found[3]), os.fsdecode(path), not shared)


class MapReader:
    """Reads the mappings of one process after the other, remembering which lines do not matter."""

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
            or mapping.path.removesuffix(DELETED) in targets.other_paths
            or targets.removed_below_tree(mapping.path) is not None
        )

    def _settle(self, mapping: Mapping, line: bytes, text: bytes, base: str) -> Key | str | None:
        """Which file it is, on file systems with numbers of their own as well.

        There the kernel is asked for the mapped file itself (``map_files``: needs
        CAP_CHECKPOINT_RESTORE), else the path is looked up in the root of the process; a removed
        file that cannot be asked about is taken for the one that was registered under its path.
        """
        key = mapping.device, mapping.inode
        targets = self._targets
        if targets.at(key):
            return key
        path = mapping.path.removesuffix(DELETED)
        others = targets.others(mapping.inode)
        if others or path in targets.other_paths:
            exact = _stat_key(f"{base}map_files/{map_files_name(line, text)}") or _stat_key(
                f"{base}root{mapping.path}"
            )
            if exact is not None:
                return exact if targets.at(exact) else None
            if path in targets.other_paths and len(others) == 1 and sees_our_root(base):
                return next(iter(others))
        removed = targets.removed_below_tree(mapping.path)
        return removed if removed is not None and sees_our_root(base) else None


def _needles(targets: Targets) -> tuple[bytes, ...]:
    """Texts of which one stands in the mappings of every process that has a target mapped; none
    where there are too many, or where more than the inode can make a mapping matter."""
    if targets.folders or targets.other_paths or len(targets.inodes) > _NEEDLES:
        return ()
    return tuple(b"%d " % inode for inode in targets.inodes)


def portions(path: str) -> Iterator[bytes]:
    """The contents in whole lines, about a megabyte at a time."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    kept = bytearray()
    try:
        while part := os.read(descriptor, _PORTION):
            kept += part
            if len(kept) >= _TOGETHER:
                end = kept.rfind(b"\n") + 1
                yield bytes(kept[:end])
                del kept[:end]
    finally:
        os.close(descriptor)
    yield bytes(kept)


def map_files_name(line: bytes, text: bytes) -> str:
    """The name that the mapping on this line has in ``map_files`` (proc_pid_map_files(5))."""
    start = text.rfind(b"\n", 0, text.find(line)) + 1
    first, _, last = text[start : text.find(b" ", start)].partition(b"-")
    try:
        return f"{int(first, 16):x}-{int(last, 16):x}"
    except ValueError:
        return ""


def _stat_key(path: str) -> Key | None:
    try:
        facts = os.stat(path)
    except (OSError, ValueError):
        return None
    return facts.st_dev, facts.st_ino
