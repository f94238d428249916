"""What several sessions owe together: an application comes back once, when the last of them is
through that has closed it, or that is changing what it uses."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from restartmanager.app.registering import REPLACES_VARIABLE, RESTARTED_VARIABLE
from restartmanager.engine.memory import LOST
from restartmanager.model.journal import JournalStep
from restartmanager.rules.filters import action_on
from restartmanager.rules.sharing import concerns, is_amid_change, place, places, share

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from restartmanager.model import Application
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry, SessionRecord
    from restartmanager.ports.store import Store


class Sharing:
    """The other sessions in the memory, asked when one is to bring an application back."""

    def __init__(self, store: Store, is_abandoned: Callable[[SessionRecord], bool]) -> None:
        self._store = store
        self._is_abandoned = is_abandoned

    def share(self, key: str, entry: JournalEntry) -> JournalEntry | None:
        """Leave an application to another open session: None. What sessions without an installer
        owe of it is settled instead: they are not waited for. Where the memory is lost the session
        brings it back, which is all that it can know."""
        try:
            open_ = {record.key for record in self._open()}

            def shared(entries: Mapping[str, JournalEntry]) -> Mapping[str, JournalEntry]:
                return share(key, entries, open_)

            own = self._store.change_entries(entry.application.key, shared).get(key)
        except LOST:
            return entry
        if own is None:
            return entry
        if own.step is JournalStep.HANDED_OVER:
            return None
        if entry.recipe is None:
            entry = replace(entry, application=own.application, recipe=own.recipe)
        return replace(entry, hold=own.hold)

    def is_closed_by_another(self, key: str, application: str, process: UniqueProcess) -> bool:
        """Whether another session owes what has taken the place of this process, or that itself,
        as another application than the one with the key ``application``."""
        wanted = place(process)
        try:
            return any(
                wanted in _places(entry)
                for record in self._store.sessions()
                if record.key != key
                for entry in self._store.journal(record.key)
                if entry.owed and entry.application.key != application
            )
        except LOST:
            return False

    def is_being_changed(self, key: str, application: Application) -> bool:
        """Whether another session is just changing what the application uses, and would have closed
        it, had it run."""
        try:
            return any(
                self._changes(record, application) for record in self._open() if record.key != key
            )
        except LOST:
            return False

    def held_back(self) -> list[SessionRecord]:
        """The sessions without an installer that have waited for another one."""
        with suppress(*LOST):
            return [
                record
                for record in (self._store.sessions() if self._store.exists() else ())
                if record.disowned
                and any(e.step is JournalStep.HELD_BACK for e in self._store.journal(record.key))
            ]
        return []

    def _open(self) -> list[SessionRecord]:
        return [record for record in self._store.sessions() if not self._is_abandoned(record)]

    def _changes(self, record: SessionRecord, application: Application) -> bool:
        journal = self._store.journal(record.key)
        if not is_amid_change(record, journal):
            return False
        if action_on(application, self._store.filters(record.key)) is not None:
            return False
        closed = any(entry.application.key == application.key for entry in journal)
        return closed or concerns(self._store.resources(record.key), application)


def _places(entry: JournalEntry) -> tuple[str, ...]:
    """The places of the process that was closed."""
    main, recipe = entry.application.main_process, entry.recipe
    if main is None:
        return ()
    environment = () if recipe is None else recipe.environment
    return places(main.identity, environment, REPLACES_VARIABLE, RESTARTED_VARIABLE)
