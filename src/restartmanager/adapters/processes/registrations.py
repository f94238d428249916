"""Registrations of other processes, read out of them: the other half of ``restartmanager.app``.

Nothing of one is believed that could be forged by somebody else than the process: a descriptor can
be handed to a stranger (unix(7)), a file can be called like a memfd, and a file system in user
space can make whoever touches it wait for ever.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.mounts import mount_number
from restartmanager.adapters.proc.procfs import PROC, ProcDirectory
from restartmanager.app.registration import MEMFD_NAME, SIZE_LIMIT, unpack
from restartmanager.errors import ProcessError

if TYPE_CHECKING:
    from restartmanager.model import Process, RestartRegistration


_LINK_TEXT = f"/memfd:{MEMFD_NAME} (deleted)"
_DESCRIPTORS_LIMIT = 65536
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK


def registration_of(process: Process, proc: str = PROC) -> RestartRegistration | None:
    """The registration of this process about coming back; None where there is no valid one, it has
    exited, or the caller may not look.

    Valid is a sealed memfd, made by the user of the process or by root, that names this process.
    The first 65536 descriptors are looked at. Never raises for what a process holds.
    """
    with contextlib.suppress(ProcessError, OSError), ProcDirectory(process.pid, proc) as directory:
        view = directory.living_view()
        if view is None:
            return None
        for number in islice(directory.descriptors(view), _DESCRIPTORS_LIMIT):
            found = _registration_in(directory, f"{view}fd/{number}", process)
            if found is not None:
                return found
    return None


def _registration_in(
    directory: ProcDirectory, link: str, process: Process
) -> RestartRegistration | None:
    with contextlib.suppress(OSError):
        if directory.readlink(link) != _LINK_TEXT:
            return None
        fd = os.open(link, os.O_PATH | os.O_CLOEXEC, dir_fd=directory.fd)
        try:
            data = _content(fd, process.uid)
        finally:
            os.close(fd)
        found = None if data is None else unpack(data)
        if found is not None and found[0] == process.identity:
            return found[1]
    return None


def _content(path_fd: int, uid: int) -> bytes | None:
    """The contents of the memfd behind an O_PATH descriptor; None when it is not one to be
    believed."""
    mount = mount_number(path_fd)
    if mount is None or mount != _mount_of_memfds():
        return None  # not looked at any closer: opening a device or a FIFO has effects
    fd = os.open(f"/proc/self/fd/{path_fd}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        file = os.fstat(fd)
        if not stat.S_ISREG(file.st_mode) or file.st_uid not in {0, uid}:
            return None
        if file.st_size > SIZE_LIMIT or fcntl.fcntl(fd, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
            return None
        return os.pread(fd, SIZE_LIMIT, 0)
    finally:
        os.close(fd)


@cache
def _mount_of_memfds() -> bytes | None:
    """The kernel's own mount, on which all memfds lie and nothing that has a path."""
    fd = os.memfd_create("restartmanager-probe", os.MFD_CLOEXEC)
    try:
        return mount_number(fd)
    finally:
        os.close(fd)
