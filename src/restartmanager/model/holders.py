"""Holders: processes that use registered resources, with the evidence for each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from restartmanager.model.identity import UniqueProcess


class How(StrEnum):
    """The way in which a process uses a file."""

    EXECUTABLE = "executable"
    """The file is the program that the process runs."""
    MAPPED = "mapped"
    """The file is mapped into memory: a library, a data file."""
    OPEN = "open"
    """A descriptor is open on the file."""
    CWD = "cwd"
    """The file is the working directory."""
    ROOT = "root"
    """The file is the root directory (chroot(2))."""
    SCRIPT = "script"
    """An interpreter was started with the file, which it need not hold open."""
    SOCKET = "socket"
    """The file is a socket that the process has bound."""


class Evidence(NamedTuple):
    """The fact that makes a process a holder: it uses the file registered as ``path``, in the ways
    ``how``.

    ``stale`` is true where the process uses a file that is no longer the one at that path.
    """

    pid: int
    path: str
    how: tuple[How, ...]
    stale: bool


@dataclass(frozen=True, slots=True)
class Process:
    """The facts about one process. ``name``, ``executable`` and ``arguments`` are its own
    claims."""

    identity: UniqueProcess
    parent_pid: int
    name: str
    executable: str | None
    arguments: tuple[str, ...]
    uid: int
    process_group: int
    session: int
    terminal: bool
    cgroup: str | None = None
    same_pid_namespace: bool = True
    kernel_thread: bool = False

    @property
    def pid(self) -> int:
        """The process number, for display; actions go by ``identity``."""
        return self.identity.pid


class Holder(NamedTuple):
    """A process that uses registered resources. There is no evidence where the process itself was
    registered."""

    process: Process
    evidence: tuple[Evidence, ...]


class Unexplained(NamedTuple):
    """A file that is in use although no process can be named that uses it."""

    path: str
    reason: str


class Ignored(NamedTuple):
    """A replaced file that processes still run, and that a rule of the policy leaves out."""

    path: str
    reason: str
    pids: tuple[int, ...]


class Unresponsive(NamedTuple):
    """A process that cannot be looked into because the kernel does not answer: its memory is
    locked, or a file of its own lies on a file system that does not answer."""

    pid: int
    name: str


class Sighting(NamedTuple):
    """The result of one look at the machine.

    ``not_inspectable`` counts the processes that the caller may not look into: an answer of
    "nobody" with such processes is not a proof.
    """

    holders: tuple[Holder, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
    inspected: int = 0
    not_inspectable: int = 0
    ignored: tuple[Ignored, ...] = ()
    newer_kernel: str = ""
    """The release of a kernel that is installed and newer than the one that runs."""
    unresponsive: tuple[Unresponsive, ...] = ()
    """Processes that count as not inspectable because they did not answer in time."""
