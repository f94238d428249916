"""Recipes: all that is needed to start a process again, read out of the process.

A process must not come back with more rights than it has, so what cannot be given back is refused
here, with the reason: another root directory or namespace, a sandbox, rights of a set-user-ID
program. What is read belongs together: the auxiliary vector (getauxval(3)), which the kernel fills
with fresh random numbers at every execve(2), is the same before and after.
"""

from __future__ import annotations

import os
import re
import stat
import struct
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.formats import DELETED, parse_arguments
from restartmanager.adapters.proc.procfs import PROC, ProcDirectory
from restartmanager.adapters.proc.ways import Ways
from restartmanager.adapters.processes.attributes import read_attributes
from restartmanager.adapters.processes.starting import is_confined
from restartmanager.adapters.processes.streams import read_streams
from restartmanager.errors import (
    NotRestartableError,
    ProcessAccessError,
    ProcessError,
    ProcessGoneError,
)
from restartmanager.model import Recipe

if TYPE_CHECKING:
    from restartmanager.model import Process, RestartRegistration
    from restartmanager.model.recipes import Attributes


_KEPT_LIMIT = 2 * 1024 * 1024
"""The number of bytes of arguments, and of variables, that the session memory keeps for each
application: what a program can be given while the limit of its stack is the usual 8 megabytes
(execve(2))."""
_STATUS_LIMIT = 1024 * 1024  # 65536 groups (NGROUPS_MAX) of up to ten digits take most of it
_ATTEMPTS = 100  # who runs another program at each of them does so on purpose
_NAMESPACES = (
    *("mnt", "user", "pid", "net", "ipc", "uts", "cgroup", "time"),
    *("pid_for_children", "time_for_children"),
)
_SCHED_DEADLINE = 6  # linux/sched.h
_WAKE_ALARM = 1 << 35
"""CAP_WAKE_ALARM, which systemd gives to everything in a login (pam_systemd(8)): whoever loses it
has lost no restriction, and nearly nobody uses it."""
_AT_UID, _AT_GID, _AT_SECURE = 11, 13, 23
_LIMITS = {  # proc_pid_limits(5) → getrlimit(2); the numbers are the same on what Python runs on
    b"Max cpu time": 0,
    b"Max file size": 1,
    b"Max data size": 2,
    b"Max stack size": 3,
    b"Max core file size": 4,
    b"Max resident set": 5,
    b"Max processes": 6,
    b"Max open files": 7,
    b"Max locked memory": 8,
    b"Max address space": 9,
    b"Max file locks": 10,
    b"Max pending signals": 11,
    b"Max msgqueue size": 12,
    b"Max nice priority": 13,
    b"Max realtime priority": 14,
    b"Max realtime timeout": 15,
}
_LIMIT = re.compile(rb"(?m)^(.{25}) (unlimited|[0-9]{1,20}) +(unlimited|[0-9]{1,20})(?= |$)")
_NO_LIMIT = -1


def read_recipe(
    process: Process, registration: RestartRegistration | None, proc: str = PROC
) -> Recipe:
    """The recipe that starts this process again: its registered command or, without a registration,
    the command it was started with. The program is the one it runs, whatever it registered; where
    that was replaced meanwhile, it is what stands at its path now.

    User and group are the real ones. Variables that have no name, and later ones of the same name,
    are left out (getenv(3) finds the first). Limits are numbers, -1 for none.

    Raises ProcessGoneError; ProcessAccessError where the caller may not look; ProcessError with
    the reason where it cannot be started again as it is.
    """
    with ProcDirectory(process.pid, proc) as directory:
        try:
            for _ in range(_ATTEMPTS):
                reader = _Reader(directory, process)
                try:
                    recipe = reader.recipe(registration)
                except (ProcessGoneError, ProcessAccessError):
                    raise
                except ProcessError:
                    if reader.is_settled():
                        raise
                else:
                    if reader.is_settled():
                        return recipe
                os.sched_yield()
        except PermissionError:
            raise ProcessAccessError(process.pid, "see how it was started") from None
    raise NotRestartableError(process.pid, "it keeps running other programs")


