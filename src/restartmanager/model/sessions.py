"""Sessions as any process of their user may see them: records for reading, without secrets."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple, Self

from restartmanager.model.journal import SessionRecord

if TYPE_CHECKING:
    from restartmanager.model import Filter, Resources
    from restartmanager.model.journal import JournalEntry


@dataclass(frozen=True, slots=True)
class SessionInfo(SessionRecord):
    """A session as it was when it was looked at. The key is a secret of its user.

    ``created_at`` and ``expires_at`` are seconds since 1970.
    """

    abandoned: bool = False
    """Whether nobody will ever end the session: the owner is dead, or the time is over. Recovery
    brings back what it owes."""

    @classmethod
    def of(cls, record: SessionRecord, *, abandoned: bool) -> Self:
        """The record, with what is known beyond the store."""
        kept = {item.name: getattr(record, item.name) for item in fields(SessionRecord)}
        return cls(**kept, abandoned=abandoned)


class SessionDetails(NamedTuple):
    """Everything that is remembered of one session, but for secrets other than its key."""

    session: SessionInfo
    resources: Resources
    filters: tuple[Filter, ...]
    journal: tuple[JournalEntry, ...]
