"""Claims on sessions: one operation at a time, also after one that died over it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from restartmanager.errors import (
    NoSuchSessionError,
    ProcessGoneError,
    SessionBusyError,
    StoreError,
    UsageError,
)
from restartmanager.model import Signal
from restartmanager.model.journal import Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import SessionRecord
    from restartmanager.ports.processes import Processes
    from restartmanager.ports.store import Store


_log = logging.getLogger(__name__)

_INTERRUPTIBLE = frozenset({Operation.SHUTDOWN, Operation.RESTART})


class Claims:
    """The claims of the calling process on sessions, and what it may do about those of others."""

    def __init__(self, store: Store, processes: Processes) -> None:
        self._store = store
        self._processes = processes
        self._unfinished: set[str] = set()
        """The keys of the sessions whose claims could not be given back."""

    @contextmanager
    def claim(self, key: str, operation: Operation) -> Iterator[None]:
        """Have the session for oneself, also where a dead process still seems to have it.

        Raises SessionBusyError where somebody alive has it.
        """
        me = self._processes.current()
        if not self._store.begin(key, operation, me):
            record = self._store.session(key)
            if not self._left_behind(record) or not self._store.begin(
                key, operation, me, replacing=record.worker
            ):
                raise SessionBusyError(str(record.operation or "another operation"))
        self._unfinished.discard(key)
        try:
            yield
        finally:
            self._finish(key, me)

    def take_over(self, record: SessionRecord) -> bool:
        """Claim an abandoned session for its recovery, unless somebody alive is at it."""
        if record.worker is not None and self._processes.is_alive(record.worker):
            return False
        me = self._processes.current()
        try:
            return self._store.begin(record.key, Operation.RECOVERY, me, replacing=record.worker)
        except NoSuchSessionError:
            return False

    def interrupt(self, key: str) -> SessionRecord | None:
        """Interrupt the process that is shutting this session down or bringing back (SIGINT).

        Gives the record with that process; None where nothing runs. Raises UsageError where it is
        the calling process, ProcessAccessError where it may not be interrupted.
        """
        record = self._store.session(key)
        if record.worker is None or record.operation not in _INTERRUPTIBLE:
            return None
        if record.worker == self._processes.current():
            raise UsageError(
                "The operation runs in this very process.",
                hint="cancel() of the session's own handle calls it off.",
            )
        try:
            with self._processes.open(record.worker) as worker:
                worker.send(Signal.INTERRUPT)
        except ProcessGoneError:
            return None
        return record

    def _left_behind(self, record: SessionRecord) -> bool:
        """Whether the session's worker will never give it back."""
        if record.key in self._unfinished:
            return True
        return record.worker is not None and not self._processes.is_alive(record.worker)

    def _finish(self, key: str, me: UniqueProcess) -> None:
        """Give the claim back. Where that fails, the outcome of the work must not be lost over it:
        the next operation takes the claim over."""
        try:
            self._store.finish(key, me)
        except StoreError as error:
            _log.warning("the session could not be marked as free: %s", error.message)
            self._unfinished.add(key)
