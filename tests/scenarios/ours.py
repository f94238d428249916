"""Our own answer: what was registered before the change is asked about after it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import restartmanager as rm
from scenarios.answers import Answer, Question

if TYPE_CHECKING:
    from scenarios.answers import Asked

__all__ = ["Ours"]


class Ours:
    """A session of the library, as an installer uses it."""

    name = "restartmanager"
    question = Question.USERS

    def __init__(self, state_folder: str) -> None:
        os.environ["RESTARTMANAGER_STATE_DIR"] = state_folder
        self._session = rm.start_session()

    def version(self) -> str | None:
        """The version of the package."""
        return rm.__version__

    def register(self, files: list[str], trees: list[str]) -> None:
        """Register, before anything is changed."""
        self._session.register(files=files, trees=trees)

    def ask(self, asked: Asked) -> Answer:
        """Whom the list of the session names, by its evidence."""
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
