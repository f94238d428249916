"""What ``restartctl doctor`` looks at. Nothing is changed: temporary files are gone at once."""

from __future__ import annotations

import os
import platform
import stat
import tempfile
from typing import TYPE_CHECKING

from restartmanager.cli.output.records import Check
from restartmanager.errors import RestartManagerError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable


_SQLITE_MAGIC = b"SQLite format 3\x00"
_HEADER_SIZE = 100
_PACKAGE_TOOLS, _PACKAGE_TOOLS_PATH = ("dpkg-query", "rpm"), "/usr/sbin:/usr/bin:/sbin:/bin"
_VERSION_AT, _APPLICATION_AT = 60, 68  # "Database File Format", the header's fields


def all_checks() -> list[Check]:
    """Everything that matters, the essential first."""
    from restartmanager.cli.doctor.environment import environment_checks

    return [
        _python(),
        _pidfd(),
        _processes(),
        _state_folder(),
        _session_memory(),
        *_ways_of_asking(),
        _package_managers(),
        *_service_managers(),
        *environment_checks(),
    ]


def _python() -> Check:
    version = platform.python_version()
    return Check("Python", ok=True, finding=f"{version}, {platform.system()} {os.uname().release}")


def _pidfd() -> Check:
    meaning = "processes cannot be held on to, so nothing can be closed safely"
    remedy = "use Linux 5.3 or newer, and let system call filters pass pidfd_open"
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError) as error:
        why = getattr(error, "strerror", "") or "Python has been built without them"
        return Check(
            "pidfds", ok=False, finding=why, meaning=meaning, remedy=remedy, essential=True
        )
    return Check("pidfds", ok=True, finding="processes can be held on to", essential=True)


def _processes() -> Check:
    """A look at all processes, which a question about a folder is: nobody else uses this one."""
    from restartmanager.api.questions import who_uses

    name = "Processes"
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile(dir=folder):
        try:
            seen = who_uses(folder)
        except RestartManagerError as error:
            remedy = error.hint or "mount /proc"
            return Check(name, ok=False, finding=error.message, remedy=remedy, essential=True)
    found = any(item.pid == os.getpid() for app in seen.applications for item in app.evidence)
    if not found:
        finding = "this process, which has a file open, was not found"
        return Check(name, ok=False, finding=finding, remedy="mount /proc", essential=True)
    hidden = seen.not_inspectable
    finding = f"{seen.inspected} can be looked into, {hidden} cannot"
    meaning = "what those use is not known: 'nobody uses it' means nobody that can be seen"
    remedy = "" if os.geteuid() == 0 else "run as root"
    return Check(name, ok=not hidden, finding=finding, meaning=meaning, remedy=remedy)


# -- the session memory --------------------------------------------------------------------------


def _state_folder() -> Check:
    from restartmanager.adapters.store.folder import StateFolder
    from restartmanager.api.settings import state_folder

    name = "State folder"
    meaning = "there can be no sessions; 'who' works all the same"
    try:
        path = state_folder()
        StateFolder(path).is_empty()  # makes nothing, and sure that all there is is safe
        found = os.lstat(path)
        mode = stat.S_IMODE(found.st_mode)
        finding = f"{path}, owner {found.st_uid}, mode {mode:04o}"
        usable = os.access(path, os.R_OK | os.W_OK | os.X_OK)
        remedy = "make it writable"
        return Check(name, usable, finding, meaning, remedy, essential=True)
    except FileNotFoundError as missing:
        finding = f"{missing.filename} will be made by the first session"
        return Check(name, ok=True, finding=finding, essential=True)
    except RestartManagerError as error:
        return Check(name, ok=False, finding=error.message, remedy=error.hint, essential=True)
    except OSError as error:
        finding = f"{error.filename}: {error.strerror}"
        return Check(name, ok=False, finding=finding, meaning=meaning, essential=True)


def _session_memory() -> Check:
    """Judged by its first bytes: opening a damaged one would set it aside, and this only looks."""
    from restartmanager.adapters.store import schema
    from restartmanager.api.settings import state_folder

    name = "Session memory"
    try:
        with open(os.path.join(state_folder(), "sessions.db"), "rb") as file:
            header = file.read(_HEADER_SIZE)
    except FileNotFoundError:
        return Check(name, ok=True, finding="none yet", essential=True)
    except (OSError, RestartManagerError) as error:
        return Check(name, ok=False, finding=str(error), essential=True)
    version = _number(header, _VERSION_AT)
    ours = header.startswith(_SQLITE_MAGIC) and _number(header, _APPLICATION_AT) == _our_id()
    if not ours:
        return Check(
            name,
            ok=False,
            finding="the file is not a session memory",
            meaning="the next session sets it aside and starts with an empty one",
            remedy="what a session had closed must be started by hand",
            essential=True,
        )
    return Check(
        name,
        ok=version <= schema.VERSION,
        finding=f"format {version}; this program knows formats up to {schema.VERSION}",
        meaning="there can be no sessions",
        remedy="update restartmanager",
        essential=True,
    )


