"""The vote: every application is asked whether it may be closed, before anything is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.asking import Answer, AnswerKind
from restartmanager.model import AppType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.asking import Answers, Conversations
    from restartmanager.equipment import Equipment
    from restartmanager.identity import UniqueProcess
    from restartmanager.model import Application, Process
    from restartmanager.wire import EndReason

__all__ = ["take_vote"]

_WITH_WINDOWS = {AppType.MAIN_WINDOW, AppType.OTHER_WINDOW}
_HEARD = {AnswerKind.YES, AnswerKind.NO, AnswerKind.HUNG, AnswerKind.DIED}


def take_vote(
    equipment: Equipment,
    talks: Conversations,
    applications: Sequence[Application],
    reason: EndReason,
) -> Answers:
    """What each of these applications says to being closed, by its leader.

    Who cannot be asked and has a window that hangs is as one that does not answer. When it is
    called off, the answers mean nothing.
    """
    deadline = equipment.clock.monotonic() + equipment.limits.answer_s
    answers = dict(talks.query(reason, deadline, equipment.cancel))
    silent = [
        app.main_process
        for app in applications
        if app.type in _WITH_WINDOWS
        and app.main_process is not None
        and answers[app.main_process.identity].kind not in _HEARD
    ]
    return answers | _hanging(equipment, silent)


def _hanging(equipment: Equipment, processes: Sequence[Process]) -> dict[UniqueProcess, Answer]:
    if not processes or equipment.cancel.cancelled:
        return {}
    deadline = equipment.clock.monotonic() + equipment.limits.answer_s
    found = equipment.screens.find(processes, deadline, equipment.cancel)
    hung = Answer(AnswerKind.HUNG, "its windows do not respond")
    return {identity: hung for identity, windows in found.items() if windows.responds is False}
