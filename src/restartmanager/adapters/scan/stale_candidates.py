"""Stale candidates: processes that may run replaced code, and have to be read to know it.

The kernel tells every file that is mapped to be executed, with its path (``bpf.running_code``).
Each is looked up once. Where it is the file that is there, and was not changed after the first
process that has it was started, nobody's mapping of it has to be looked at. Whatever leaves a doubt
is read: nothing is called replaced here. Processes with another root directory or mount namespace
mean other files by the same paths, so all of those are read.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.adapters.proc.formats import DELETED
from restartmanager.adapters.proc.procfs import boot_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from restartmanager.adapters.bpf.running_code import CodeFile, RunningCode
    from restartmanager.adapters.proc.mounts import Mounts


_SLACK_S = 0.001
"""Both clocks are read one after the other."""


class StaleCandidates(NamedTuple):
    """The processes to be read, and the others, each with the time when it was started, in seconds
    since 1970: of those only the scripts are in question."""

    to_read: frozenset[int]
    others: Mapping[int, float]


def doubtful_files(code: RunningCode, mounts: Mounts) -> tuple[CodeFile, ...]:
    """The files that are not certainly those which all who run them were started with."""
    booted_at = boot_time()
    return tuple(file for file in code.files if _is_doubtful(file, mounts, booted_at))


def candidates(code: RunningCode, holders: Iterable[int]) -> StaleCandidates:
    """The processes to be read, and the others, when these ``holders`` have a doubtful file."""
    ours = code.processes[os.getpid()].root
    elsewhere = {pid for pid, process in code.processes.items() if process.root != ours}
    to_read = elsewhere.union(holders)
    booted_at = boot_time()
    return StaleCandidates(
        frozenset(to_read),
        {
            pid: booted_at + process.start_ns / 1e9
            for pid, process in code.processes.items()
            if pid not in to_read
        },
    )


def root_is_a_layer(mountinfo: bytes) -> bool:
    """Whether our root directory may be a layer of an overlayfs in the contents of a ``mountinfo``
    file (proc_pid_mountinfo(5)).

    Code that is mapped through an overlayfs belongs to a file of a layer, under a path that starts
    there: from such a layer it could be taken for ours.
    """
    for line in mountinfo.split(b"\n"):
        kind, _, options = line.partition(b" - ")[2].partition(b" ")
        if kind == b"overlay" and any(map(_may_be_root, _layers(options))):
            return True
    return False


def _is_doubtful(file: CodeFile, mounts: Mounts, booted_at: float) -> bool:
    if file.removed or not file.path:
        return True
    if not file.path.startswith("/"):
        return False
    if mounts.any_remote and mounts.may_hang(file.path, ()):
        return file.path.endswith(DELETED)
    try:
        now = os.stat(file.path)
    except (OSError, ValueError):
        return True
    if (now.st_dev, now.st_ino) != (file.device, file.inode):
        return True
    started_at = booted_at + file.start_ns / 1e9
    return stat.S_ISREG(now.st_mode) and (min(now.st_ctime, now.st_mtime) >= started_at - _SLACK_S)


def _layers(options: bytes) -> list[bytes]:
    """The folders in the options of an overlayfs, in all the forms that they are given in."""
    names = (b"lowerdir", b"lowerdir+", b"datadir+", b"upperdir")
    fields = (field.partition(b"=") for field in options.split(b" ")[-1].split(b","))
    return [layer for name, _, value in fields if name in names for layer in value.split(b":")]


def _may_be_root(layer: bytes) -> bool:
    """A relative path counts from where the mount was made, which nobody knows any more."""
    if not layer.startswith(b"/"):
        return bool(layer)
    try:
        return os.path.samefile(layer, "/")
    except OSError:
        return False
