"""Mounted file systems: which device and type a path has, and which of them can hang.

Four facts about file systems matter to the scan: whether a server or another process answers for
them, so that a stat may wait for ever; whether ``maps`` names the device that stat names; and
whether the inode number in ``fdinfo``, and that in the listing of a folder, is the one that stat
gives.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.adapters.proc.texts import TABLE_LIMIT, contents, unescaped

if TYPE_CHECKING:
    from collections.abc import Container, Iterable


LISTED = frozenset({"ext2", "ext3", "ext4", "tmpfs", "xfs"})
"""The file systems on which the inodes in the listing of a folder are those of stat(2): each was
tried (test_listings)."""

_REMOTE = (
    *("nfs", "cifs", "smb", "9p", "ceph", "afs", "fuse", "lustre", "glusterfs", "gpfs"),
    *("ocfs2", "gfs2", "coda", "virtiofs"),
)
_IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs", "hugetlbfs"})
_PLAIN_INODES = _IN_MEMORY | {"btrfs", "zfs", "bcachefs"}
_NFS_VOLUMES = "fs/nfsfs/volumes"  # has those as well that were unmounted lazily
_SERVED_BY = re.compile(rb",user_id=([0-9]{1,10})(?=,|$)")


class Mount(NamedTuple):
    """One mounted file system; ``device`` is that of its super block, as ``maps`` shows it."""

    device: int
    point: str
    type: str

    @property
    def remote(self) -> bool:
        """Whether somebody else answers for it, so that a stat may block."""
        return is_remote(self.type)


def is_remote(type_name: str) -> bool:
    """Whether somebody else answers for file systems of this type: a server, another process."""
    return type_name.startswith(_REMOTE)


def mount_number(fd: int) -> bytes | None:
    """The mount of a descriptor of ours (proc_pid_fdinfo(5)), found without asking its file
    system, which a user may have made."""
    with open(f"/proc/self/fdinfo/{fd}", "rb") as file:
        for line in file:
            if line.startswith(b"mnt_id:"):
                return line.split()[1]
    return None


def types_by_mount(own: str) -> dict[bytes, str]:
    """The type of each mounted file system by the number of its mount (proc_pid_mountinfo(5)), as
    the process whose folder below /proc is ``own`` sees them. Raises OSError."""
    with open(f"{own}/mountinfo", "rb") as file:
        lines = file.read(TABLE_LIMIT).split(b"\n")
    return {
        line.partition(b" ")[0]: os.fsdecode(line.partition(b" - ")[2].partition(b" ")[0])
        for line in lines
    }


def server_of_mount(number: bytes | None) -> int:
    """The user whose own process answers for the mounted file system with this number (fuse(4));
    0 where the kernel does, or root. Raises OSError; LookupError where no such mount is seen."""
    with open("/proc/thread-self/mountinfo", "rb") as file:
        text = file.read(TABLE_LIMIT)
    for line in text.split(b"\n"):
        if line.partition(b" ")[0] == number:
            return parse_server(line)
    raise LookupError(number)


def parse_server(line: bytes) -> int:
    """The user in a line of a ``mountinfo`` file whose process answers for that file system."""
    type_name, _, rest = line.partition(b" - ")[2].partition(b" ")
    options = rest.rpartition(b" ")[2]  # before them is a name that the user chose
    found = _SERVED_BY.search(options) if type_name.startswith(b"fuse") else None
    return int(found[1]) if found else 0


def parse_mountinfo(text: bytes) -> tuple[Mount, ...]:
    """The mounts in the contents of a ``mountinfo`` file (proc_pid_mountinfo(5)), later ones last;
    lines that are none are left out."""
    found = []
    for line in text.split(b"\n"):
        left, _, right = line.partition(b" - ")
        fields = left.split(b" ")
        device = parse_device(fields[2]) if len(fields) > 4 else None
        if device is None:
            continue
        found.append(Mount(device, unescaped(fields[4]), os.fsdecode(right.split(b" ")[0])))
    return tuple(found)


def parse_device(text: bytes) -> int | None:
    """The device that is written ``major:minor`` in decimal digits; None when it is not."""
    major, _, minor = text.partition(b":")
    if not all(number.isdigit() and len(number) < 10 for number in (major, minor)):
        return None
    return os.makedev(int(major), int(minor))


class Mounts:
    """The mounts that the calling process sees."""

    def __init__(self, mounts: Iterable[Mount], *, hidden_remote: bool = False) -> None:
        self._by_point = {mount.point: mount for mount in mounts}  # the last one covers the others
        self._remote = tuple(mount for mount in self._by_point.values() if mount.remote)
        self.any_remote = bool(self._remote) or hidden_remote
        """Whether a file system is in use for which somebody else answers."""

    @classmethod
    def read(cls, proc: str) -> Mounts:
        """The mounts of the calling process; none where they cannot be read."""
        volumes = contents(f"{proc}/{_NFS_VOLUMES}").count(b"\n")  # the first line is a heading
        mounts = parse_mountinfo(contents(f"{proc}/self/mountinfo"))
        return cls(mounts, hidden_remote=volumes > 1)

    def of(self, path: str) -> Mount | None:
        """The mount that a path without links lies on."""
        while True:
            mount = self._by_point.get(path)
            if mount is not None or path in {"/", ""}:
                return mount
            path = os.path.dirname(path)

    def served(self) -> tuple[str, ...]:
        """Where file systems are mounted for which a program answers (fuse(4))."""
        return tuple(mount.point for mount in self._remote if mount.type.startswith("fuse"))

    def may_hang(self, path: str, devices: Container[int]) -> bool:
        """Whether this text lies on such a file system, and not on one of ``devices``, which are
        looked at anyway."""
        return any(
            below(path, mount.point) and mount.device not in devices for mount in self._remote
        )

    def plain_inodes(self, device: int, path: str) -> bool:
        """Whether the kernel's own inode number is the one stat gives for files on this device.

        ``path`` is any path on it. True for file systems on disks and in memory; overlayfs and
        remote ones make numbers up.
        """
        return os.major(device) != 0 or self._type(path) in _PLAIN_INODES

    def plain_devices(self, device: int, path: str) -> bool:
        """Whether ``maps`` calls files on this device by the number that stat gives; likewise."""
        return os.major(device) != 0 or self._type(path) in _IN_MEMORY

    def lists_inodes(self, folder: str, device: int) -> bool:
        """Whether a listing of this folder, a path without links, has the inodes of stat(2), and
        all regular files in it that nothing is mounted on lie on ``device``, which is its own."""
        mount = self.of(folder)
        return mount is not None and mount.type in LISTED and mount.device == device

    def points_in(self, folder: str) -> frozenset[str]:
        """The names in this folder, a path without links, that something is mounted on."""
        pairs = map(os.path.split, self._by_point)
        return frozenset(name for above, name in pairs if above == folder)

    def _type(self, path: str) -> str:
        mount = self.of(os.path.realpath(path))
        return "" if mount is None else mount.type


def below(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or lies below it, as text."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
