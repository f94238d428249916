"""The socket of an application's channel: how it is made, found, and removed.

The socket lies in a folder of the application's own user, mode 0700. Its name is made of the
process number and the start ticks, so that a Restart Manager finds it without being told. The name
proves nothing: both ends ask the kernel who the other one is (SO_PEERCRED, unix(7)).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
import struct
from itertools import islice
from typing import TYPE_CHECKING

from restartmanager.app.protocol import socket_folders, socket_name, socket_owner
from restartmanager.errors import ProcessError, UnsupportedError
from restartmanager.model.identity import UniqueProcess

if TYPE_CHECKING:
    from collections.abc import Container, Iterable


_BACKLOG = 8
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SWEPT = 4096
_WHAT = "Listening to a Restart Manager"


class Endpoint:
    """A listening socket under the name of this process.

    Raises UnsupportedError where there is no folder for it, or no ``/proc``.
    """

    def __init__(self) -> None:
        self.process = _this_process()
        self.path, folder = _open_folder()
        try:
            _sweep(folder)
            self.socket = _listening(folder, socket_name(self.process))
        except OSError as error:
            raise UnsupportedError(_WHAT, f"{self.path!r}: {error.strerror}") from None
        finally:
            os.close(folder)
        self.path = f"{self.path}/{socket_name(self.process)}"
        self._inode = socket_inode(self.socket)

    @property
    def is_ours(self) -> bool:
        """Whether the descriptor is still our socket: a program may have closed every descriptor,
        and put another file there."""
        return is_socket(self.socket, self._inode)

    def remove(self) -> None:
        """Remove the name, so that the socket is not found any more."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)

    def close(self) -> None:
        """Close the socket where the descriptor is still ours."""
        if self.is_ours:
            self.socket.close()
        else:
            self.socket.detach()


def socket_inode(one: socket.socket) -> int:
    """The inode number by which `is_socket` recognises a socket."""
    return os.fstat(one.fileno()).st_ino


def is_socket(one: socket.socket, inode: int) -> bool:
    """Whether this descriptor is the socket with that inode number."""
    try:
        found = os.fstat(one.fileno())
    except OSError:
        return False
    return stat.S_ISSOCK(found.st_mode) and found.st_ino == inode


def accept(listener: socket.socket) -> socket.socket | None:
    """The next connection; None when there is none, or it comes from another user than this
    process's own and root."""
    try:
        connection, _ = listener.accept()
    except OSError:
        return None
    with contextlib.suppress(OSError):
        size = struct.calcsize("3i")
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        if struct.unpack("3i", credentials)[1] in {0, os.geteuid()}:
            connection.settimeout(0)
            return connection
    connection.close()
    return None


def _this_process() -> UniqueProcess:
    try:
        return UniqueProcess.current()
    except (ProcessError, OSError):
        raise UnsupportedError(
            _WHAT, "/proc is not mounted, which tells who this process is"
        ) from None


# -- the folder ----------------------------------------------------------------------------------


def _open_folder() -> tuple[str, int]:
    """The path of the folder, and a descriptor on it."""
    uid = os.geteuid()
    for base, names in socket_folders(uid, os.environ.get("XDG_RUNTIME_DIR", "")):
        with contextlib.suppress(OSError):
            return "/".join((base, *names)), _walk(base, names, uid)
    raise UnsupportedError(
        _WHAT, f"user {uid} has no runtime folder, nor can there be one that is private"
    )


def _walk(base: str, names: Iterable[str], uid: int) -> int:
    """Open the folder; make its last part where that is missing. Raises PermissionError when the
    folder is not this user's alone."""
    *parents, last = names
    folder = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in parents:
            folder = _replace(folder, os.open(name, _FOLDER, dir_fd=folder))
        _check(folder, {0, uid}, 0)
        with contextlib.suppress(FileExistsError):
            os.mkdir(last, 0o700, dir_fd=folder)
        folder = _replace(folder, os.open(last, _FOLDER, dir_fd=folder))
        _check(folder, {uid}, 0o077)
    except BaseException:
        os.close(folder)
        raise
    return folder


def _check(folder: int, owners: Container[int], forbidden: int) -> None:
    found = os.fstat(folder)
    if found.st_uid not in owners or found.st_mode & forbidden:
        raise PermissionError("the folder is not this user's alone")


def _replace(old: int, new: int) -> int:
    os.close(old)
    return new


# -- the socket ----------------------------------------------------------------------------------


def _listening(folder: int, name: str) -> socket.socket:
    """A socket that listens before it gets its name, so that no process that finds it is
    refused."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        hidden = f".{name}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(hidden, dir_fd=folder)
        made.bind(f"/proc/self/fd/{folder}/{hidden}")  # a path of any length
        made.listen(_BACKLOG)
        os.rename(hidden, name, src_dir_fd=folder, dst_dir_fd=folder)
        # Above the standard streams: where one is closed, whoever prints would write to this.
        return socket.socket(fileno=fcntl.fcntl(made.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))
    finally:
        made.close()


def _sweep(folder: int) -> None:
    """Remove the sockets of processes that were killed.

    A process that is not seen may live in another pid namespace, so its socket is tried as well.
    """
    for name in islice(os.listdir(folder), _SWEPT):
        owner = socket_owner(name.removeprefix("."))
        if owner is not None and not _lives(*owner) and _refuses(f"/proc/self/fd/{folder}/{name}"):
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)


def _lives(pid: int, start_ticks: int) -> bool:
    try:
        return pid > 0 and UniqueProcess.of(pid).start_ticks == start_ticks
    except ProcessError:
        return False


def _refuses(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as trying:
        try:
            trying.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
