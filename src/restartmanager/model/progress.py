"""Progress reports of an operation, and the token that cancels it."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from restartmanager.model import Application, Result, Step


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """A progress report: ``percent`` of the applications are dealt with.

    ``application`` and ``step`` tell what was just begun or finished; ``message`` is for people.
    ``patience_s`` is the time from now that the application has for the step, in seconds; None
    where that is unknown. ``result`` is the step's result, once it is over.
    """

    percent: int
    application: Application | None = None
    step: Step | None = None
    message: str = ""
    patience_s: float | None = None
    result: Result | None = None


class Reporter:
    """Passes reports to callbacks, with percentages that strictly increase from 0 to 100.

    A report that would not increase the percentage is passed to ``on_event`` only. An error that a
    callback raises is logged and goes no further, for an installer's progress bar must not leave a
    machine half stopped (RM_WRITE_STATUS_CALLBACK).
    """

    def __init__(
        self,
        on_progress: Callable[[int], object] | None = None,
        on_event: Callable[[Progress], object] | None = None,
    ) -> None:
        self._on_progress = on_progress
        self._on_event = on_event
        self._last = -1

    def report(self, progress: Progress) -> None:
        """Pass a report on."""
        percent = max(0, min(100, progress.percent))
        if self._on_progress is not None and percent > self._last:
            self._last = percent
            self._contained(self._on_progress, percent)
        if self._on_event is not None:
            self._contained(self._on_event, progress)

    @staticmethod
    def _contained(callback: Callable[[Any], object], value: object) -> None:
        try:
            callback(value)
        except Exception:  # noqa: BLE001 - whatever it is, it is the caller's and not ours
            _log.exception("the progress callback failed; going on without its answer")


class CancelToken:
    """A switch by which another thread, or a signal handler, cancels an operation.

    ``fileno`` becomes readable with ``cancel``, so that a poll for processes wakes up for it as
    well. Close the token when the operation is over.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._read_end, self._write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._lock = threading.RLock()  # a signal handler may cancel while it is held
        self._closed = False

    def cancel(self) -> None:
        """Ask the operation to stop; it may be too late for that. Any number of times."""
        with self._lock:
            already = self._event.is_set()
            self._event.set()  # first: who wakes up asks at once why
            if not already and not self._closed:
                os.write(self._write_end, b"!")

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._event.is_set()

    def fileno(self) -> int:
        """A descriptor that is readable once ``cancel`` was called."""
        return self._read_end

    def close(self) -> None:
        """Give the descriptors back; ``cancel`` still may be called and does nothing more."""
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._read_end)
                os.close(self._write_end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
