"""Processes of one service, held on to while it stops.

Managers that know only a main process leave others behind, or tell that all is over while the
process still runs. What was held on to before is seen to end, and can be made to.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from restartmanager.adapters.services.parallel import CalledOffError, ServiceTroubleError
from restartmanager.errors import ProcessError, ProcessGoneError
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.limits import HELPERS_S, KILL_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Self

    from restartmanager.model import Process
    from restartmanager.model.progress import CancelToken
    from restartmanager.ports.processes import Processes, ProcessHandle


class Members:
    """Holds on the processes of a service; a context manager that lets go of them."""

    def __init__(self, processes: Processes, members: Iterable[Process]) -> None:
        self._processes = processes
        self._handles: dict[UniqueProcess, ProcessHandle] = {}
        for process in members:
            try:
                self._handles[process.identity] = processes.open(process.identity)
            except ProcessGoneError:
                continue

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles.values():
            handle.close()

    def kill(self) -> None:
        """Kill what is left of them."""
        self._send(Signal.KILL)

    def await_end(self, until: float, cancel: CancelToken | None = None) -> bool:
        """Whether all have exited by then (monotonic seconds). CalledOffError when ``cancel`` was
        called meanwhile."""
        while self._handles:
            gone = self._processes.wait(list(self._handles.values()), until, cancel)
            for identity in gone:
                self._handles.pop(identity).close()
            if not gone:
                if cancel is not None and cancel.cancelled:
                    raise CalledOffError
                return False
        return True

    def __len__(self) -> int:
        """The number of members left, as far as is known without looking again."""
        return len(self._handles)

    def end(self, until: float, cancel: CancelToken, *, force: bool) -> bool:
        """See to it that none is left, when the manager has done its part; whether some had to be
        killed.

        They are asked to exit after a moment, and with ``force`` killed after ``until`` (monotonic
        seconds). Raises ServiceTroubleError when some are left all the same, CalledOffError.
        """
        if self.await_end(min(until, time.monotonic() + HELPERS_S), cancel):
            return False
        self._send(Signal.TERMINATE)
        if self.await_end(until, cancel):
            return False
        if force:
            self.kill()
            if self.await_end(time.monotonic() + KILL_S):
                return True
        left = ", ".join(str(identity) for identity in self._handles)
        raise ServiceTroubleError(f"it did not stop in time (process {left} still runs)")

    def _send(self, signal: Signal) -> None:
        for handle in self._handles.values():
            try:
                handle.send(signal)
            except ProcessGoneError:
                continue


def described(processes: Processes, pid: int) -> Process | None:
    """The process with this number now; None where there is none to be seen."""
    try:
        return processes.describe(UniqueProcess.of(pid))
    except ProcessError:
        return None


def processes_with(
    processes: Processes, number_of: Callable[[int], int], wanted: frozenset[int]
) -> Iterator[Process]:
    """The processes whose ``number_of`` (os.getpgid, os.getsid) is among these."""
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            chosen = number_of(int(name)) in wanted
        except OSError:
            continue
        process = described(processes, int(name)) if chosen else None
        if process is not None:
            yield process
