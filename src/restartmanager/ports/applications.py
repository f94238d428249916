"""Ports to applications: channels, over which they are asked, and windows, which can be closed.

The records are in ``model.answers``. Applications are asked before anything is closed, and the
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
    """Connections to applications. Closing them tells each application that has agreed, and was not
    told to exit, to go on."""

    def query(
        self, reason: EndReason, deadline: float, cancel: CancelToken | None = None
    ) -> Answers:
        """Ask all applications side by side whether they may be closed.

        It returns the answer of each when all have answered, the monotonic ``deadline`` passes, or
        ``cancel`` is called.
        """
        ...

    def end(
        self,
        identities: Collection[UniqueProcess],
        reason: EndReason,
        deadline: float,
        cancel: CancelToken | None = None,
    ) -> Answers:
        """Tell these applications to save and exit. It returns as ``query`` does; an application
        that has answered need not have exited.

        Only applications that have answered a query, or are late with it, are told; for the others
        the answer stays as it was.
        """
        ...

    def close(self) -> None:
        """Close all connections; any number of times."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Channels(Protocol):
    """The port to applications that listen."""

    def open(self, processes: Sequence[Process]) -> Conversations:
        """Connect to those of these processes that listen. It never raises for what a process is or
        does."""
        ...


# -- windows ---------------------------------------------------------------------------------------


class Screens(Protocol):
    """The port to windows.

    A process whose display does not answer before the monotonic ``deadline`` has no windows;
    ``cancel`` ends a call at once. No method raises for what a process is or does.
    """

    def find(
        self, processes: Sequence[Process], deadline: float, cancel: CancelToken | None = None
    ) -> Mapping[UniqueProcess, Windows]:
        """The windows of those of these processes that have any."""
        ...

    def close(
        self, processes: Sequence[Process], deadline: float, cancel: CancelToken | None = None
    ) -> Mapping[UniqueProcess, Windows]:
        """Ask the main windows of these processes to close, where they respond; their windows.

        The shell is left alone, and no dialog is closed. A process need not exit: it may ask its
        user first.
        """
        ...


class NoScreens:
    """The Screens of a machine without displays: no process has windows."""

    def find(
        self,
        processes: Sequence[Process],  # noqa: ARG002 - as the port has it
        deadline: float,  # noqa: ARG002
        cancel: CancelToken | None = None,  # noqa: ARG002
    ) -> Mapping[UniqueProcess, Windows]:
        """No windows."""
        return {}

    def close(
        self, processes: Sequence[Process], deadline: float, cancel: CancelToken | None = None
    ) -> Mapping[UniqueProcess, Windows]:
        """No windows, and no process is asked."""
        return self.find(processes, deadline, cancel)
