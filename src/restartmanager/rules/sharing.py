"""Sharing: which of several sessions brings an application back that each of them has closed.

It comes back once, when the last of the open sessions is through::

    >>> from restartmanager.model import Application, AppType
    >>> editor = Application("editor", AppType.UNKNOWN, None)
    >>> entries = {key: JournalEntry(1, editor, JournalStep.STOPPED, 0.0) for key in ("one", "two")}
    >>> {key: str(entry.step) for key, entry in share("one", entries, open_={"one", "two"}).items()}
    {'one': 'handed-over'}
    >>> {key: str(entry.step) for key, entry in share("one", entries, open_={"one"}).items()}
    {'two': 'handed-over'}
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from restartmanager.model import Hold
from restartmanager.model.journal import JournalEntry, JournalStep, Operation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from restartmanager.model import Application, Resources
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import SessionRecord

_AT_WORK = {JournalStep.STOP_INTENDED, JournalStep.START_INTENDED, JournalStep.START_RELEASED}
"""Nothing is left to a session that is just stopping or starting the application: what has gone
meanwhile it believes to have gone by itself, and what it has started it does not start again."""

_PLACES = 16  # so often something may be started again while an installer is dead


def share(
    key: str, entries: Mapping[str, JournalEntry], open_: Collection[str]
) -> dict[str, JournalEntry]:
    """The entries about one application that change when the session ``key`` is to bring it back;
    ``entries`` has those of all sessions, ``open_`` the sessions whose installers live.

    Its own is handed over when another open session owes the application as well: that one brings
    it back. Otherwise those of the other sessions are: this one brings it back. Whoever does gets
    what it needs for that and does not have.
    """
    own = entries.get(key)
    others = {name: entry for name, entry in entries.items() if name != key and entry.owed}
    heirs = [name for name in others if name in open_ and others[name].step not in _AT_WORK]
    if own is None:
        return {}
    if not heirs:
        left = {name: entry for name, entry in others.items() if name not in open_}
        changed = {name: _handed_over(entry) for name, entry in left.items()}
        inherited = own
        for entry in left.values():
            inherited = _with_what_it_lacks(inherited, entry)
        return changed if inherited == own else {key: inherited, **changed}
    heir = next((name for name in heirs if others[name].recipe is not None), heirs[0])
    inherited = _with_what_it_lacks(others[heir], own)
    changed = {} if inherited == others[heir] else {heir: inherited}
    return {key: _handed_over(own), **changed}


def place(process: UniqueProcess) -> str:
    """The place of a process, as text: who is started in its stead takes that."""
    return f"{process.pid}:{process.start_ticks}:{process.boot_id}"


def places(
    process: UniqueProcess, environment: Iterable[tuple[str, str]], replaces: str, restarted: str
) -> tuple[str, ...]:
    """The place of a process and, where it was started again itself, those that it had taken, the
    latest first.

    ``replaces`` and ``restarted`` are the names of the variables that say so. Children inherit
    them, and have taken nobody's place.
    """
    variables = dict(environment)
    itself = variables.get(restarted) == f"{process.pid}:{process.start_ticks}"
    taken = variables.get(replaces, "").split() if itself else []
    return (place(process), *taken)[:_PLACES]


def is_amid_change(record: SessionRecord, journal: Sequence[JournalEntry]) -> bool:
    """Whether a session whose installer lives has closed what uses its resources, and has not begun
    to bring that back.

    One that no process owns is left out: nobody knows whether it will ever be ended.
    """
    closed = record.shut_down and record.operation is not Operation.RESTART
    begun = any(entry.step is JournalStep.HELD_BACK for entry in journal)
    owes = any(entry.owed for entry in journal)
    return record.owner is not None and closed and owes and not begun


def concerns(resources: Resources, application: Application) -> bool:
    """Whether the application was found to use any of these files, or is one of these services."""
    service = application.service
    if service is not None and service.name in resources.services:
        return True
    used = {evidence.path for evidence in application.evidence}
    below = tuple(f"{tree.path.rstrip('/')}/" for tree in resources.trees)
    named = {file.path for file in resources.files} | {tree.path for tree in resources.trees}
    return not used.isdisjoint(named) or any(path.startswith(below) for path in used if below)


def _with_what_it_lacks(heir: JournalEntry, own: JournalEntry) -> JournalEntry:
    """The entry of the heir, with the way back and the holds that only this session knows: it has
    stopped the application when the other had nothing to hold down any more."""
    if own.recipe is not None and heir.recipe is None:
        heir = replace(heir, application=own.application, recipe=own.recipe)
    if own.hold is None or heir.hold is None:
        return heir
    hold = Hold(
        tuple(dict.fromkeys((*heir.hold.triggers, *own.hold.triggers))),
        tuple(dict.fromkeys((*heir.hold.followers, *own.hold.followers))),
        masked=heir.hold.masked or own.hold.masked,
    )
    return replace(heir, hold=hold)


def _handed_over(entry: JournalEntry) -> JournalEntry:
    return replace(entry, step=JournalStep.HANDED_OVER, recipe=None)
