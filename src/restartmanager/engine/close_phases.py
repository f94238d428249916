"""Phases of an application that is being closed, and what follows each of them.

::

    unasked ──┬─▶ asked by channel ──┐
              ├─▶ asked by window ───┼─▶ signalled ──▶ killed
              └──────────────────────┘
    each of them ──▶ refused

Each phase has a deadline and says what follows then: another phase, or nothing, and the application
is left alone because it did not exit in time. In whatever phase it is, it is closed as soon as its
last process has exited.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from restartmanager.errors import ProcessError, ProcessGoneError
from restartmanager.model import Application, Process, Signal

if TYPE_CHECKING:
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry
    from restartmanager.model.limits import TimeLimits
    from restartmanager.ports.processes import ProcessHandle


_SHELLS = frozenset({"bash", "dash", "sh", "zsh", "ksh", "mksh", "fish", "tcsh", "csh", "ash"})


class _Last:
    """A phase that nothing follows when its deadline has passed."""

    __slots__ = ()

    def following(self, now: float, limits: TimeLimits, *, force: bool) -> None:
        """No phase."""


@dataclass(frozen=True, slots=True)
class Unasked(_Last):
    """The phase before anything was asked. An application that had exited by then stays in it."""

    deadline: ClassVar[float] = math.inf


@dataclass(frozen=True, slots=True)
class AskedByChannel:
    """The phase after the application was told to save and exit. It has time until ``exit_by``, and
    is sent a signal at ``signal_at``."""

    exit_by: float
    signal_at: float

    @property
    def deadline(self) -> float:
        """The earlier one of the two times."""
        return min(self.exit_by, self.signal_at)

    def following(self, now: float, limits: TimeLimits, *, force: bool) -> Signalled | None:
        """A signal; when the time to exit is over, only with force."""
        if now >= self.exit_by and not force:
            return None
        return Signalled(self.exit_by if now >= self.signal_at else now + limits.helpers_s)


@dataclass(frozen=True, slots=True)
class AskedByWindow:
    """The phase after the windows of the application were asked to close."""

    deadline: float

    def following(self, now: float, limits: TimeLimits, *, force: bool) -> Signalled | None:
        """A signal, with force only: the application may be asking its user."""
        return Signalled(now + limits.helpers_s) if force else None


@dataclass(frozen=True, slots=True)
class Signalled:
    """The phase after the application was sent the polite signal."""

    deadline: float

    def following(self, now: float, limits: TimeLimits, *, force: bool) -> Killed | None:
        """The kill, with force only."""
        return Killed(now + limits.kill_s) if force else None


@dataclass(frozen=True, slots=True)
class Killed(_Last):
    """The phase after all processes of the application were killed, until the kernel has removed
    them."""

    deadline: float


@dataclass(frozen=True, slots=True)
class Refused(_Last):
    """The phase of an application that is not going to be closed; ``why`` is for people."""

    why: str
    deadline: ClassVar[float] = -math.inf


Phase: TypeAlias = Unasked | AskedByChannel | AskedByWindow | Signalled | Killed | Refused


@dataclass(slots=True)
class Closing:
    """An application that is being closed: its phase, and its processes that live. Times are
    monotonic."""

    entry: JournalEntry
    handles: dict[UniqueProcess, ProcessHandle]
    phase: Phase = field(default_factory=Unasked)
    remind_at: float = math.inf
    """When helpers that outlive their leader are sent a signal, whatever the phase."""
    remark: str = ""
    """What is worth telling of it, however it ends."""
    asked: bool = False
    """Whether it was asked to exit, which cannot be taken back."""

    @property
    def application(self) -> Application:
        """The application itself."""
        return self.entry.application

    @property
    def leader(self) -> Process | None:
        """The process that is asked, because it knows best how to end its helpers; None when it has
        gone, or there is none."""
        leader = self.application.main_process
        return leader if leader is not None and leader.identity in self.handles else None

    @property
    def next_event(self) -> float:
        """The time to look at it again, if no process exits before."""
        return min(self.phase.deadline, self.remind_at)

    def is_over(self, now: float, limits: TimeLimits, *, force: bool) -> bool:
        """Whether it is closed, or out of time and left alone."""
        if not self.handles:
            return True
        late = now >= self.phase.deadline
        return late and self.phase.following(now, limits, force=force) is None

    def exited(self, identity: UniqueProcess, remind_at: float) -> None:
        """Let go of a process that has exited. Where that is the leader, the helpers have until
        ``remind_at``."""
        if self.leader is not None and self.leader.identity == identity:
            self.remind_at = math.inf if isinstance(self.phase, Killed) else remind_at
        self.handles.pop(identity).close()

    def enter(self, phase: AskedByChannel | AskedByWindow | Signalled | Killed) -> None:
        """Note what it was asked."""
        self.phase = phase
        self.asked = True

    def refuse(self, why: str) -> None:
        """Leave it open."""
        self.phase = Refused(why)

    def signal(self, phase: Signalled) -> None:
        """Send the polite signal, to the leader alone where there is one."""
        self.enter(phase)
        leader = self.leader
        if leader is None:
            self._send_all(Signal.TERMINATE)
            return
        self._send(leader, Signal.TERMINATE)
        if leader.terminal and _is_shell(leader):
            self._send(leader, Signal.HANG_UP)

    def remind_helpers(self) -> None:
        """Send the polite signal to the helpers that have outlived their leader."""
        self.remind_at = math.inf
        self._send_all(Signal.TERMINATE)

    def kill(self, phase: Killed) -> None:
        """Kill all its processes."""
        self.enter(phase)
        self.remind_at = math.inf
        self._send_all(Signal.KILL)

    def release(self) -> None:
        """Let go of all its processes."""
        for handle in self.handles.values():
            handle.close()

    def _send_all(self, signal: Signal) -> None:
        for process in self.application.processes:
            self._send(process, signal)

    def _send(self, process: Process, signal: Signal) -> None:
        handle = self.handles.get(process.identity)
        if handle is None:
            return
        try:
            handle.send(signal)
        except ProcessGoneError:
            pass
        except ProcessError as error:
            self.refuse(error.message)


def _is_shell(process: Process) -> bool:
    return (process.executable or "").rpartition("/")[2] in _SHELLS
