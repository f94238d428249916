"""The store in memory, for tests and for the simulated machine."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from restartmanager.errors import NoSuchSessionError, SessionLimitError, UsageError
from restartmanager.model import Resources, TreeResource
from restartmanager.model.journal import DISOWNED, Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from restartmanager.model import FileResource, Filter, FilterTrigger
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry, SessionRecord

__all__ = ["MemoryStore"]


@dataclass(slots=True)
class _Session:
    """A session; dictionaries without values serve as sets that keep their order."""

    record: SessionRecord
    files: dict[FileResource, None] = field(default_factory=dict)
    trees: dict[str, dict[FileResource, None]] = field(default_factory=dict)
    processes: dict[UniqueProcess, None] = field(default_factory=dict)
    services: dict[str, None] = field(default_factory=dict)
    filters: dict[tuple[FilterTrigger, str | UniqueProcess], Filter] = field(default_factory=dict)
    journal: dict[str, JournalEntry] = field(default_factory=dict)


class MemoryStore:
    """A Store that lives in the memory of one process. Any thread may use it."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    def create_session(self, record: SessionRecord, *, limit: int) -> None:
        """Add a session.

        Raises SessionLimitError when ``limit`` of them exist, UsageError when the key is taken.
        """
        with self._lock:
            if sum(not session.record.disowned for session in self._sessions.values()) >= limit:
                raise SessionLimitError(limit)
            if record.key in self._sessions:
                raise UsageError("There already is a session with that key.")
            members = tuple(dict.fromkeys(record.members))
            self._sessions[record.key] = _Session(replace(record, members=members))

    def session(self, key: str) -> SessionRecord:
        """The session with this key. Raises NoSuchSessionError."""
        with self._lock:
            return self._find(key).record

    def exists(self) -> bool:
        """Whether there is a memory already: there always is."""
        return True

    def sessions(self) -> tuple[SessionRecord, ...]:
        """All sessions, oldest first."""
        with self._lock:
            return tuple(session.record for session in self._sessions.values())

    def delete_session(self, key: str) -> None:
        """Forget a session with all that belongs to it. Raises NoSuchSessionError."""
        with self._lock:
            self._find(key)
            del self._sessions[key]

    def disown(self, key: str) -> None:
        """Leave a session without an installer, for recovery to finish."""
        with self._lock:
            session = self._find(key)
            session.record = replace(
                session.record, owner=None, expires_at=DISOWNED, operation=None, worker=None
            )

    def add_member(self, key: str, member: UniqueProcess) -> None:
        """Note that a secondary joined; a second time changes nothing."""
        with self._lock:
            session = self._find(key)
            members = dict.fromkeys((*session.record.members, member))
            session.record = replace(session.record, members=tuple(members))

    def remove_member(self, key: str, member: UniqueProcess) -> None:
        """Note that it left; no matter whether it had joined."""
        with self._lock:
            session = self._find(key)
            members = tuple(m for m in session.record.members if m != member)
            session.record = replace(session.record, members=members)

    def add_resources(self, key: str, resources: Resources) -> None:
        """Register more; what is registered already stays as it is."""
        with self._lock:
            session = self._find(key)
            session.files.update(dict.fromkeys(resources.files))
            for tree in resources.trees:
                session.trees.setdefault(tree.path, {}).update(dict.fromkeys(tree.entries))
            session.processes.update(dict.fromkeys(resources.processes))
            session.services.update(dict.fromkeys(resources.services))

    def resources(self, key: str) -> Resources:
        """All registered resources, in order of registration."""
        with self._lock:
            session = self._find(key)
            return Resources(
                files=tuple(session.files),
                trees=tuple(TreeResource(p, tuple(e)) for p, e in session.trees.items()),
                processes=tuple(session.processes),
                services=tuple(session.services),
            )

    def set_filter(self, key: str, item: Filter) -> None:
        """Add a filter, in place of one on the same target."""
        with self._lock:
            self._find(key).filters[item.trigger, item.target] = item

    def remove_filter(self, key: str, trigger: FilterTrigger, target: str | UniqueProcess) -> bool:
        """Remove the filter on that target; whether there was one."""
        with self._lock:
            return self._find(key).filters.pop((trigger, target), None) is not None

    def filters(self, key: str) -> tuple[Filter, ...]:
        """All filters, oldest first."""
        with self._lock:
            return tuple(self._find(key).filters.values())

    def begin(
        self,
        key: str,
        operation: Operation,
        worker: UniqueProcess,
        *,
        replacing: UniqueProcess | None = None,
    ) -> bool:
        """Claim the session for an operation if its worker is ``replacing`` (None: nobody)."""
        with self._lock:
            session = self._find(key)
            if session.record.worker != replacing:
                return False
            shut_down = session.record.shut_down or operation is Operation.SHUTDOWN
            session.record = replace(
                session.record, operation=operation, worker=worker, shut_down=shut_down
            )
            return True

    def finish(self, key: str, worker: UniqueProcess) -> None:
        """Give the claim back; nothing where ``worker`` does not have it or the session is gone."""
        with self._lock:
            session = self._sessions.get(key)
            if session is not None and session.record.worker == worker:
                session.record = replace(session.record, operation=None, worker=None)

    def write_entries(self, key: str, entries: Iterable[JournalEntry]) -> None:
        """Write entries of the journal, each in place of the one for the same application."""
        written = {entry.application.key: entry for entry in entries}
        with self._lock:
            self._find(key).journal.update(written)

    def change_entries(
        self,
        application: str,
        change: Callable[[Mapping[str, JournalEntry]], Mapping[str, JournalEntry]],
    ) -> Mapping[str, JournalEntry]:
        """Change the entries about one application in all sessions at once; those changed."""
        with self._lock:
            journals = {key: session.journal for key, session in self._sessions.items()}
            changed = change({k: j[application] for k, j in journals.items() if application in j})
            for key, entry in changed.items():
                journals[key][entry.application.key] = entry
            return changed

    def journal(self, key: str) -> tuple[JournalEntry, ...]:
        """All entries, by their sequence."""
        with self._lock:
            entries = self._find(key).journal.values()
            return tuple(sorted(entries, key=lambda entry: entry.sequence))

    def _find(self, key: str) -> _Session:
        try:
            return self._sessions[key]
        except KeyError:
            raise NoSuchSessionError from None
