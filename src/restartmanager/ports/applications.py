"""Asking applications: by their channels whether they may be closed, by their windows to close.

The records are in ``model.answers``. An application is asked before anything is closed, and the
vote is collective: one that says no keeps all of them open (WM_QUERYENDSESSION).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Self

    from restartmanager.model import Process
    from restartmanager.model.answers import Answers, EndReason, Windows
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import CancelToken


class Conversations(Protocol):
    """Connections to a number of applications; closing them tells each one that is still waiting
    for what follows to go on."""

    def query(
        self, reason: EndReason, deadline: float, cancel: CancelToken | None = None
    ) -> Answers:
        """Ask all of them side by side, until all have answered, the monotonic ``deadline``
        passes, or ``cancel`` is called; the answer of each."""
        ...

    def end(
        self,
        identities: Collection[UniqueProcess],
        reason: EndReason,
        deadline: float,
        cancel: CancelToken | None = None,
    ) -> Answers:
        """Tell these to save and exit, likewise; it need not have exited when it has answered.

        Only those that have answered a query, or are late with it, are told; for the others the
        answer stays as it was.
        """
        ...

    def cancelled(self, identities: Collection[UniqueProcess]) -> None:
        """Tell these to go on."""
        ...

    def close(self) -> None:
        """Let go of all; any number of times."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Channels(Protocol):
    """The door to applications that listen."""

    def open(self, processes: Sequence[Process]) -> Conversations:
        """Connections to those of these processes that listen. Never raises for what a process
        is or does."""
        ...


# -- windows ---------------------------------------------------------------------------------------


class Screens(Protocol):
    """The door to windows. Whoever cannot be asked before the monotonic ``deadline`` has none;
    ``cancel`` ends it at once. Never raises for what a process is or does."""

    def find(
        self, processes: Sequence[Process], deadline: float, cancel: CancelToken | None = None
    ) -> Mapping[UniqueProcess, Windows]:
        """The windows of those of these processes that have any."""
        ...

    def close(
        self, processes: Sequence[Process], deadline: float, cancel: CancelToken | None = None
    ) -> Mapping[UniqueProcess, Windows]:
        """Ask the main windows of these to close, where they respond; likewise.

        The shell is left alone, and no dialog is closed. Whether a process then exits is another
        matter: it may ask its user first.
        """
        ...


class NoScreens:
    """Screens where there is no way to ask: nobody has windows."""

    def find(
        self,
        processes: Sequence[Process],  # noqa: ARG002 - as the port has it
        deadline: float,  # noqa: ARG002
        cancel: CancelToken | None = None,  # noqa: ARG002
    ) -> Mapping[UniqueProcess, Windows]:
        """Nothing."""
        return {}

    def close(
        self, processes: Sequence[Process], deadline: float, cancel: CancelToken | None = None
    ) -> Mapping[UniqueProcess, Windows]:
        """Nothing, and nobody is asked."""
        return self.find(processes, deadline, cancel)
