"""The process at the other end of a Unix socket, by the kernel's word (unix(7)).

What lies in a file system, and what the other side says, can be anybody's. The kernel notes who
called listen(2), when that is done: the process may have exited since, and its number may be
another's.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import NamedTuple

_SO_PEERPIDFD = getattr(socket, "SO_PEERPIDFD", 77)  # Python 3.14 has the name
_OTHER_NUMBERS = ("sparc", "parisc", "alpha")  # architectures on which 77 is another option
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
_INTEGER = struct.Struct("i")


class Peer(NamedTuple):
    """The process that listened at the other end of a connection, and its user."""

    pid: int
    uid: int


def peer_of(connection: socket.socket) -> Peer:
    """The process that listened at the other end (SO_PEERCRED). Raises OSError."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(found)
    return Peer(pid, uid)


def is_still(connection: socket.socket, pid: int) -> bool:
    """Whether who listened lives, and has this number now: by the kernel's own handle on it
    (SO_PEERPIDFD, Linux 6.5). True where the kernel gives none. Raises OSError."""
    if os.uname().machine.startswith(_OTHER_NUMBERS):
        return True
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD, _INTEGER.size)
    except OSError as error:
        return error.errno in {errno.ENOPROTOOPT, errno.EOPNOTSUPP}
    (pidfd,) = _INTEGER.unpack(raw)
    try:
        with open(f"/proc/self/fdinfo/{pidfd}", "rb") as file:
            return b"Pid:\t%d\n" % pid in file.read(4096)
    finally:
        os.close(pidfd)
