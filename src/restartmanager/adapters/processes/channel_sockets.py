"""The sockets on which applications listen: how they are found, and proved.

A socket has a fixed name in a folder of its user, so nothing that the process says is needed to
find it, and nothing of what is found there is believed. The way is walked name by name without
following links and without touching file systems that a user may have made; the socket is connected
through the descriptor that was looked at; and the kernel says who listens (``peers``), by number
and, since Linux 6.5, by a pidfd, which cannot slip to a later process.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.mounts import is_remote, mount_number, types_by_mount
from restartmanager.adapters.processes.peers import is_still, peer_of
from restartmanager.app.protocol import socket_folders, socket_name
from restartmanager.model.answers import Answer, AnswerKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restartmanager.adapters.processes.pidfds import PidfdHandle
    from restartmanager.model import Process


_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SOCKET = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class ChannelSockets:
    """The way to the sockets of applications. Make one for each shutdown: it knows the mounts that
    there were when it was made."""

    def __init__(self) -> None:
        self._types: dict[bytes, str] = {}
        with suppress(OSError):
            self._types = types_by_mount("/proc/thread-self")

    def connect(self, process: Process, handle: PidfdHandle) -> socket.socket | Answer:
        """A connection to this very process, non-blocking; or why there is none."""
        try:
            connected = self._connect(process)
            if isinstance(connected, Answer):
                return connected
            why = _why_impostor(connected, process, handle)
        except OSError as error:
            return Answer(AnswerKind.NONE, error.strerror or str(error))
        if why:
            connected.close()
            return Answer(AnswerKind.IMPOSTOR, why)
        return connected

    def _connect(self, process: Process) -> socket.socket | Answer:
        own = os.environ.get("XDG_RUNTIME_DIR", "") if process.uid == os.geteuid() else ""
        for base, names in socket_folders(process.uid, own):
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                folder = self._walk(base, names, process.uid)
                try:
                    return self._connect_in(folder, process)
                finally:
                    os.close(folder)
        return Answer(AnswerKind.NONE, "it does not listen")

    # -- the way there ---------------------------------------------------------------------------

    def _walk(self, base: str, names: Iterable[str], uid: int) -> int:
        """A descriptor on the folder; PermissionError when it is not that user's alone."""
        folder = os.open(base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in names:
                found = self._step(folder, name, _FOLDER)
                os.close(folder)
                folder = found
            _check(os.fstat(folder), uid, stat.S_IFDIR)
        except BaseException:
            os.close(folder)
            raise
        return folder

    def _step(self, folder: int, name: str, flags: int) -> int:
        """One name further, unless somebody else answers for the file system there: a user may
        mount one of his own in his folders, and let whoever touches it wait."""
        found = os.open(name, flags, dir_fd=folder)
        type_name = self._types.get(mount_number(found) or b"")
        if type_name is None or is_remote(type_name):
            os.close(found)
            raise PermissionError(errno.EACCES, "not on a file system of this machine")
        return found

    def _connect_in(self, folder: int, process: Process) -> socket.socket | Answer:
        found = self._step(folder, socket_name(process.identity), _SOCKET)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            _check(os.fstat(found), process.uid, stat.S_IFSOCK)
            made.connect(f"/proc/self/fd/{found}")
        except BlockingIOError:
            made.close()
            return Answer(AnswerKind.HUNG, "it does not take connections")
        except ConnectionRefusedError:  # its program has ended, or runs another one (execve(2))
            made.close()
            return Answer(AnswerKind.NONE, "it does not listen any more")
        except BaseException:
            made.close()
            raise
        finally:
            os.close(found)
        return made


def _check(found: os.stat_result, uid: int, kind: int) -> None:
    """PermissionError for what is not of that kind, and not the user's own."""
    private = kind != stat.S_IFDIR or not found.st_mode & 0o077
    if stat.S_IFMT(found.st_mode) != kind or found.st_uid != uid or not private:
        raise PermissionError(errno.EACCES, "not the user's own")


# -- who listens ---------------------------------------------------------------------------------


def _why_impostor(connected: socket.socket, process: Process, handle: PidfdHandle) -> str:
    """Why who listens is not that process; empty when it is. The handle was opened before."""
    pid, uid = peer_of(connected)
    if uid != process.uid:
        return f"user {uid} listens under its name"
    if pid != process.pid:
        return f"process {pid} listens under its name"
    if handle.exited or not is_still(connected, process.pid):
        return "a process that has exited listened under its name"
    return ""
