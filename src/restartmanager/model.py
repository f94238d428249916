"""The words of this program as records: resources → holders → applications → outcomes.

Everything here is frozen data; nothing here looks at the system. Text that came from a process
(names, arguments, paths) is hostile and kept as it was, undecodable bytes as surrogate escapes;
whoever shows it escapes it. Paths are always absolute.

The numbers of Status, RebootReason, FilterAction, FilterTrigger and RestartFlags are those of the
Windows API, so that they mean the same in every front door.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restartmanager.identity import UniqueProcess

__all__ = [
    "Affected",
    "AppType",
    "Application",
    "Evidence",
    "FileIdentity",
    "FileResource",
    "Filter",
    "FilterAction",
    "FilterTrigger",
    "Holder",
    "How",
    "Ignored",
    "Outcome",
    "Process",
    "RebootReason",
    "Recipe",
    "Required",
    "Resources",
    "RestartBy",
    "RestartFlags",
    "RestartRegistration",
    "Result",
    "Service",
    "Sighting",
    "Signal",
    "Status",
    "Step",
    "TreeResource",
    "Unexplained",
    "words",
]


def words(flags: enum.Flag) -> tuple[str, ...]:
    """The names of the set bits as they are shown: lower case, with dashes."""
    return tuple(str(bit.name).lower().replace("_", "-") for bit in flags)


# -- resources: what will be changed -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Which file a path led to at one moment: more than its name, which the next file inherits.

    Device and inode say which file; change time and size tell whether it was overwritten in place
    since. The mount does not matter: the same file is the same file on every path to it.
    """

    device: int
    inode: int
    ctime_ns: int
    size: int


@dataclass(frozen=True, slots=True)
class FileResource:
    """One file that will be changed; ``identity`` is None when there was none at registration."""

    path: str
    identity: FileIdentity | None


@dataclass(frozen=True, slots=True)
class TreeResource:
    """A directory below which anything may change. ``entries`` is what was there at registration,
    the directory itself included."""

    path: str
    entries: tuple[FileResource, ...] = ()


@dataclass(frozen=True, slots=True)
class Resources:
    """What was registered, by kind; services by the names that were given."""

    files: tuple[FileResource, ...] = ()
    trees: tuple[TreeResource, ...] = ()
    processes: tuple[UniqueProcess, ...] = ()
    services: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.trees or self.processes or self.services)


# -- holders: who uses it, and the evidence ----------------------------------------------------


class How(StrEnum):
    """In which way a process uses a file."""

    EXECUTABLE = "executable"
    """It is the program that the process runs."""
    MAPPED = "mapped"
    """It is mapped into memory: a library, a data file."""
    OPEN = "open"
    """A descriptor is open on it."""
    CWD = "cwd"
    """It is the working directory."""
    ROOT = "root"
    """It is the root directory (chroot(2))."""
    SCRIPT = "script"
    """An interpreter was started with it; nothing may be held open."""
    SOCKET = "socket"
    """It is the path of a socket that the process has bound."""


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """Why a process is listed: it uses the file registered as ``path``, in the ways ``how``.

    ``stale`` is true where the process uses a file that is no longer the one at that path.
    """

    pid: int
    path: str
    how: tuple[How, ...]
    stale: bool


@dataclass(frozen=True, slots=True)
class Process:
    """What is known about one process; ``executable`` and ``arguments`` are its own claims."""

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
        """The process number, for showing; act on ``identity`` only."""
        return self.identity.pid


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that uses registered resources; no evidence where the process was itself
    registered."""

    process: Process
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A file that is in use, while no process can be named that uses it."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A replaced file that some processes still run, and that a rule of the policy excludes."""

    path: str
    reason: str
    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sighting:
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


@dataclass(frozen=True, slots=True)
class Service:
    """A service as its manager knows it. ``manager`` is "systemd", "supervisord" and so on."""

    manager: str
    name: str
    description: str = ""


# -- applications: what would be closed --------------------------------------------------------


