"""What ``restartctl doctor`` looks at. Nothing is changed: temporary files are gone at once."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import stat
import tempfile
from dataclasses import dataclass

from restartmanager.errors import RestartManagerError

__all__ = ["Check", "all_checks"]

_SQLITE_MAGIC = b"SQLite format 3\x00"
_HEADER_SIZE = 100
_VERSION_AT, _APPLICATION_AT = 60, 68  # "Database File Format", the header's fields


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is there or is missing.

    ``meaning`` says what follows where it is missing, ``remedy`` how to get it.
    """

    name: str
    ok: bool
    finding: str
    meaning: str = ""
    remedy: str = ""
    essential: bool = False


def all_checks() -> list[Check]:
    """Everything that matters, the essential first."""
    return [
        _python(),
        _pidfd(),
        _processes(),
        _state_folder(),
        _session_memory(),
        _leases(),
        _kernel_iterator(),
        _systemd(),
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
        return Check("pidfds", False, why, meaning, remedy, essential=True)  # noqa: FBT003
    return Check("pidfds", ok=True, finding="processes can be held on to", essential=True)


def _processes() -> Check:
    """The same look at all processes as for any question, about a file nobody uses."""
    from restartmanager.questions import who_uses

    name = "Processes"
    with tempfile.NamedTemporaryFile() as file:
        path = file.name
        try:
            seen = who_uses(path)
        except RestartManagerError as error:
            remedy = "mount /proc"
            return Check(name, ok=False, finding=str(error), remedy=remedy, essential=True)
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
    from restartmanager.store.folder import StateFolder
    from restartmanager.wiring import state_folder

    name = "State folder"
    meaning = "there can be no sessions; 'who' works all the same"
    try:
        path = state_folder()
        found = os.lstat(path)
        StateFolder(path).prepare()  # it exists: this only makes sure that it is safe
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
    from restartmanager.store import schema
    from restartmanager.wiring import state_folder

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
    from restartmanager.store import schema

    return schema.APPLICATION_ID


# -- what makes it faster or reach further -------------------------------------------------------


def _leases() -> Check:
    name = "File leases"
    meaning = "files that nobody uses cannot be told at once: every process is looked at instead"
    try:
        with tempfile.TemporaryFile() as file:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        why = "the file system has none" if error.errno == errno.EINVAL else str(error.strerror)
        remedy = "see /proc/sys/fs/leases-enable"
        return Check(name, ok=False, finding=why, meaning=meaning, remedy=remedy)
    return Check(name, ok=True, finding="granted in the temporary folder")


def _kernel_iterator() -> Check:
    name = "Kernel iterator"
    try:
        from restartmanager.linux.kernel.iterator import why_unavailable

        why = why_unavailable()
    except ImportError:
        why = "not part of this installation"
    if why is None:
        return Check(name, ok=True, finding="the kernel can be asked who holds a file")
    meaning = "/proc is read instead: the same answer, some four times slower"
    remedy = "" if os.geteuid() == 0 else "run as root"
    return Check(name, ok=False, finding=why, meaning=meaning, remedy=remedy)


def _systemd() -> Check:
    name = "systemd"
    if os.path.isdir("/run/systemd/system"):  # sd_booted(3)
        return Check(name, ok=True, finding="it manages this machine's services")
    return Check(
        name,
        ok=False,
        finding="it does not run here",
        meaning="services are seen as the processes they are, and closed as such",
    )
