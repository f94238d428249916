"""The text of ``/proc/PID/maps``: read in whole lines, and the file in each of them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.adapters.proc.watched import patient_read

if TYPE_CHECKING:
    from collections.abc import Iterator

CUT = 26
"""The column at which the permissions start when both addresses have 12 digits, as nearly all have.
Shorter ones lose permissions and part of the offset to the cut, never the device; longer ones keep
a piece of the address. Both are right, only not shared between processes."""

_PORTION = 128 * 1024
_TOGETHER = 1024 * 1024
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


def portions(path: str) -> Iterator[bytes]:
    """The contents in whole lines, about a megabyte at a time."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    kept = bytearray()
    process = path.removesuffix("maps")
    try:
        while part := patient_read(descriptor, _PORTION, process):
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
