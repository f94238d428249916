"""What a shutdown stopped, as a block that brings it back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, Self

from restartmanager.errors import RestartManagerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from restartmanager.model import Outcome


class _Restarts(Protocol):
    """What a block needs of its session."""

    def restart(self) -> tuple[Outcome, ...]: ...

    def leave_stopped(self) -> None: ...


class Stopped:
    """What a shutdown stopped. As a context manager it brings everything back on leaving."""

    def __init__(self, session: _Restarts, outcomes: tuple[Outcome, ...]) -> None:
        self._session = session
        self.outcomes = outcomes
        self.restarted: tuple[Outcome, ...] = ()
        self._left = False

    def leave_stopped(self) -> None:
        """Do not bring anything back, neither here nor when the session ends."""
        self._left = True
        self._session.leave_stopped()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._left:
            return
        with beside(error, "Besides, not everything came back"):
            self.restarted = self._session.restart()


@contextmanager
def beside(error: BaseException | None, what: str) -> Iterator[None]:
    """Trouble in here is raised where there was none before; else it is a note on the error."""
    try:
        yield
    except (RestartManagerError, OSError) as trouble:
        if error is None:
            raise
        error.add_note(f"{what}: {trouble}")
