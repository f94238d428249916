"""Registration of this process for being brought back, and the command that does it.

The registration is kept in the process itself, as on Windows: in a sealed memfd (memfd_create(2))
that lists the command, the flags and the process. So it ends with the process, and when another
program is run in it (execve(2)). No folder, no service and no clean-up is needed, nobody can alter
it, and only users who may inspect the process (its own, root) can read it, through
``/proc/PID/fd``. It names the process by number, start time and boot, so a child that inherits the
descriptor is not registered.

A registration takes one descriptor. A program that turns itself into a daemon, or closes all
descriptors, registers after that.
"""

from __future__ import annotations

import _thread
import os
import sys

TYPE_CHECKING = False  # "from typing import" would cost more than all the rest of this module
if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.model import RestartFlags, RestartRegistration
    from restartmanager.model.identity import UniqueProcess


MAX_COMMAND_LINE = 1024
"""The greatest length of the registered arguments, in characters (RESTART_MAX_CMD_LINE)."""

REPLACES_VARIABLE = "RESTARTMANAGER_REPLACES"
"""The variable that names the processes whose places a restarted one takes, the latest first."""

RESTARTED_VARIABLE = "RESTARTMANAGER_RESTARTED"
"""The environment variable in which a Restart Manager names the process it started, as
``PID:START_TICKS``."""

_MFD_NOEXEC_SEAL = 0x0008  # memfd_create(2), Linux 6.3: nobody will ever want to run it
_INTERPRETERS = ("python", "pypy", "graalpy")


class _Kept:
    """The descriptor of the registration, with the identity of its file.

    A program that closes every descriptor may have put another file there, which is not ours to
    close.
    """

    def __init__(self) -> None:
        self.lock = _thread.allocate_lock()
        self.fd = -1
        self.file = (0, 0)

    def renew_lock(self) -> None:
        """Make a new lock in a forked child, where the thread that held the old one does not
        exist."""
        self.lock = _thread.allocate_lock()

    def is_ours(self) -> bool:
        try:
            found = os.fstat(self.fd)
        except (OSError, ValueError, OverflowError):
            return False
        return (found.st_dev, found.st_ino) == self.file

    def replace(self, fd: int) -> None:
        """Keep this descriptor (-1: none) from now on. The old one is closed last, so that readers
        always find one."""
        old = self.fd if self.fd >= 0 and self.is_ours() else -1
        self.fd = fd
        if fd >= 0:
            found = os.fstat(fd)
            self.file = (found.st_dev, found.st_ino)
        if old >= 0:
            os.close(old)


_kept = _Kept()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_kept.renew_lock)
try:
    _DIRECTORY_AT_START = os.getcwd()
except OSError:
    _DIRECTORY_AT_START = ""


def register_application_restart(
    arguments: str | Sequence[str] = (), flags: RestartFlags | int = 0
) -> None:
    """Register this process for being brought back with these arguments after it was closed.

    ``arguments`` come without the program, which is added: the interpreter with its options and
    the script, as they were at the start, or the executable of a frozen program. A string is split
    as a POSIX shell would, with nothing expanded. Without arguments the program comes back with
    none. ``flags`` (`RestartFlags`) are the events after which it does *not* want to come back:
    NO_PATCH is an update, NO_REBOOT a reboot amid an update. The latest call wins, from whatever
    thread. A forked child registers anew.

    Raises UsageError for more than 1024 characters, a NUL character, an unbalanced quote or flags
    without a meaning, and UnsupportedError without memfd_create(2) or ``/proc``; the registration
    then stays as it was. Source: RegisterApplicationRestart.
    """
    from restartmanager.app.registration import ALL_FLAGS, pack
    from restartmanager.errors import UsageError
    from restartmanager.model import RestartFlags, RestartRegistration

    if not isinstance(flags, int) or not 0 <= flags <= ALL_FLAGS:
        raise UsageError(f"{flags!r} are no restart flags.")
    command = (*_program(), *_words(arguments))
    registration = RestartRegistration(command, RestartFlags(flags))
    with _kept.lock:
        _kept.replace(_sealed(pack(_this_process(), registration)))


def unregister_application_restart() -> None:
    """Take the registration back, if there is one.

    Source: UnregisterApplicationRestart.
    """
    with _kept.lock:
        _kept.replace(-1)


def application_restart_settings() -> RestartRegistration | None:
    """The registration of this process: its whole command, and the flags; None when there is none.

    Source: GetApplicationRestartSettings.
    """
    with _kept.lock:
        if _kept.fd < 0 or not _kept.is_ours():
            return None
        from restartmanager.app.registration import SIZE_LIMIT, unpack

        found = unpack(os.pread(_kept.fd, SIZE_LIMIT + 1, 0))
    if found is None or found[0] != _this_process():
        return None
    return found[1]


