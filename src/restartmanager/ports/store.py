"""The door to the session memory, which outlives the processes that share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restartmanager.model import Filter, FilterTrigger, Resources
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry, Operation, SessionRecord


class Store(Protocol):
    """The memory of all sessions of one user, shared between processes.

    Every method is one transaction: it happens wholly or not at all, whatever other processes do
    at the same time, and is on disk when the method returns. All may raise StoreError and its
    kinds. A session that does not exist, or no longer, is NoSuchSessionError.
    """

    def exists(self) -> bool:
        """Whether there is a memory already; asking makes none, as everything else does."""
        ...

    def create_session(self, record: SessionRecord, *, limit: int) -> None:
        """Add a session; SessionLimitError when ``limit`` of them exist already."""
        ...

    def session(self, key: str) -> SessionRecord:
        """The session with this key."""
        ...

    def sessions(self) -> tuple[SessionRecord, ...]:
        """All sessions, oldest first."""
        ...

    def delete_session(self, key: str) -> None:
        """Forget a session with all that belongs to it, secrets erased from the disk as well."""
        ...

    def add_member(self, key: str, member: UniqueProcess) -> None:
        """Note that a secondary joined; a second time changes nothing."""
        ...

    def remove_member(self, key: str, member: UniqueProcess) -> None:
        """Note that it left; no matter whether it had joined."""
        ...

    def add_resources(self, key: str, resources: Resources) -> None:
        """Register more; what is registered already stays as it is. All or nothing.

        A file known under the same path with another identity is kept beside the first: either
        may be in use.
        """
        ...

    def resources(self, key: str) -> Resources:
        """All that was registered, by any process, in order of registration."""
        ...

    def set_filter(self, key: str, item: Filter) -> None:
        """Add a filter, in place of one on the same target."""
        ...

    def remove_filter(self, key: str, trigger: FilterTrigger, target: str | UniqueProcess) -> bool:
        """Remove the filter on that target; whether there was one."""
        ...

    def filters(self, key: str) -> tuple[Filter, ...]:
        """All filters, oldest first."""
        ...

    def begin(
        self,
        key: str,
        operation: Operation,
        worker: UniqueProcess,
        *,
        replacing: UniqueProcess | None = None,
    ) -> bool:
        """Claim the session for an operation; False when ``worker`` is not the one who got it.

        It is a compare-and-set: it succeeds when the session's worker is ``replacing`` (None:
        nobody), and of two that try at the same time one wins. SHUTDOWN also notes that a shutdown
        was asked for.
        """
        ...

    def finish(self, key: str, worker: UniqueProcess) -> None:
        """Give the claim back; nothing where ``worker`` does not have it or the session is gone."""
        ...

    def write_entries(self, key: str, entries: Iterable[JournalEntry]) -> None:
        """Write entries of the journal, each in place of the one for the same application."""
        ...

    def journal(self, key: str) -> tuple[JournalEntry, ...]:
        """All entries, by their sequence."""
        ...