class AppType(StrEnum):
    """What kind of application it is, which decides the order and the manner of closing."""

    UNKNOWN = "unknown"
    """A process without terminal, window or manager."""
    MAIN_WINDOW = "main-window"
    """It owns a top-level window."""
    OTHER_WINDOW = "other-window"
    """A graphical program without a top-level window of its own."""
    SERVICE = "service"
    """A service manager runs it."""
    SHELL = "shell"
    """The desktop itself: compositor, panel, session manager."""
    CONSOLE = "console"
    """It has a controlling terminal."""
    CONTAINER = "container"
    """It runs in a container or another pid namespace."""
    CRITICAL = "critical"
    """It cannot be closed: essential, out of reach, or ourselves. ``reboot_reasons`` says why."""


class Status(enum.IntFlag):
    """What the application does and what was done to it; several may be set (RM_APP_STATUS)."""

    UNKNOWN = 0
    RUNNING = 0x01
    """It runs now."""
    STOPPED = 0x02
    """This session stopped it; stays set when it is brought back."""
    STOPPED_OTHER = 0x04
    """It went away without us."""
    RESTARTED = 0x08
    """This session brought it back."""
    ERROR_ON_STOP = 0x10
    """It could not be stopped."""
    ERROR_ON_RESTART = 0x20
    """It could not be brought back."""
    SHUTDOWN_MASKED = 0x40
    """A filter keeps it from being stopped."""
    RESTART_MASKED = 0x80
    """A filter keeps it from being brought back."""


class RebootReason(enum.IntFlag):
    """Why stopping an application is not possible (RM_REBOOT_REASON)."""

    NONE = 0
    PERMISSION_DENIED = 0x01
    """The caller has no right to stop it."""
    SESSION_MISMATCH = 0x02
    """It lives in a container or another pid namespace."""
    CRITICAL_PROCESS = 0x04
    """The machine or the desktop does not survive its end."""
    CRITICAL_SERVICE = 0x08
    """The same, for a service."""
    DETECTED_SELF = 0x10
    """It is the caller, or one of its ancestors, or another installer of the session."""


class Required(StrEnum):
    """What it takes until the change is in effect, from least to most."""

    NONE = "none"
    RESTART = "restart"
    RELOGIN = "relogin"
    MANAGER_REEXEC = "manager-reexec"
    SOFT_REBOOT = "soft-reboot"
    REBOOT = "reboot"

    @classmethod
    def most(cls, levels: Iterable[Required]) -> Required:
        """The greatest of them; NONE when there is none."""
        order = list(cls)
        return max(levels, key=order.index, default=cls.NONE)


class RestartBy(StrEnum):
    """By what means an application comes back."""

    UNIT = "unit"
    """Its service manager starts it."""
    REGISTERED = "registered"
    """The command it registered itself."""
    DESKTOP = "desktop"
    """Its desktop entry."""
    COMMAND = "command"
    """The command it was started with; only where the caller asked for that."""
    NONE = "none"
    """It stays closed."""


@dataclass(frozen=True, slots=True)
class Application:
    """One service, or a process with the helpers that belong to it."""

    name: str
    type: AppType
    main_process: Process | None
    processes: tuple[Process, ...] = ()
    service: Service | None = None
    evidence: tuple[Evidence, ...] = ()
    status: Status = Status.RUNNING
    restart_by: RestartBy = RestartBy.NONE
    reboot_reasons: RebootReason = RebootReason.NONE
    required: Required = Required.RESTART
    reason: str = ""
    """In words: why it cannot be stopped, or what became of it; empty when there is nothing to
    say."""

    @property
    def key(self) -> str:
        """What this application is filed under within a session."""
        if self.service is not None:
            return f"service:{self.service.manager}:{self.service.name}"
        if self.main_process is None:
            return f"name:{self.name}"
        identity = self.main_process.identity
        return f"process:{identity.pid}:{identity.start_ticks}:{identity.boot_id}"

    @property
    def restartable(self) -> bool:
        """Whether it would be brought back."""
        return self.restart_by is not RestartBy.NONE