def was_restarted() -> bool:
    """Whether a Restart Manager has started this process; False in its children."""
    claim = os.environ.get(RESTARTED_VARIABLE)
    if claim is None or not claim.startswith(f"{os.getpid()}:"):
        return False
    process = _this_process()
    return claim == f"{process.pid}:{process.start_ticks}"


def _this_process() -> UniqueProcess:
    from restartmanager.errors import ProcessError, UnsupportedError
    from restartmanager.model.identity import UniqueProcess

    try:
        return UniqueProcess.current()
    except (ProcessError, OSError):
        raise UnsupportedError(
            "A restart registration", "/proc is not mounted, which tells who this process is"
        ) from None


def _words(arguments: str | Sequence[str]) -> list[str]:
    """The arguments one by one, checked."""
    import shlex

    from restartmanager.errors import UsageError

    try:
        words = shlex.split(arguments) if isinstance(arguments, str) else list(arguments)
    except ValueError as error:
        raise UsageError(f"The arguments cannot be split: {error}.") from None
    if not all(isinstance(word, str) for word in words):
        raise UsageError("The arguments must be a string or a sequence of strings.")
    length = len(arguments if isinstance(arguments, str) else shlex.join(words))
    if length > MAX_COMMAND_LINE:
        raise UsageError(
            f"The arguments take {length} characters; {MAX_COMMAND_LINE} is the most there may be.",
            hint="Keep what is needed in a file of your own and register an option that names it.",
        )
    return words


# -- the program ---------------------------------------------------------------------------------


def _program() -> tuple[str, ...]:
    """The command of this process up to the program's own arguments."""
    started = sys.orig_argv
    if getattr(sys, "frozen", False) or not _is_interpreter():
        return (sys.executable or started[0],)
    count, script = _interpreter_part(started)
    words = [sys.executable or started[0], *started[1:count]]
    if script:
        words[-1] = _absolute(words[-1])
    return tuple(words)


def _is_interpreter() -> bool:
    """Whether this process runs Python itself, and no program that has Python built in."""
    try:
        executable = os.readlink("/proc/self/exe")
    except OSError:
        return True
    if os.path.basename(executable).startswith(_INTERPRETERS):
        return True
    return bool(sys.executable) and os.path.realpath(sys.executable) == executable


def _interpreter_part(started: Sequence[str]) -> tuple[int, bool]:
    """The number of words that belong to the interpreter, and whether the last one is a script.

    Read from the options ("Command line and environment" in Python's manual), for programs take
    words out of ``sys.argv``.
    """
    index = 1
    while index < len(started):
        word = started[index]
        index += 1
        if word == "--":
            return min(index + 1, len(started)), index < len(started)
        if word == "-" or not word.startswith("-"):
            return index, word != "-"
        if word.startswith("--"):
            index += word == "--check-hash-based-pycs"
            continue
        for place, letter in enumerate(word[1:], 2):
            if letter in "cm":
                return index + (place == len(word)), False
            if letter in "WX":
                index += place == len(word)
                break
    return min(index, len(started)), False


def _absolute(script: str) -> str:
    """The script's path, whatever the working directory was at the start or is by now."""
    if os.path.isabs(script):
        return script
    relative = script
    while relative.startswith("./"):
        relative = relative[2:].lstrip("/")
    main = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    relative = relative.rstrip("/")
    for ending in ("", "/__main__.py"):  # the latter in a zip file or a directory
        path = main.removesuffix(ending)
        if os.path.isabs(path) and path.endswith("/" + relative):
            folder = path[: -len(relative)]
            while folder.endswith("/./"):
                folder = folder[:-2]
            return folder + relative
    return os.path.join(_DIRECTORY_AT_START, script)


# -- the memfd -----------------------------------------------------------------------------------


def _sealed(data: bytes) -> int:
    """A descriptor of a memfd that holds these bytes and cannot be changed."""
    import fcntl

    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fd = _memfd()
    try:
        os.write(fd, data)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
        # Above the standard streams: where one is closed, whoever prints would write to this.
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(fd)


def _memfd() -> int:
    from restartmanager.app.registration import MEMFD_NAME
    from restartmanager.errors import UnsupportedError

    if not hasattr(os, "memfd_create"):
        raise UnsupportedError("A restart registration", "memfd_create(2) is missing")
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(MEMFD_NAME, flags | _MFD_NOEXEC_SEAL)
    except OSError:
        pass  # a kernel before 6.3 knows no such flag
    try:
        return os.memfd_create(MEMFD_NAME, flags)
    except OSError as error:
        raise UnsupportedError("A restart registration", str(error.strerror)) from None
