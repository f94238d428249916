"""Close methods: ways to ask an application to exit, by its channel, its windows, or a signal.

Each method takes the applications that it reaches, and hands on the others. The most polite one
comes first. What follows when an application does not exit is in ``close_phases``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from restartmanager.engine.close_phases import AskedByChannel, AskedByWindow, Signalled
from restartmanager.model import AppType
from restartmanager.model.answers import AnswerKind, WindowKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.engine.close_phases import Closing
    from restartmanager.engine.context import OperationContext
    from restartmanager.engine.recorder import StopRecorder
    from restartmanager.model.answers import EndReason
    from restartmanager.ports.applications import Conversations


_NOT_ASKED = {AnswerKind.NONE, AnswerKind.IMPOSTOR, AnswerKind.NONSENSE}


class CloseMethod(Protocol):
    """A way to ask applications to exit."""

    def take(self, closings: Sequence[Closing]) -> list[Closing]:
        """Ask the applications that this method reaches, and hand back the others. It ends early
        when the operation is cancelled."""
        ...


class CloseByChannel:
    """The method for applications that listen: they are told to save and exit, and ``reason``."""

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
        """Tell the applications that listen, and hand back the others."""
        clock, limits = self._context.clock, self._context.limits
        by_leader = {c.leader.identity: c for c in closings if c.leader is not None}
        began = clock.monotonic()
        deadline = began + limits.answer_s
        told = self._talks.end([*by_leader], self._reason, deadline, self._context.cancel)
        left = [closing for closing in closings if closing.leader is None]
        for identity, answer in told.items():
            closing = by_leader[identity]
            if answer.kind in _NOT_ASKED:
                if answer.kind is not AnswerKind.NONE:
                    closing.remark = f"it could not be asked: {answer.reason}"
                left.append(closing)
                continue
            self._recorder.say(closing.application, "told to save and exit", limits.application_s)
            match answer.kind:
                case AnswerKind.DONE:
                    signal_at = deadline
                case AnswerKind.DIED:
                    signal_at = math.inf
                case _:
                    signal_at = clock.monotonic()
            closing.enter(AskedByChannel(began + limits.application_s, signal_at))
        return left


class CloseByWindow:
    """The method for applications with main windows: these are asked to close, as by their button.

    An application whose windows hang would not hear of it, and is left open without ``force``.
    """

    def __init__(self, context: OperationContext, recorder: StopRecorder, *, force: bool) -> None:
        self._context = context
        self._recorder = recorder
        self._force = force

    def take(self, closings: Sequence[Closing]) -> list[Closing]:
        """Ask the applications that have windows, and hand back the others."""
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
                closing.refuse("it is part of the desktop itself")
            elif windows is not None and windows.asked:
                closing.enter(AskedByWindow(clock.monotonic() + limits.application_s))
                message = "asked to close its windows"
                self._recorder.say(closing.application, message, limits.application_s)
            elif windows is not None and windows.responds is False and not self._force:
                closing.refuse("its windows do not respond")
            else:
                left.append(closing)
        return left


class CloseBySignal:
    """The method for all other applications: a signal."""

    def __init__(self, context: OperationContext, recorder: StopRecorder) -> None:
        self._context = context
        self._recorder = recorder

    def take(self, closings: Sequence[Closing]) -> list[Closing]:
        """Ask all of them; none is left."""
        patience_s = self._context.limits.application_s
        for closing in closings:
            self._recorder.say(closing.application, "asked to exit", patience_s)
            closing.signal(Signalled(self._context.clock.monotonic() + patience_s))
        return []


def _has_windows(closing: Closing) -> bool:
    return closing.application.type in {AppType.MAIN_WINDOW, AppType.OTHER_WINDOW}
