"""The simulated adapter of the port ``Screens``: windows of processes, made by a test."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from restartmanager.model.answers import WindowKind, Windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.model import Process
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import CancelToken
    from restartmanager.testing.world import World

__all__ = ["SimulatedScreens"]


class SimulatedScreens:
    """The Screens of a World. A process whose windows are asked to close exits, or shows its
    question and stays."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._windows: dict[UniqueProcess, Windows] = {}
        self._questions: dict[UniqueProcess, str] = {}

    def shows(self, identity: UniqueProcess, windows: Windows, question: str = "") -> None:
        """Give a process windows; ``question`` is the dialog that it shows instead of closing."""
        self._windows[identity] = windows
        self._questions[identity] = question

    def find(
        self, processes: Sequence[Process], deadline: float, cancel: CancelToken | None = None
    ) -> dict[UniqueProcess, Windows]:
        if (cancel is not None and cancel.cancelled) or self._world.time >= deadline:
            return {}
        return {
            process.identity: self._windows[process.identity]
            for process in processes
            if process.identity in self._windows and self._world.is_running(process.identity)
        }

    def close(
        self, processes: Sequence[Process], deadline: float, cancel: CancelToken | None = None
    ) -> dict[UniqueProcess, Windows]:
        found = self.find(processes, deadline, cancel)
        return {identity: self._close(identity, windows) for identity, windows in found.items()}

    def _close(self, identity: UniqueProcess, windows: Windows) -> Windows:
        if windows.kind is not WindowKind.MAIN or windows.responds is False:
            return windows
        question = self._questions[identity]
        if question:
            self._windows[identity] = replace(windows, dialogs=(question,))
        else:
            self._world.end(identity)
        return replace(windows, asked=len(windows.titles))
