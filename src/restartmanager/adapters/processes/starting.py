"""The start of a program by its recipe, through the launcher, with a gate before it runs."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import subprocess
import sys
import time
from io import FileIO
from typing import TYPE_CHECKING, Any

from restartmanager.adapters.proc.formats import status_field
from restartmanager.adapters.proc.procfs import ProcDirectory
from restartmanager.adapters.processes.instructions import instructions
from restartmanager.adapters.processes.pidfds import PidfdHandle, open_pidfd, wait_for_exit
from restartmanager.adapters.processes.trust import risk_of
from restartmanager.errors import (
    NotStartedError,
    ProcessAccessError,
    ProcessError,
    ProcessGoneError,
    UnsupportedError,
)
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess, boot_id
from restartmanager.model.limits import LAUNCH_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from restartmanager.model import Recipe


_LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launcher.py")
_OPTIONS = ("-I", "-S", "-B")
_ENVIRONMENT_FOR_LAUNCHER = {"PATH": "/usr/bin:/bin"}  # and nothing of the caller's
_STEPS = {
    "fork": "there can be no new process",
    "prepare": "what belongs to the caller cannot be left behind",
    "rights": "its rights cannot be taken on",
    "capabilities": "it would keep capabilities of the caller",
    "keyring": "it would keep keys of the caller",
    "directory": "its working directory cannot be entered",
    "execute": "the program cannot be run",
}
_PASSING = frozenset({errno.ETXTBSY, errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
"""What may pass by itself: somebody still writes the program, or something has run out."""
_POLL_S = 0.001
_SYSTEMD = "/run/systemd/system"  # sd_booted(3)
_OUTSIDE = (
    "/usr/bin/systemd-run",
    "--pipe",
    "--quiet",
    "--collect",
    "--property=KillMode=process",  # the new process outlives the launcher
    "--description=Start of what an update had closed",
    "--",
)
"""Has systemd run a command with three descriptors of ours, and with nothing else of us."""


def start(
    recipe: Recipe,
    on_created: Callable[[UniqueProcess], object],
    *,
    replaced: UniqueProcess | None = None,
    timeout_s: float = LAUNCH_S,
) -> UniqueProcess:
    """Start a process by its recipe; port ``Processes.start``.

    ``on_created`` is called while the new process waits and has run nothing: when it raises, or
    the caller dies in it, the program is never run. Returns once the program runs: execve(2) is
    over, so that it can be looked at. Each wait for the system takes ``timeout_s`` at most.

    Raises ProcessAccessError when the caller may not start it as that user, ProcessError with the
    reason when it cannot be run, or somebody else could have changed what it runs, UnsupportedError
    where there is no Python to launch it.
    """
    _insist_on_trust(recipe)
    with _Launch(recipe, timeout_s, replaced) as launch:
        identity = launch.await_creation()
        with launch.hold(identity) as handle:
            try:
                on_created(identity)
                _insist_on_trust(recipe)  # that may have taken a while
            except BaseException:
                launch.abandon(handle)
                raise
            launch.release()
            launch.await_program(handle)
    return identity


def _insist_on_trust(recipe: Recipe) -> None:
    """Because nobody else can change any step of the ways to it, what was looked at is what is
    started. The launcher only takes the rights of its user."""
    risk = risk_of(recipe)
    if risk:
        raise _not_started(recipe, risk)


def is_launcher(arguments: Sequence[str]) -> bool:
    """Whether these are the arguments of the launcher, of whichever installation of this package:
    of a process that waits at the gate."""
    options, script, passed = tuple(arguments[1:4]), arguments[4:5], arguments[5:]
    names = [os.path.basename(path) for path in script]
    return options == _OPTIONS and names == [os.path.basename(_LAUNCHER)] and len(passed) == 3


class _Launch:
    """One launcher at work; leaving the context closes the gate, reaps the launcher and closes
    every descriptor."""

    def __init__(self, recipe: Recipe, timeout_s: float, replaced: UniqueProcess | None) -> None:
        self._recipe = recipe
        self._replaced = replaced
        self._timeout_s = timeout_s
        self._unread = b""
        self._heard = False
        self._opened = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opened:
            self._spawn(opened)
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _spawn(self, opened: contextlib.ExitStack) -> None:
        # Both ends of the gate stay open here: a write can then not raise SIGPIPE.
        gate, self._gate = _pipe(opened)
        self._reports, reports = _pipe(opened)
        ourselves = open_pidfd(os.getpid())
        opened.callback(os.close, ourselves)
        outside = is_confined()
        written = instructions(self._recipe, self._replaced, outside=outside)
        recipe = opened.enter_context(memory_file("recipe", written))
        launcher_itself = [_interpreter(), *_OPTIONS, _LAUNCHER]
        if outside:
            passed: tuple[int, ...] = ()
            me = UniqueProcess.current()
            command = [*_OUTSIDE, *launcher_itself, "1", "2", f"{me.pid}:{me.start_ticks}"]
        else:
            passed = (reports.fileno(), gate.fileno(), ourselves)
            command = [*launcher_itself, *map(str, passed)]
        try:
            launcher = subprocess.Popen(
                command,
                stdin=recipe,
                stdout=reports if outside else subprocess.DEVNULL,
                stderr=gate if outside else subprocess.DEVNULL,
                env=_ENVIRONMENT_FOR_LAUNCHER,
                cwd="/",
                pass_fds=passed,
                start_new_session=True,
            )
        except OSError as error:
            program = "systemd-run" if outside else "Python"
            why = f"{program} cannot be run ({error.strerror})"
            raise self._failure(why, error.errno) from None
        opened.callback(self._reap, launcher)
        reports.close()  # so that the end of the other side is the end of the file

    def _reap(self, launcher: subprocess.Popen[bytes]) -> None:
        """Wait for the launcher. It ends by itself as soon as it has forked; one that hangs before
        that is killed."""
        self._gate.close()
        if not self._heard:
            launcher.kill()
        launcher.wait()

    # -- step by step ----------------------------------------------------------------------------

    def await_creation(self) -> UniqueProcess:
        """The new process, which waits at the gate; ProcessError when it did not get that far."""
        message = self._message()
        if message is None:
            raise self._failure("the launcher ended without a word")
        if "pid" not in message:
            raise self._refused(message)
        return UniqueProcess(message["pid"], message["start_ticks"], boot_id())

    def hold(self, identity: UniqueProcess) -> PidfdHandle:
        """A hold on it."""
        try:
            return PidfdHandle(identity)
        except ProcessGoneError:
            raise self._killed() from None

    def abandon(self, handle: PidfdHandle) -> None:
        """Keep the gate shut for good, and see to it that the new process is gone."""
        self._gate.close()
        if not wait_for_exit([handle], time.monotonic() + self._timeout_s):
            self._kill(handle)

    def release(self) -> None:
        """Open the gate: from now on the program may run."""
        self._gate.write(b"!")

    def await_program(self, handle: PidfdHandle) -> None:
        """Wait until the program runs; ProcessError when it does not."""
        try:
            message = self._message()
            if message is None:
                raise self._killed()
            failed = self._message()
            if failed is not None:
                raise self._refused(failed)
            self._await_execve(handle)
        except ProcessError:
            self._kill(handle)
            raise

    def _await_execve(self, handle: PidfdHandle) -> None:
        """Wait until the program has its arguments and variables: the pipe of the launcher is
        closed in the middle of the execve(2)."""
        deadline = time.monotonic() + self._timeout_s
        try:
            directory = ProcDirectory(handle.identity.pid)
        except ProcessError:  # gone already, or not to be seen
            return
        with directory:
            while directory.in_execve() and not wait_for_exit([handle], time.monotonic() + _POLL_S):
                if time.monotonic() >= deadline:
                    raise self._late()

    def _kill(self, handle: PidfdHandle) -> None:
        with contextlib.suppress(ProcessGoneError):
            handle.send(Signal.KILL)

    # -- what is reported ------------------------------------------------------------------------

    def _message(self) -> dict[str, Any] | None:
        """The next message of the launcher; None at the end."""
        deadline = time.monotonic() + self._timeout_s
        while b"\n" not in self._unread:
            part = self._part(deadline)
            if not part:
                return None
            self._unread += part
        line, _, self._unread = self._unread.partition(b"\n")
        self._heard = True
        message = json.loads(line)
        return message if isinstance(message, dict) else {}

    def _part(self, deadline: float) -> bytes:
        poll = select.poll()
        poll.register(self._reports, select.POLLIN)
        left_ms = max(0.0, deadline - time.monotonic()) * 1000
        if not poll.poll(left_ms):
            raise self._late()
        return os.read(self._reports.fileno(), 4096)

    def _refused(self, message: dict[str, Any]) -> ProcessError:
        """The error for a step that failed."""
        step, number = message.get("step", ""), message.get("errno", 0)
        if step == "rights" and number == errno.EPERM:
            return ProcessAccessError(os.getpid(), f"start programs of user {self._recipe.uid}")
        reason = os.strerror(number) if number else str(message.get("text", "nobody knows why"))
        return self._failure(f"{_STEPS.get(step, step)}: {reason}", number)

    def _late(self) -> ProcessError:
        return self._failure(f"it did not begin within {self._timeout_s:.0f} seconds")

    def _killed(self) -> ProcessError:
        return self._failure("it was killed before it could run")

    def _failure(self, why: str, number: int | None = None) -> ProcessError:
        return _not_started(self._recipe, why, passing=number in _PASSING)


def is_confined(ours: str = "/proc/self/status", systemds: str = "/proc/1/status") -> bool:
    """Whether root's installer has restrictions that what it starts would keep, and systemd, which
    has none of them, can start the launcher.

    So it is in the unit that recovers at boot. Who is not root has no right to shed any.
    """
    if os.geteuid() != 0 or not os.path.isdir(_SYSTEMD):
        return False
    return _restrictions(ours) != _restrictions(systemds)


def _restrictions(status: str) -> tuple[bytes, ...]:
    with open(status, "rb") as file:
        text = file.read()
    return tuple(status_field(text, name) for name in (b"NoNewPrivs", b"Seccomp"))


def _not_started(recipe: Recipe, why: str, *, passing: bool = False) -> NotStartedError:
    return NotStartedError(f"{recipe.executable!r} was not started: {why}.", passing=passing)


def _interpreter() -> str:
    """Python for the launcher; a frozen program is none."""
    if not sys.executable or getattr(sys, "frozen", False):
        raise UnsupportedError("Starting programs", "this is a program without a Python of its own")
    return sys.executable


def _pipe(opened: contextlib.ExitStack) -> tuple[FileIO, FileIO]:
    """The read and the write end, closed with ``opened`` at the latest."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    return (
        opened.enter_context(FileIO(read_end, "r")),
        opened.enter_context(FileIO(write_end, "w")),
    )


def memory_file(what: str, content: bytes) -> FileIO:
    """A file without a path, to be read from its beginning: unlike a pipe it is never full."""
    file = FileIO(os.memfd_create(f"restartmanager-{what}", os.MFD_CLOEXEC), "r+")
    try:
        file.write(content)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