def _number(header: bytes, at: int) -> int:
    return int.from_bytes(header[at : at + 4], "big")


def _our_id() -> int:
    from restartmanager.adapters.store import schema

    return schema.APPLICATION_ID


# -- what makes it faster or reach further -------------------------------------------------------


def _ways_of_asking() -> Iterable[Check]:
    """The quick ways, and which of them are gone."""
    leases, kernel = _leases(), _kernel_iterator()
    yield leases
    yield kernel
    first = "leases first, then " if leases.ok else ""
    then = "reading /proc"
    if kernel.ok:
        then = "asking the kernel; reading /proc for folders and where few processes run"
    yield Check("Way of asking", ok=True, finding=first + then)


def _leases() -> Check:
    from restartmanager.adapters.scan.leases import FILE_SYSTEMS, LeaseProbe
    from restartmanager.api import settings

    name = "File leases"
    meaning = "files that nobody uses cannot be told at once: processes are looked at instead"
    if (switched_off := _switched_off(name, settings.LEASES_VARIABLE, meaning)) is not None:
        return switched_off
    why = LeaseProbe().why_unavailable()
    whose = "files" if os.geteuid() == 0 else "files of your own"
    finding = f"{whose} that nobody uses are told at once, on {', '.join(sorted(FILE_SYSTEMS))}"
    return Check(name, why is None, why or finding, meaning)


def _kernel_iterator() -> Check:
    from restartmanager.adapters.bpf.iterator import KernelIterator
    from restartmanager.api import settings

    name = "Kernel iterator"
    meaning = "/proc is read instead: the same answer, some four times slower"
    if (switched_off := _switched_off(name, settings.KERNEL_VARIABLE, meaning)) is not None:
        return switched_off
    try:
        with KernelIterator():
            return Check(name, ok=True, finding="the kernel can be asked who holds a file")
    except UnsupportedError as error:
        return Check(name, ok=False, finding=error.why, meaning=meaning)


def _switched_off(name: str, variable: str, meaning: str) -> Check | None:
    """What to say where somebody does not want it; None where nobody minds."""
    if os.environ.get(variable) != "0":
        return None
    finding = f"switched off by {variable}=0"
    return Check(name, ok=False, finding=finding, meaning=meaning, remedy=f"unset {variable}")


def _package_managers() -> Check:
    from shutil import which

    tools = [tool for tool in _PACKAGE_TOOLS if which(tool, path=_PACKAGE_TOOLS_PATH)]
    names = ", ".join(tool.removesuffix("-query") for tool in tools)
    return Check(
        "Package managers",
        ok=bool(tools),
        finding=names or "neither dpkg nor rpm is here",
        meaning="--package cannot be used",
        remedy="name files and folders instead",
    )


def _service_managers() -> Iterable[Check]:
    """Who runs services here: the init system, and every supervisord that answers."""
    from restartmanager.adapters.services.detection import init_system

    yield _init_system(init_system())
    supervisord = _supervisord()
    if supervisord is not None:
        yield supervisord


def _init_system(system: str) -> Check:
    if system:
        name = {"openrc": "OpenRC", "sysv": "SysV init"}.get(system, system)
        return Check(name, ok=True, finding="it manages this machine's services")
    return Check(
        "systemd",
        ok=False,
        finding="it does not run here, nor does OpenRC or SysV init",
        meaning="services are seen as the processes they are, and closed as such",
    )


def _supervisord() -> Check | None:
    """Whether those that may be here answer; None where nothing hints at one."""
    from restartmanager.adapters.processes.processes import LinuxProcesses
    from restartmanager.adapters.services.supervisord.daemon import find_supervisors
    from restartmanager.api.settings import supervisor_sockets

    name = "supervisord"
    try:
        sockets = supervisor_sockets()
    except RestartManagerError as error:
        return Check(name, ok=False, finding=error.message, remedy=error.hint)
    if not sockets:
        return None
    answering = [supervisor.path for supervisor in find_supervisors(sockets, LinuxProcesses())]
    return Check(
        name,
        ok=bool(answering),
        finding=", ".join(answering) or f"nobody who may be believed answers at {sockets[0]}",
        meaning="its programs are seen as the processes they are, and it starts them again at once",
        remedy="" if os.geteuid() == 0 else "run as root",
    )