class _Reader:
    """One reading of one process."""

    def __init__(self, directory: ProcDirectory, process: Process) -> None:
        self._directory = directory
        self._pid = process.pid
        view = directory.living_view()
        facts = directory.stat()
        if view is None or facts is None or facts.start_ticks != process.identity.start_ticks:
            raise ProcessGoneError(process.pid)
        self._view = view
        self._starter = "/proc/1" if is_confined() else "/proc/self"
        self._auxiliary = self._read("auxv")
        self._in_execve = directory.in_execve(view)

    def is_settled(self) -> bool:
        """Whether it has run the same program all the time, and was not just about to."""
        complete = not self._in_execve and _AT_SECURE in parse_auxiliary(self._auxiliary)
        return complete and self._read("auxv") == self._auxiliary

    def recipe(self, registration: RestartRegistration | None) -> Recipe:
        status = parse_status(self._bounded("status", _STATUS_LIMIT))
        self._check_surroundings()
        self._check_restrictions(status)
        uid, gid = self._user(status)
        ways = Ways(uid)
        executable = self._executable(ways)
        arguments = registration.command if registration else self._arguments(executable)
        return Recipe(
            executable=executable,
            arguments=arguments,
            directory=self._working_directory(ways),
            environment=parse_environment(self._bounded("environ", _KEPT_LIMIT)),
            uid=uid,
            gid=gid,
            groups=tuple(int(group) for group in status.get(b"Groups", b"").split()),
            umask=int(status.get(b"Umask", b"0022"), 8),
            nice=self._niceness(),
            limits=parse_limits(self._read("limits")),
            attributes=self._attributes(status),
            streams=read_streams(self._directory, self._view),
        )

    def _attributes(self, status: dict[bytes, bytes]) -> Attributes:
        attributes = read_attributes(self._directory, status)
        if attributes.scheduler[0] == _SCHED_DEADLINE:
            raise self._refusal("its deadlines (sched(7)) could not be given to it again")
        return attributes

    def _read(self, name: str) -> bytes:
        text = self._directory.read(self._view + name)
        if text is None:
            raise ProcessGoneError(self._pid)
        return text

    def _link(self, name: str) -> str:
        try:
            text = self._directory.readlink(self._view + name)
        except PermissionError:
            raise
        except (
            OSError
        ) as error:  # ENAMETOOLONG: a process can make its directory as deep as it likes
            why = (error.strerror or "no answer").lower()
            raise self._refusal(f"where its {name} leads cannot be read ({why})") from None
        if text is None:
            self._read("stat")
            raise self._refusal("it runs no program that could be started again")
        return text

    def _of_starter(self, name: str) -> bytes:
        with open(f"{self._starter}/{name}", "rb") as file:
            return file.read()

    def _bounded(self, name: str, limit: int) -> bytes:
        text = self._directory.read(self._view + name, limit + 1)
        if text is None:
            raise ProcessGoneError(self._pid)
        if len(text) > limit:
            raise self._refusal(f"its {name} takes more than {limit} bytes")
        return text

    def _refusal(self, why: str) -> NotRestartableError:
        return NotRestartableError(self._pid, why)

    # -- the command -----------------------------------------------------------------------------

    def _executable(self, ways: Ways) -> str:
        """The path of its program. A way is walked only as far as it is safe: behind that may be
        what never answers."""
        path = self._link("exe")
        if path.endswith(DELETED) and not self._is_program(ways.to_file(path).facts):
            path = path.removesuffix(DELETED)
        way = ways.to_file(path)
        mode = way.facts.st_mode if way.facts is not None and os.path.isabs(path) else 0
        if not mode and way.risk:
            raise self._refusal(way.risk)
        if not stat.S_ISREG(mode) or not mode & 0o111:
            raise self._refusal(f"there is no program {path!r} any more")
        return path

    def _is_program(self, found: os.stat_result | None) -> bool:
        """Whether this is what it runs: a file may be called "x (deleted)"."""
        program = self._directory.stat_link(self._view + "exe")
        return program is not None and found is not None and os.path.samestat(found, program)

    def _arguments(self, executable: str) -> tuple[str, ...]:
        arguments = parse_arguments(self._bounded("cmdline", _KEPT_LIMIT))
        if not arguments or not arguments[0]:
            return (executable, *arguments[1:])
        return arguments

    def _working_directory(self, ways: Ways) -> str:
        """Its working directory, or what has the name of that now."""
        path = self._link("cwd")
        if path.endswith(DELETED) and ways.to_working_directory(path).missing:
            path = path.removesuffix(DELETED)
        way = ways.to_working_directory(path)
        if way.missing and not way.risk:
            raise self._refusal(f"its working directory {path!r} is gone")
        return path

    def _niceness(self) -> int:
        text = self._read("stat")
        return int(text[text.rindex(b")") + 1 :].split()[16])

    # -- rights ----------------------------------------------------------------------------------

    def _user(self, status: dict[bytes, bytes]) -> tuple[int, int]:
        """The real user and group: a set-user-ID program gets the rest from its file again.

        Where such a program took them over as its real ones, its environment still is that of the
        user who ran it: started with these rights from the outset, it would trust it.
        """
        uid, gid = (int(status[name].split()[0]) for name in (b"Uid", b"Gid"))
        auxiliary = parse_auxiliary(self._auxiliary)
        started_as = (auxiliary.get(_AT_UID), auxiliary.get(_AT_GID))
        if auxiliary.get(_AT_SECURE) != 0 and started_as != (uid, gid):
            raise self._refusal("it has taken over the rights of a set-user-ID program")
        return uid, gid

    def _check_surroundings(self) -> None:
        if self._link("root") != os.readlink(f"{self._starter}/root"):
            raise self._refusal("it has a root directory of its own")
        for name in _NAMESPACES:
            theirs = self._directory.readlink(f"{self._view}ns/{name}")
            try:
                ours = os.readlink(f"{self._starter}/ns/{name}")
            except FileNotFoundError:
                ours = None
            if theirs != ours:
                raise self._refusal(f"it lives in another namespace ({name})")

    def _check_restrictions(self, status: dict[bytes, bytes]) -> None:
        """A process in a sandbox must not get out of it by being started again."""
        ours = parse_status(self._of_starter("status"))
        for name in (b"NoNewPrivs", b"Seccomp", b"Seccomp_filters"):
            if int(status.get(name, b"0")) > int(ours.get(name, b"0")):
                raise self._refusal("it runs in a sandbox that it would not be in any more")
        if _capabilities(ours, b"CapBnd") & ~_capabilities(status, b"CapBnd"):
            raise self._refusal("it runs with fewer capabilities than it would get")
        self._check_capabilities(status, ours)

    def _check_capabilities(self, status: dict[bytes, bytes], ours: dict[bytes, bytes]) -> None:
        """Whether it would have the same capabilities again.

        Root gets all of the bounding set by execve(2). A root process that has fewer was started
        so (securebits, which show nowhere else), or has given them up: which, nobody can tell.
        """
        is_root = status.get(b"Uid", b"").split()[:1] == [b"0"]
        gained = _capabilities(ours, b"CapBnd") & ~_capabilities(status, b"CapPrm")
        if is_root and gained:
            raise self._refusal("it runs with fewer capabilities than root would get")
        lost = _capabilities(status, b"CapAmb") & ~_capabilities(ours, b"CapAmb") & ~_WAKE_ALARM
        if lost:
            raise self._refusal("it would not get its ambient capabilities again")
        inherited = _capabilities(status, b"CapInh") ^ _capabilities(ours, b"CapInh")
        if inherited & ~_WAKE_ALARM:
            raise self._refusal("it has other inheritable capabilities than it would get")


