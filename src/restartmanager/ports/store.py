"""The port to the session memory, which outlives the processes that share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from restartmanager.model import Filter, FilterTrigger, Resources
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry, Operation, SessionRecord


class Store(Protocol):
    """The memory of all sessions of one user, shared between processes.

    Every method is one transaction: it happens wholly or not at all, whatever other processes do at
    the same time, and is on disk when the method returns. Every method may raise StoreError and its
    subclasses, and NoSuchSessionError for a session that does not exist, or no longer.
    """

    def exists(self) -> bool:
        """Whether there is a memory already. This method creates none; all others do."""
        ...

    def create_session(self, record: SessionRecord, *, limit: int) -> None:
        """Add a session. Raises SessionLimitError when ``limit`` sessions exist already."""
        ...

    def session(self, key: str) -> SessionRecord:
        """The session with this key."""
        ...

    def sessions(self) -> tuple[SessionRecord, ...]:
        """All sessions, oldest first."""
        ...

    def delete_session(self, key: str) -> None:
        """Forget a session with all that belongs to it; secrets are erased from the disk."""
        ...

    def disown(self, key: str) -> None:
        """Leave a session without an installer, for recovery to finish. It does not count among
        the sessions that exist."""
        ...

    def add_member(self, key: str, member: UniqueProcess) -> None:
        """Note that a secondary joined; a second time changes nothing."""
        ...

    def remove_member(self, key: str, member: UniqueProcess) -> None:
        """Note that a secondary left; one that had not joined changes nothing."""
        ...

    def add_resources(self, key: str, resources: Resources) -> None:
        """Register more resources; those that are registered already stay as they are.

        A file that is known by the same path with another identity is kept beside the first: either
        may be in use.
        """
        ...

    def resources(self, key: str) -> Resources:
        """All resources that were registered, by any process, in order of registration."""
        ...

    def set_filter(self, key: str, item: Filter) -> None:
        """Add a filter, in place of one on the same target."""
        ...

    def remove_filter(self, key: str, trigger: FilterTrigger, target: str | UniqueProcess) -> bool:
        """Remove the filter on that target. It returns whether there was one."""
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
        """Claim the session for an operation of ``worker``. It returns whether that succeeded.

        The claim is a compare-and-set: it succeeds when the session's worker is ``replacing``
        (None: there is no worker), and of two processes that try at the same time one wins.
        SHUTDOWN also notes that a shutdown was asked for.
        """
        ...

    def finish(self, key: str, worker: UniqueProcess) -> None:
        """Give the claim back. Nothing happens where ``worker`` does not have it, or the session is
        gone."""
        ...

    def write_entries(self, key: str, entries: Iterable[JournalEntry]) -> None:
        """Write journal entries, each in place of the earlier one for the same application."""
        ...

    def change_entries(
        self,
        application: str,
        change: Callable[[Mapping[str, JournalEntry]], Mapping[str, JournalEntry]],
    ) -> Mapping[str, JournalEntry]:
        """Change the entries about one application (``Application.key``) in all sessions at once.

        ``change`` gets the entries by the keys of their sessions, and returns those that it
        changes, which are returned. Nobody writes meanwhile.
        """
        ...

    def journal(self, key: str) -> tuple[JournalEntry, ...]:
        """All journal entries, by their sequence."""
        ...
