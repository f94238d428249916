"""Processes as ``/proc`` shows them, each read through one directory handle, with bounds.

A handle on ``/proc/PID`` belongs to the process, not to its number: when the process ends, reading
through it fails, also when the number is given to another process (proc(5)). What is read through
one handle is therefore about one process.

That a process exits, becomes a zombie or runs another program in the middle of it is a fact: the
answer is then None or ProcessGoneError. PermissionError means that the caller may not
look (ptrace(2), "Ptrace access mode checking").
"""

from __future__ import annotations

import os
import time
from functools import cache
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.formats import (
    DELETED,
    ProcStat,
    parse_arguments,
    parse_cgroup,
    status_field,
)
from restartmanager.adapters.proc.texts import EXECVE_LIMIT
from restartmanager.adapters.proc.watched import patient_read, patient_stat
from restartmanager.errors import ProcessAccessError, ProcessError, ProcessGoneError
from restartmanager.model import Process
from restartmanager.model.identity import UniqueProcess, boot_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from restartmanager.model.identity import FileNumbers


PROC = "/proc"
_FIRST_PID_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO in include/linux/proc_ns.h
_END_OF_DATA = 43  # in proc_pid_stat(5), counted from behind the name
_SMALL = 16 * 1024  # of longer ones, what is needed stands at the beginning
_OF_ITS_MEMORY = ("cmdline", "environ", "auxv")
"""Files that the kernel reads out of the memory of the process, which may be locked."""
_VANISHED = (FileNotFoundError, ProcessLookupError, NotADirectoryError)


