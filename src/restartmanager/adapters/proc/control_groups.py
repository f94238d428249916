"""Control groups: the limits that a process would lose in another one (cgroups(7)).

Both versions are looked at, for a machine may have both. A file that no limit is in says "max", or
nothing, or a number that nothing reaches; some of version 1 say what the group above says.
"""

from __future__ import annotations

import fnmatch
import os
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.adapters.proc.procfs import PROC
from restartmanager.adapters.proc.texts import contents, unescaped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_SIZE_LIMIT = 64 * 1024
_UNREACHABLE = 2**62  # memory: the greatest number of pages, in bytes
_UNLIMITED = {  # cgroups: Documentation/admin-guide/cgroup-v2.rst
    "cpu.idle": ("0",),
    "cpu.weight": ("100",),
    "cpuset.cpus": ("",),
    "cpuset.mems": ("",),
    "io.latency": ("",),
    "io.max": ("",),
    "io.weight": ("default 100",),
}
_UNLIMITED_1 = {  # Documentation/admin-guide/cgroup-v1
    "blkio.bfq.weight": ("100",),
    "blkio.throttle.*_device": ("",),
    "blkio.weight": ("500",),
    "cpu.cfs_quota_us": ("-1",),
    "cpu.shares": ("1024",),
    "net_cls.classid": ("0",),
}
_MAXIMA = ("cpu.max", "hugetlb.*.max", "memory.*max", "memory.*high", "pids.max")
_MAXIMA_BY_DEVICE = ("misc.max", "rdma.max")
_NUMBERS_1 = ("hugetlb.*limit_in_bytes", "memory.*limit_in_bytes")
_AS_ABOVE_1 = ("cpuset.cpus", "cpuset.mems")
_NOT_TOLD_1 = "devices.list"
"""A group of version 1 that allows all devices but some says that it allows all."""


class _Hierarchy(NamedTuple):
    """Where a hierarchy is mounted, and the group that is seen there."""

    folder: str
    root: str
    unified: bool


def parse_groups(text: bytes) -> dict[str, str]:
    """The groups in the contents of a ``cgroup`` file by their hierarchies: the controllers, or
    nothing for the unified one."""
    found: dict[str, str] = {}
    for line in text.split(b"\n"):
        fields = line.split(b":", 2)
        if len(fields) == 3:
            found.setdefault(os.fsdecode(fields[1]), os.fsdecode(fields[2]))
    return found


def lost_limit(groups: bytes, kept: str, proc: str = PROC) -> str:
    """The limit that a process in these ``groups`` (the contents of its ``cgroup`` file) would lose
    where it is started again, in words; empty for none.

    It keeps those of the group ``kept`` and of all above it, in each hierarchy; where that is
    empty, those of the calling process.
    """
    theirs = parse_groups(groups)
    ours = parse_groups(contents(f"{proc}/self/cgroup"))
    hierarchies: Mapping[frozenset[str], _Hierarchy] = {}
    for name, group in theirs.items():
        for lost in _below(group, kept or ours.get(name, "/")):
            if name.startswith("name="):
                continue  # a hierarchy of that kind limits nothing
            hierarchies = hierarchies or _hierarchies(contents(f"{proc}/self/mountinfo"))
            which = _limit_of(hierarchies.get(_key(name)), lost)
            if which:
                return f"it would lose a limit of its control group {lost!r} ({which})"
    return ""


def _below(group: str, kept: str) -> Iterator[str]:
    """The group and those above it, as far as they are not above ``kept`` or that itself."""
    while group not in {"", "/"} and not f"{kept}/".startswith(f"{group}/"):
        yield group
        group = os.path.dirname(group)


def _hierarchies(mountinfo: bytes) -> dict[frozenset[str], _Hierarchy]:
    """The mounted hierarchies by their controllers; by none the unified one."""
    found: dict[frozenset[str], _Hierarchy] = {}
    for line in mountinfo.split(b"\n"):
        left, _, right = line.partition(b" - ")
        fields, kind = left.split(b" "), right.split(b" ")
        if len(fields) < 5 or kind[0] not in {b"cgroup", b"cgroup2"}:
            continue
        unified = kind[0] == b"cgroup2"
        options = set() if unified else set(os.fsdecode(kind[-1]).split(","))
        place = _Hierarchy(unescaped(fields[4]), unescaped(fields[3]), unified)
        found.setdefault(frozenset(options - {"rw", "ro"}), place)
    return found


def file_in_group(controllers: str, group: str, file: str, proc: str = PROC) -> bytes:
    """The contents of a file of a control group, which ``cgroup`` files call so; empty where it
    cannot be read."""
    hierarchies = _hierarchies(contents(f"{proc}/self/mountinfo"))
    folder = _folder_of(hierarchies.get(_key(controllers)), group)
    return contents(f"{folder}/{file}", _SIZE_LIMIT) if folder else b""


def _key(controllers: str) -> frozenset[str]:
    return frozenset(controllers.split(",")) - {""}


def _folder_of(hierarchy: _Hierarchy | None, group: str) -> str:
    """The folder of a group; empty where it is not to be seen."""
    if hierarchy is None or not f"{group}/".startswith(f"{hierarchy.root.rstrip('/')}/"):
        return ""
    return hierarchy.folder + group[len(hierarchy.root.rstrip("/")) :]


def _limit_of(hierarchy: _Hierarchy | None, group: str) -> str:
    """The file that sets a limit in this group; empty for none."""
    folder = _folder_of(hierarchy, group)
    if hierarchy is None or not folder:
        return "it cannot be looked at"
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return "it cannot be looked at"
    limits = _is_limit if hierarchy.unified else _is_limit_1
    return next((name for name in names if limits(folder, name)), "")


def _is_limit(folder: str, name: str) -> bool:
    usual = _UNLIMITED.get(name)
    if usual is not None:
        return _text(folder, name) not in usual
    if _is_one_of(name, _MAXIMA_BY_DEVICE):
        values = [word.rpartition("=")[2] for word in _text(folder, name).split()]
        return any(word.isdigit() for word in values)
    return _is_one_of(name, _MAXIMA) and _text(folder, name).split()[:1] not in ([], ["max"])


def _is_limit_1(folder: str, name: str) -> bool:
    for pattern, usual in _UNLIMITED_1.items():
        if fnmatch.fnmatchcase(name, pattern):
            return _text(folder, name) not in usual
    if name == "pids.max":
        return _text(folder, name) != "max"
    if _is_one_of(name, _NUMBERS_1):
        text = _text(folder, name)
        return text.isdigit() and int(text) < _UNREACHABLE
    if _is_one_of(name, _AS_ABOVE_1):
        return _text(folder, name) != _text(os.path.dirname(folder), name)
    return name == _NOT_TOLD_1


def _is_one_of(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _text(folder: str, name: str) -> str:
    return os.fsdecode(contents(f"{folder}/{name}", _SIZE_LIMIT)).strip()
