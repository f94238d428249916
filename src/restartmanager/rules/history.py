"""History of a session: the list of applications, with those that the session has acted on before.

::

    >>> from restartmanager.model import AppType
    >>> from restartmanager.model.journal import JournalEntry, JournalStep
    >>> editor = Application("editor", AppType.CONSOLE, None, status=Status.STOPPED)
    >>> journal = [JournalEntry(0, editor, JournalStep.STOPPED, 0.0)]
    >>> (merged,) = merge_history([], journal, Alive({}, frozenset()), filters=[])
    >>> merged.name, merged.status
    ('editor', <Status.STOPPED: 2>)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.model import Application, Required, Status
from restartmanager.model.journal import JournalStep
from restartmanager.rules.filters import with_masks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from restartmanager.model import Filter, Process, Service
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry

_NOT_STOPPED = {JournalStep.NOT_STOPPED, JournalStep.LEFT_RUNNING}


class Alive(NamedTuple):
    """The processes and services of a journal that run now."""

    processes: Mapping[UniqueProcess, Process]
    services: frozenset[Service]


def merge_history(
    current: Sequence[Application],
    journal: Iterable[JournalEntry],
    alive: Alive,
    filters: Sequence[Filter],
) -> tuple[Application, ...]:
    """The list of applications: those that are affected now, and those that the session has acted
    on before.

    An application that came back is listed once, under its new process.
    """
    remaining = {application.key: application for application in current}
    by_process = {p.identity: a.key for a in current for p in a.processes}
    merged = []
    for entry in _latest(journal):
        keys = [entry.application.key]
        if entry.started_as is not None:
            keys.append(by_process.get(entry.started_as, ""))
        found = [remaining.pop(key) for key in keys if key in remaining]
        merged.append(_with_history(entry, found[-1] if found else None, alive))
    return tuple(with_masks(application, filters) for application in (*merged, *remaining.values()))


def _latest(journal: Iterable[JournalEntry]) -> list[JournalEntry]:
    """The entries without those whose new process the session has itself stopped later on."""
    entries = list(journal)
    stopped = {e.application.main_process.identity for e in entries if e.application.main_process}
    return [entry for entry in entries if entry.started_as not in stopped]


def _with_history(entry: JournalEntry, current: Application | None, alive: Alive) -> Application:
    """The application of a journal entry, as it is now."""
    history = entry.application.status & ~Status.RUNNING
    if current is not None:
        reason = entry.message or current.reason
        return replace(current, status=current.status | history, reason=reason)
    now = alive.processes.get(entry.started_as) if entry.started_as else None
    if now is not None:
        return replace(
            entry.application,
            status=history | Status.RUNNING,
            main_process=now,
            processes=(now,),
            evidence=(),
            required=Required.NONE,
            reason=entry.message,
        )
    running = _runs(entry.application, alive)
    as_before = running and not history & Status.RESTARTED
    if running:
        history |= Status.RUNNING
    elif entry.step in _NOT_STOPPED:  # somebody else has closed it since
        history |= Status.STOPPED_OTHER
    return replace(
        entry.application,
        status=history,
        evidence=entry.application.evidence if as_before else (),
        required=entry.application.required if as_before or not running else Required.NONE,
        reason=entry.message,
    )


def _runs(application: Application, alive: Alive) -> bool:
    if application.service is not None:
        return application.service in alive.services
    main = application.main_process
    return main is not None and main.identity in alive.processes
