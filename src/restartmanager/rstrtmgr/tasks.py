"""Tasks that are waited for in another thread, so that the wait can be called off.

::

    >>> Tasks().run(lambda: 7)
    7

A look at the machine may have to wait for the kernel, which no token ends. So it is abandoned: its
thread goes on, changes nothing and ends by itself (as in ``adapters.proc.watched``).
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from restartmanager.errors import OperationCancelledError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_T = TypeVar("_T")


class _Answer(NamedTuple):
    """The answer of a task: what it gives, or the error that it raised."""

    value: Any = None
    error: BaseException | None = None


_CALLED_OFF = _Answer()


class Tasks:
    """The tasks of one session that somebody waits for now, in any number of threads."""

    def __init__(self) -> None:
        self._waiting: dict[int, queue.SimpleQueue[_Answer]] = {}

    def run(self, task: Callable[[], _T]) -> _T:
        """Carry out a task, which must change nothing, and give what it gives.

        Raises what it raises, and OperationCancelledError at once when ``cancel`` is called first.
        """
        answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
        self._waiting[id(answers)] = answers
        try:
            thread = threading.Thread(target=_carry_out, args=(task, answers), daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no thread is to be had: it can be carried out all the same
                _carry_out(task, answers)
            answer = answers.get()
        finally:
            del self._waiting[id(answers)]
        if answer is _CALLED_OFF:
            raise OperationCancelledError("Listing")
        if answer.error is not None:
            try:
                raise answer.error
            finally:
                del answer  # the error holds this frame, which would hold the error
        value: _T = answer.value
        return value

    def cancel(self) -> None:
        """Call off what is waited for now. A signal handler may do so, too."""
        for answers in list(self._waiting.values()):
            answers.put(_CALLED_OFF)


def _carry_out(task: Callable[[], object], answers: queue.SimpleQueue[_Answer]) -> None:
    try:
        answer = _Answer(task())
    except BaseException as error:  # noqa: BLE001 - it is raised again where the task is waited for
        answer = _Answer(error=error)
    answers.put(answer)
