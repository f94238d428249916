"""Our own answer: what was registered before the change is asked about after it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import restartmanager as rm
from restartmanager.adapters.scan import scanner
from restartmanager.adapters.scan.scanner import LinuxScanner
from restartmanager.rules.policy import Policy
from scenarios.answers import Answer, Question

if TYPE_CHECKING:
    from restartmanager.model import Evidence
    from scenarios.answers import Asked

__all__ = ["Ours"]


def stale_by(scanner: LinuxScanner, asked: Asked) -> set[Evidence]:
    """What these processes run that was replaced, found in one of two ways."""
    holders = scanner.find_stale(Policy()).holders
    return {item for holder in holders for item in holder.evidence if item.pid in asked.processes}


class Ours:
    """A session of the library, as an installer uses it."""

    name = "restartmanager"
    question = Question.USERS

    def __init__(self, state_folder: str, way: str = "") -> None:
        """``way`` is "kernel" or "proc"; without one we choose ourselves."""
        os.environ["RESTARTMANAGER_STATE_DIR"] = state_folder
        self._compared = way == "kernel"
        if way == "kernel":
            scanner._WORTH_ASKING = 0
        elif way == "proc":
            os.environ["RESTARTMANAGER_KERNEL_ITERATOR"] = "0"
        self._session = rm.start_session()

    def version(self) -> str | None:
        """The version of the package."""
        return rm.__version__

    def register(self, files: list[str], trees: list[str]) -> None:
        """Register, before anything is changed."""
        self._session.register(files=files, trees=trees)

    def ask(self, asked: Asked) -> Answer:
        """Whom the list of the session names, by its evidence."""
        if self._compared:
            assert stale_by(LinuxScanner(), asked) == stale_by(LinuxScanner(kernel=False), asked)
        affected = self._session.affected()
        evidence = [item for app in affected.applications for item in app.evidence]
        return Answer(
            users=frozenset(item.pid for item in evidence),
            stale=frozenset(item.pid for item in evidence if item.stale),
            unseen=bool(affected.unexplained),
            said="; ".join(item.reason for item in affected.unexplained),
        )

    def close(self) -> None:
        """End the session."""
        self._session.end()
