"""Signals to restartctl while applications are closed: none of them may leave things stopped."""

from __future__ import annotations

import _thread
import contextlib
import signal
from typing import TYPE_CHECKING, Self

from restartmanager.errors import RestartManagerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from restartmanager.api.primary import PrimarySession
    from restartmanager.model.progress import Progress


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """While in force, a signal to end is noted and means what the moment allows.

    At first it ends what runs, as usual (KeyboardInterrupt for SIGINT, SystemExit otherwise).
    Inside ``cancelling`` it calls the operation off; inside ``postponed`` it is only noted, in
    ``number``, for what runs then must be finished; inside ``deferred`` it has to wait.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.count = 0
        """The number of signals so far."""
        self._action: Callable[[], object] | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            before = signal.getsignal(number)
            # nohup(1) and the like mean it; but a script's background job, for which the shell
            # ignores SIGINT, is to be cancelled by just that.
            if before is not signal.SIG_IGN or number == signal.SIGINT:
                self._before[number] = before
                signal.signal(number, self._arrived)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type] # what getsignal has given

    @contextlib.contextmanager
    def cancelling(
        self, session: PrimarySession, after: int = 0
    ) -> Iterator[Callable[[Progress], object]]:
        """Cancel the session's operation on a signal; the first ``after`` signals had another
        meaning.

        Gives a function to call with every event: it makes up for a signal that came before the
        operation had begun, when there was nothing to cancel yet.
        """

        def event(progress: Progress) -> None:
            del progress
            if self.count > after:
                _cancel(session)

        # In a thread of its own: the handler interrupts the main thread, which may just hold the
        # lock that cancelling needs.
        with self.meaning(lambda: _thread.start_new_thread(_cancel, (session,))):
            yield event

    @contextlib.contextmanager
    def postponed(self) -> Iterator[None]:
        """Only note signals."""
        with self.meaning(lambda: None):
            yield

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Let a signal wait until this is over, and then mean what it means otherwise."""
        before, self.number = self.number, None
        try:
            with self.postponed():
                yield
        finally:
            came, self.number = self.number, self.number or before
        if came is not None:
            self._arrived(came, None)

    @contextlib.contextmanager
    def meaning(self, action: Callable[[], object]) -> Iterator[None]:
        """Do this on a signal, in its handler."""
        before, self._action = self._action, action
        try:
            yield
        finally:
            self._action = before

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.number = number
        self.count += 1
        if self._action is not None:
            self._action()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)


def _cancel(session: PrimarySession) -> None:
    with contextlib.suppress(RestartManagerError):
        session.cancel()
