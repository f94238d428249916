"""The methods by which an application is asked to exit: its channel, its windows, a signal.

Each method takes the applications that it reaches, and hands on the others. The most polite one
comes first; what is waited for afterwards, and what follows when it does not exit, is the same for
all of them (``closing``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from restartmanager.errors import ProcessError, ProcessGoneError
from restartmanager.model import Application, AppType, Process, Signal
from restartmanager.model.answers import AnswerKind, WindowKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.engine.context import OperationContext
    from restartmanager.engine.recorder import StopRecorder
    from restartmanager.model.answers import EndReason
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry
    from restartmanager.ports.applications import Conversations
    from restartmanager.ports.processes import ProcessHandle


_SHELLS = frozenset({"bash", "dash", "sh", "zsh", "ksh", "mksh", "fish", "tcsh", "csh", "ash"})
_NOT_ASKED = {AnswerKind.NONE, AnswerKind.IMPOSTOR, AnswerKind.NONSENSE}


@dataclass(slots=True)
class Closing:
    """One application on its way out. Times are monotonic.

    ``handles`` are those of its processes that live; ``deadline`` is when it counts as not
    obeying; ``signal_at`` when it gets a signal after a more polite request, ``remind_at`` when
    its helpers get one.
    """

    entry: JournalEntry
    deadline: float
    handles: dict[UniqueProcess, ProcessHandle] = field(default_factory=dict)
    signal_at: float = math.inf
    remind_at: float = math.inf
    absent: bool = False
    by_window: bool = False
    signalled: bool = False
    killed: bool = False
    remark: str = ""
    """What is worth telling of it, however it ends."""
    complaint: str = ""
    """Why it is not going to be closed."""

    @property
    def application(self) -> Application:
        """Which one it is."""
        return self.entry.application

    @property
    def leader(self) -> Process | None:
        """The process that is asked: it knows best how to end its helpers. None when it has gone,
        or there is none."""
        leader = self.application.main_process
        return leader if leader is not None and leader.identity in self.handles else None

    def next_event(self) -> float:
        """When to look at it again, if nothing happens."""
        return min(self.deadline, self.signal_at, self.remind_at)

    def ask_by_signal(self) -> None:
        """The polite signal, to the leader alone where there is one."""
        self.signalled = True
        self.signal_at = math.inf
        leader = self.leader
        if leader is None:
            self.signal_all(Signal.TERMINATE)
            return
        self._send(leader, Signal.TERMINATE)
        if leader.terminal and _is_shell(leader):
            self._send(leader, Signal.HANG_UP)

    def signal_all(self, signal: Signal) -> None:
        """A signal to each of its processes."""
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
            self.complaint = error.message


class CloseMethod(Protocol):
    """One way to ask applications to exit."""

    def take(self, closings: Sequence[Closing]) -> list[Closing]:
        """Ask those that this method reaches; the others. When it is called off it ends early."""
        ...


class CloseByChannel:
    """Applications that listen are told to save and exit; ``reason`` is what they are told."""

    def __init__(
        self,
        context: OperationContext,
        recorder: StopRecorder,
        talks: Conversations,
        reason: EndReason,
    ) -> None:
        self._context = context
        self._recorder = recorder
        self._talks = talks
        self._reason = reason

    def take(self, closings: Sequence[Closing]) -> list[Closing]:
        """Tell those that listen; the others."""
        by_leader = {c.leader.identity: c for c in closings if c.leader is not None}
        deadline = self._context.clock.monotonic() + self._context.limits.answer_s
        told = self._talks.end([*by_leader], self._reason, deadline, self._context.cancel)
        left = [closing for closing in closings if closing.leader is None]
        for identity, answer in told.items():
            closing = by_leader[identity]
            if answer.kind in _NOT_ASKED:
                if answer.kind is not AnswerKind.NONE:
                    closing.remark = f"it could not be asked: {answer.reason}"
                left.append(closing)
                continue
            patience_s = self._context.limits.application_s
            self._recorder.say(closing.application, "told to save and exit", patience_s)
            if answer.kind is AnswerKind.DONE:
                closing.signal_at = deadline
            elif answer.kind is not AnswerKind.DIED:
                closing.signal_at = self._context.clock.monotonic()
        return left


class CloseByWindow:
    """Main windows are asked to close, as by their close button.

    What has them asked its user by then, perhaps: no signal follows of itself. One that hangs
    would not hear, and is left open without ``force``.
    """

    def __init__(self, context: OperationContext, recorder: StopRecorder, *, force: bool) -> None:
        self._context = context
        self._recorder = recorder
        self._force = force

    def take(self, closings: Sequence[Closing]) -> list[Closing]:
        """Ask those that have windows; the others."""
        limits, clock = self._context.limits, self._context.clock
        leaders = [c.leader for c in closings if c.leader is not None and _has_windows(c)]
        if not leaders:
            return list(closings)
        deadline = clock.monotonic() + limits.answer_s
        found = self._context.screens.close(leaders, deadline, self._context.cancel)
        left = []
        for closing in closings:
            windows = found.get(closing.leader.identity) if closing.leader is not None else None
            if windows is not None and windows.kind is WindowKind.SHELL:
                closing.complaint = "it is part of the desktop itself"
            elif windows is not None and windows.asked:
                closing.by_window = True
                closing.deadline = clock.monotonic() + limits.application_s
                message = "asked to close its windows"
                self._recorder.say(closing.application, message, limits.application_s)
            elif windows is not None and windows.responds is False and not self._force:
                closing.complaint = "its windows do not respond"
            else:
                left.append(closing)
        return left


class CloseBySignal:
    """Everybody obeys a signal, or does not."""

    def __init__(self, context: OperationContext, recorder: StopRecorder) -> None:
        self._context = context
        self._recorder = recorder

    def take(self, closings: Sequence[Closing]) -> list[Closing]:
        """Ask all; nobody is left."""
        patience_s = self._context.limits.application_s
        for closing in closings:
            self._recorder.say(closing.application, "asked to exit", patience_s)
            closing.deadline = self._context.clock.monotonic() + patience_s
            closing.ask_by_signal()
        return []


def _has_windows(closing: Closing) -> bool:
    return closing.application.type in {AppType.MAIN_WINDOW, AppType.OTHER_WINDOW}


def _is_shell(process: Process) -> bool:
    return (process.executable or "").rpartition("/")[2] in _SHELLS
