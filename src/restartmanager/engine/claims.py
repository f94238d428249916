"""Who may act on a session: one operation at a time, also after one that died over it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.errors import NoSuchSessionError, SessionBusyError, StoreError
from restartmanager.model.journal import Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import SessionRecord
    from restartmanager.ports.processes import Processes
    from restartmanager.ports.store import Store


_log = logging.getLogger(__name__)


class Claims(NamedTuple):
    """The claims of the calling process on sessions.

    ``unfinished`` are the keys of those that it could not give back; it is kept up to date.
    """

    store: Store
    processes: Processes
    unfinished: set[str]

    @contextmanager
    def claim(self, key: str, operation: Operation) -> Iterator[None]:
        """Have the session for oneself, also where a dead process still seems to have it.

        Raises SessionBusyError where somebody alive has it.
        """
        me = self.processes.current()
        if not self.store.begin(key, operation, me):
            record = self.store.session(key)
            if not self._left_behind(record) or not self.store.begin(
                key, operation, me, replacing=record.worker
            ):
                raise SessionBusyError(str(record.operation or "another operation"))
        self.unfinished.discard(key)
        try:
            yield
        finally:
            self._finish(key, me)

    def take_over(self, record: SessionRecord) -> bool:
        """Claim an abandoned session for its recovery, unless somebody alive is at it."""
        if record.worker is not None and self.processes.is_alive(record.worker):
            return False
        me = self.processes.current()
        try:
            return self.store.begin(record.key, Operation.RECOVERY, me, replacing=record.worker)
        except NoSuchSessionError:
            return False

    def _left_behind(self, record: SessionRecord) -> bool:
        """Whether the session's worker will never give it back."""
        if record.key in self.unfinished:
            return True
        return record.worker is not None and not self.processes.is_alive(record.worker)

    def _finish(self, key: str, me: UniqueProcess) -> None:
        """Give the claim back. Where that fails, the outcome of the work must not be lost over it:
        the next operation takes the claim over."""
        try:
            self.store.finish(key, me)
        except StoreError:
            _log.exception("the session could not be marked as free")
            self.unfinished.add(key)