class ProcDirectory:
    """A handle on one process below ``proc``; a context manager that closes it.

    Raises ProcessGoneError when there is no such process, ProcessAccessError when it is hidden
    (``hidepid``, proc(5)).
    """

    __slots__ = ("_proc", "fd", "pid")

    def __init__(self, pid: int, proc: str = PROC) -> None:
        self.pid = pid
        self._proc = proc
        self.fd = -1
        try:
            self.fd = os.open(f"{proc}/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except _VANISHED:
            raise ProcessGoneError(pid) from None
        except PermissionError:
            raise ProcessAccessError(pid, "look at it") from None

    def close(self) -> None:
        """Let go of it; any number of times."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, name: str, limit: int = _SMALL) -> bytes | None:
        """At most ``limit`` bytes of one of its files; None when it is gone (PermissionError)."""
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.fd)
        except _VANISHED:
            return None
        try:
            if name.endswith(_OF_ITS_MEMORY):
                return _read_up_to(descriptor, limit, f"{self._proc}/{self.pid}/")
            return _read_up_to(descriptor, limit)
        except _VANISHED:
            return None
        finally:
            os.close(descriptor)

    def readlink(self, name: str) -> str | None:
        """The text of one of its links; None when there is none (PermissionError; ENAMETOOLONG)."""
        try:
            return os.readlink(name, dir_fd=self.fd)
        except _VANISHED:
            return None

    def stat_link(self, name: str) -> os.stat_result | None:
        """The file that one of its links leads to (the file itself, whatever its path); None when
        gone.

        Raises PermissionError, also where the file's mount does not answer.
        """
        try:
            return patient_stat(name, f"{self._proc}/{self.pid}/", dir_fd=self.fd)
        except _VANISHED:
            return None

    def names(self, folder: str) -> list[str]:
        """The entries of one of its folders; empty when it is gone (PermissionError)."""
        try:
            descriptor = os.open(
                folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.fd
            )
        except _VANISHED:
            return []
        try:
            return os.listdir(descriptor)
        except _VANISHED:
            return []
        finally:
            os.close(descriptor)

    def descriptors(self, view: str = "") -> list[str]:
        """The numbers of its open descriptors; ``view`` is "" or ``task/TID/``, from ``views``."""
        return self.names(view + "fd")

    def views(self) -> list[str]:
        """Prefixes under which each of its threads can be read, the first thread included."""
        return [f"task/{thread}/" for thread in self.names("task")]

    def stat(self, view: str = "") -> ProcStat | None:
        """The facts of ``stat``; None when it is gone. Readable for everybody."""
        text = self.read(view + "stat")
        try:
            return ProcStat.parse(text) if text else None
        except ValueError:
            return None

    def in_execve(self, view: str = "") -> bool:
        """Whether it is in the middle of an execve(2), so that it seems to have neither arguments
        nor variables. Where they lie is written down after the auxiliary vector, and where its data
        ends after all of that (kernel: fs/binfmt_elf.c).

        False when it is gone, or may not be looked into.
        """
        try:
            self.read(view + "auxv", 1)
        except PermissionError:  # where its data ends is kept from us, as if it were not known yet
            return False
        text = self.read(view + "stat") or b""
        fields = text.rpartition(b")")[2].split()
        return fields[_END_OF_DATA : _END_OF_DATA + 1] == [b"0"]

    def living_view(self) -> str | None:
        """The prefix under which its memory and descriptors can be seen: that of another thread
        where the first one has exited; None when nothing of it lives."""
        return self._living_view(self.stat())

    def _living_view(self, facts: ProcStat | None) -> str | None:
        if facts is None or facts.dead:
            return None
        if not facts.zombie_leader:
            return ""
        for view in self.views():
            thread = self.stat(view)
            if thread is not None and not thread.zombie_leader:
                return view
        return None

    def describe(self) -> Process:
        """The facts about it; what the caller may not see (executable) is None or empty.

        Raises ProcessGoneError when it has exited or only waits to be reaped.
        """
        facts = self.stat()
        view = self._living_view(facts)
        if facts is None or view is None:
            raise ProcessGoneError(self.pid)
        status = _optional(self.read, "status") or b""
        process = Process(
            identity=UniqueProcess(self.pid, facts.start_ticks, boot_id()),
            parent_pid=facts.parent_pid,
            name=facts.name,
            executable=None if facts.kernel_thread else self._executable(view),
            arguments=parse_arguments(self.read(view + "cmdline", EXECVE_LIMIT) or b""),
            uid=self._uid(status),
            process_group=facts.process_group,
            session=facts.session,
            terminal=facts.tty != 0,
            cgroup=parse_cgroup(_optional(self.read, "cgroup") or b""),
            same_pid_namespace=self._in_our_pid_namespace(status),
            kernel_thread=facts.kernel_thread,
        )
        if self.stat() is None:  # gone meanwhile: some facts would be missing
            raise ProcessGoneError(self.pid)
        return process

    def _executable(self, view: str) -> str | None:
        """The path of its program, without the kernel's remark that it was removed."""
        try:
            path = self.readlink(view + "exe")
            if path is None or not path.endswith(DELETED):
                return path
            program = self.stat_link(view + "exe")
        except OSError:
            return None
        for root in ("", f"{self._proc}/{self.pid}/{view}root"):
            if program is not None and _leads_to(root, path, program):
                return path
        return path.removesuffix(DELETED)

    def _uid(self, status: bytes) -> int:
        """The effective user; from ``status``, for the folder of a process that may not be dumped
        belongs to root whoever runs it (proc(5))."""
        try:
            return int(status_field(status, b"Uid").split()[1])
        except (IndexError, ValueError):
            return os.fstat(self.fd).st_uid

    def _in_our_pid_namespace(self, status: bytes) -> bool:
        try:
            theirs = self.readlink("ns/pid")
        except OSError:
            theirs = None
        ours = _own_pid_namespace(self._proc)
        if theirs is not None and ours is not None:
            return theirs == ours
        return len(status_field(status, b"NSpid").split()) <= 1


def boot_time() -> float:
    """The instant of the boot in seconds since 1970, by the clock as it is set now.

    ``btime`` of /proc/stat is in whole seconds, which cannot tell a process that was started just
    before a file was changed from one that was started just after. Two answers may differ by the
    time between two looks at a clock, and by what the clock was set forward or back meanwhile.
    """
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def pids(proc: str = PROC) -> list[int]:
    """The numbers of all processes that can be seen now."""
    return [int(name) for name in os.listdir(proc) if name.isascii() and name.isdigit()]


def describe(identity: UniqueProcess, proc: str = PROC) -> Process:
    """The facts about a process.

    Raises ProcessGoneError when it has exited, only waits to be reaped, or its number belongs to
    another process by now; ProcessAccessError when it is hidden from the caller.
    """
    with ProcDirectory(identity.pid, proc) as directory:
        try:
            process = directory.describe()
        except PermissionError:
            raise ProcessAccessError(identity.pid, "look at it") from None
    if process.identity != identity:
        raise ProcessGoneError(identity.pid)
    return process


def program_of(identity: UniqueProcess, proc: str = PROC) -> FileNumbers | None:
    """The file of the program that a process runs; None where it is gone, is another process by
    now, or does not let the caller see it."""
    try:
        with ProcDirectory(identity.pid, proc) as directory:
            file = directory.stat_link("exe")
            facts = directory.stat()
    except (ProcessError, OSError):
        return None
    if file is None or facts is None:
        return None
    if UniqueProcess(identity.pid, facts.start_ticks, boot_id()) != identity:
        return None
    return file.st_dev, file.st_ino


def _read_up_to(descriptor: int, limit: int, subject: str = "") -> bytes:
    """``subject`` is what the kernel may make us wait for: see ``watched``."""
    parts = []
    while limit > 0:
        size = min(limit, 64 * 1024)
        part = patient_read(descriptor, size, subject) if subject else os.read(descriptor, size)
        if not part:
            break
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def _optional(read: Callable[[str], bytes | None], name: str) -> bytes | None:
    try:
        return read(name)
    except OSError:
        return None


def _leads_to(root: str, path: str, file: os.stat_result) -> bool:
    """Whether that file is at this path, where a stranger may have put what never answers."""
    try:
        found = patient_stat(root + path, path)
    except (OSError, ValueError):
        return False
    return (found.st_dev, found.st_ino) == (file.st_dev, file.st_ino)


def in_first_pid_namespace(proc: str = PROC) -> bool:
    """Whether process numbers are those of the kernel, and no process is hidden in a namespace
    above (pid_namespaces(7)). False on proof only."""
    try:
        return os.stat(f"{proc}/self/ns/pid").st_ino == _FIRST_PID_NAMESPACE
    except OSError:
        return True


@cache
def _own_pid_namespace(proc: str) -> str | None:
    try:
        return os.readlink(f"{proc}/self/ns/pid")
    except OSError:
        return None