# -- the formats of proc(5) --------------------------------------------------------------------


def _capabilities(status: dict[bytes, bytes], name: bytes) -> int:
    return int(status.get(name, b"0"), 16)


def parse_status(text: bytes) -> dict[bytes, bytes]:
    """The lines of a ``status`` file by their names; the first one of a name counts."""
    found: dict[bytes, bytes] = {}
    for line in text.split(b"\n"):
        name, _, value = line.partition(b":")
        found.setdefault(name, value.strip())
    return found


def parse_environment(text: bytes) -> tuple[tuple[str, str], ...]:
    """The variables in the contents of an ``environ`` file, in order; those without a name, and
    later ones of the same name, left out."""
    found: dict[bytes, bytes] = {}
    for entry in text.split(b"\0"):
        name, assigned, value = entry.partition(b"=")
        if name and assigned:
            found.setdefault(name, value)
    return tuple((os.fsdecode(name), os.fsdecode(value)) for name, value in found.items())


def parse_limits(text: bytes) -> tuple[tuple[int, int, int], ...]:
    """Resource number, soft and hard limit (-1: none) from a ``limits`` file."""
    limits = []
    for name, *values in _LIMIT.findall(text):
        number = _LIMITS.get(name.rstrip())
        if number is not None:
            soft, hard = (_NO_LIMIT if v == b"unlimited" else int(v) for v in values)
            limits.append((number, soft, hard))
    return tuple(limits)


def parse_auxiliary(text: bytes) -> dict[int, int]:
    """The entries of an ``auxv`` file, of a 64-bit or a 32-bit program; empty when it is neither.

    AT_SECURE (23) is among them in both, which tells the right word size from the wrong one.
    """
    for word in ("=QQ", "=II"):
        size = struct.calcsize(word)
        found: dict[int, int] = {}
        for key, value in struct.iter_unpack(word, text[: len(text) // size * size]):
            if key == 0:
                break
            found.setdefault(key, value)
        if _AT_SECURE in found and _AT_UID in found:
            return found
    return {}
