"""What happens right now, on a line of the terminal: who is waited for, and how long still."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

from restartmanager.cli.output.render import count
from restartmanager.model.escaping import escape

if TYPE_CHECKING:
    from restartmanager.cli.output.console import Console
    from restartmanager.model.progress import Progress


_TICK_S = 1.0


class Waiting:
    """Who was asked for something and has not yet done it. ``force``: what does not do it in time
    is killed. Times are those of the monotonic clock, in seconds."""

    def __init__(self, *, force: bool) -> None:
        self._force = force
        self._percent = 0
        self._pending: dict[str, tuple[Progress, float | None]] = {}
        self._last: Progress | None = None

    def note(self, progress: Progress, now: float) -> None:
        """What a report says."""
        self._percent = progress.percent
        application = progress.application
        if application is None:
            return
        self._last = progress
        self._pending.pop(application.key, None)
        if progress.result is None:
            patience = progress.patience_s
            due = None if patience is None else now + patience
            self._pending[application.key] = progress, due

    def message(self, key: str) -> str | None:
        """What the application of this key was asked for; None where nothing is waited for."""
        progress, _ = self._pending.get(key, (None, None))
        return None if progress is None else escape(progress.message)

    def left_s(self, key: str, now: float) -> float | None:
        """How long the application of this key still has; None where that is not known."""
        _, due = self._pending.get(key, (None, None))
        return None if due is None else max(0.0, due - now)

    def line(self, now: float) -> str:
        """All in one line: whose time is over first, how long that is, how many others wait."""
        head = f"[{self._percent:3d}%] "
        if not self._pending:
            return head + ("" if self._last is None else _about(self._last))
        key = min(self._pending, key=lambda key: self._pending[key][1] or float("inf"))
        text = head + _about(self._pending[key][0])
        left = self.left_s(key, now)
        if left is not None:
            text += f", {'killed in' if self._force else 'has'} {left:.0f} s"
        others = len(self._pending) - 1
        return text + (f"; {count(others, 'other')} too" if others else "")


class Live:
    """Shows a waiting line on a console, and lets the time on it run; terminals only.

    Use it as a context manager around the operation; ``show`` is its callback.
    """

    def __init__(self, console: Console, *, force: bool = False) -> None:
        self._console = console
        self._waiting = Waiting(force=force)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._ticker: threading.Thread | None = None

    def show(self, progress: Progress) -> None:
        """What is reported."""
        with self._lock:
            self._waiting.note(progress, time.monotonic())
            self._draw()

    def _draw(self) -> None:
        if not self._over.is_set():
            self._console.show(self._waiting.line(time.monotonic()))

    def _tick(self) -> None:
        while not self._over.wait(_TICK_S):
            with self._lock:
                self._draw()

    def __enter__(self) -> Self:
        if self._console.overwrites:
            self._ticker = threading.Thread(target=self._tick, daemon=True)
            self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._over.set()
            self._console.settle()
        if self._ticker is not None:
            self._ticker.join()


def _about(progress: Progress) -> str:
    name = "" if progress.application is None else f"{escape(progress.application.name)}: "
    return name + escape(progress.message)