@dataclass(frozen=True, slots=True)
class Affected:
    """The list: every application that uses registered resources now, and every one that this
    session has acted on."""

    applications: tuple[Application, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
    inspected: int = 0
    not_inspectable: int = 0
    ignored: tuple[Ignored, ...] = ()

    @classmethod
    def of(cls, applications: tuple[Application, ...], sighting: Sighting) -> Affected:
        """These applications, with what the look at the machine had to say besides."""
        return cls(
            applications,
            sighting.unexplained,
            sighting.inspected,
            sighting.not_inspectable,
            sighting.ignored,
        )

    @property
    def reboot_reasons(self) -> RebootReason:
        """All reasons together; non-zero means that shutdown would touch nothing.

        Applications that a filter keeps from being stopped do not count: leaving them alone is
        what the caller asked for.
        """
        reasons = RebootReason.NONE
        for application in self.applications:
            if not application.status & Status.SHUTDOWN_MASKED:
                reasons |= application.reboot_reasons
        return reasons

    @property
    def required(self) -> Required:
        """What it takes for all of them."""
        return Required.most(application.required for application in self.applications)


# -- filters -----------------------------------------------------------------------------------


class FilterTrigger(enum.IntEnum):
    """What a filter looks at (RM_FILTER_TRIGGER)."""

    EXECUTABLE = 1
    PROCESS = 2
    SERVICE = 3


class FilterAction(enum.IntEnum):
    """What a filter forbids (RM_FILTER_ACTION)."""

    NO_RESTART = 1
    """It may be stopped, and is not brought back."""
    NO_SHUTDOWN = 2
    """It is neither stopped nor brought back."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What must not be done to one target: the path of an executable (not of the locked file),
    a process, or the name of a service."""

    target: str | UniqueProcess
    trigger: FilterTrigger
    action: FilterAction


# -- asking a process to exit ------------------------------------------------------------------


class Signal(StrEnum):
    """What is sent to a process, by meaning."""

    TERMINATE = "terminate"
    """Please exit (SIGTERM)."""
    HANG_UP = "hang-up"
    """Your terminal is gone (SIGHUP): what a shell obeys when it ignores SIGTERM."""
    KILL = "kill"
    """No more asking (SIGKILL)."""


# -- coming back -------------------------------------------------------------------------------


class RestartFlags(enum.IntFlag):
    """After what an application does *not* want to be brought back (RegisterApplicationRestart)."""

    NONE = 0
    NO_CRASH = 1
    NO_HANG = 2
    NO_PATCH = 4
    """After an update: what this program does."""
    NO_REBOOT = 8


@dataclass(frozen=True, slots=True)
class RestartRegistration:
    """What an application said about coming back: its program with the arguments it wants."""

    command: tuple[str, ...]
    flags: RestartFlags = RestartFlags.NONE


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that is needed to start a process as it was. The environment is a secret."""

    executable: str
    arguments: tuple[str, ...]
    directory: str
    environment: tuple[tuple[str, str], ...] = field(repr=False)
    uid: int
    gid: int
    groups: tuple[int, ...]
    umask: int
    nice: int
    limits: tuple[tuple[int, int, int], ...]
    """Resource number, soft limit, hard limit (getrlimit(2))."""


# -- outcomes ----------------------------------------------------------------------------------


class Step(StrEnum):
    """What was done, or tried."""

    STOP = "stop"
    START = "start"


class Result(StrEnum):
    """How it went."""

    DONE = "done"
    SKIPPED = "skipped"
    """Left alone on purpose; the message says why."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one application in one step."""

    application: Application
    step: Step
    result: Result
    message: str = ""
    process: UniqueProcess | None = None
    """The new process, where one was started."""

    @property
    def failed(self) -> bool:
        """Whether this is a result that the caller must know about."""
        return self.result is Result.FAILED

    def of(self, application: Application) -> Outcome:
        """The same outcome for the application as it is known now."""
        return replace(self, application=application)
