"""What this process knows of the journals that it writes, whatever becomes of the store.

The disk may be full, or the memory be damaged or deleted, while applications are closed. Whoever
closed them still knows what is owed, and brings it back from that.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from restartmanager.errors import NoSuchSessionError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from restartmanager.model import Filter
    from restartmanager.model.journal import JournalEntry
    from restartmanager.ports.store import Store


_log = logging.getLogger(__name__)

LOST = (StoreError, NoSuchSessionError)
"""The errors of a store that has lost a session, or cannot be used just now."""


class JournalMemory:
    """The journals of the sessions that this process acts on, beside those in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._entries: dict[str, dict[str, JournalEntry]] = {}
        self._unwritten: dict[str, dict[str, JournalEntry]] = {}
        self._filters: dict[str, tuple[Filter, ...]] = {}

    def write(self, key: str, entries: Iterable[JournalEntry]) -> None:
        """Put entries into the journal. Raises StoreError, and then they are not in it."""
        written = {entry.application.key: entry for entry in entries}
        self._store.write_entries(key, written.values())
        self._entries.setdefault(key, {}).update(written)

    def note(self, key: str, entries: Iterable[JournalEntry]) -> None:
        """Put entries into the journal, or remember them until that is possible."""
        noted = {entry.application.key: entry for entry in entries}
        self._entries.setdefault(key, {}).update(noted)
        unwritten = self._unwritten.setdefault(key, {})
        unwritten.update(noted)
        try:
            self._store.write_entries(key, unwritten.values())
        except LOST as error:
            _log.warning("the journal is only remembered: %s", error.message)
        else:
            unwritten.clear()

    def journal(self, key: str) -> tuple[JournalEntry, ...]:
        """All entries, by their sequence. Raises StoreError and NoSuchSessionError where the store
        has lost them, and this process knows none."""
        try:
            found = {entry.application.key: entry for entry in self._store.journal(key)}
        except LOST:
            found = self._entries.get(key, {})
            if not found:
                raise
        merged = found | self._unwritten.get(key, {})
        return tuple(sorted(merged.values(), key=lambda entry: entry.sequence))

    def filters(self, key: str) -> Sequence[Filter]:
        """The filters of a session, or those it had when the store could last be read."""
        try:
            self._filters[key] = self._store.filters(key)
        except LOST:
            if key not in self._filters:
                raise
        return self._filters[key]

    def remembers(self, key: str) -> bool:
        """Whether this process has written anything for the session."""
        return key in self._entries

    def knows(self, key: str) -> bool:
        """Whether something is owed that this process knows of."""
        return any(entry.owed for entry in self._entries.get(key, {}).values())

    def forget(self, key: str) -> None:
        """Let go of a session that has ended."""
        for known in (self._entries, self._unwritten, self._filters):
            known.pop(key, None)
