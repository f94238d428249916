"""The context of an operation: the ports, the journal, who watches it, and its time limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from restartmanager.engine.audit import Audit
    from restartmanager.model import Application
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry
    from restartmanager.model.limits import TimeLimits
    from restartmanager.model.progress import CancelToken, Reporter
    from restartmanager.ports.applications import Channels, Screens
    from restartmanager.ports.machine import Clock, Entries
    from restartmanager.ports.processes import Processes
    from restartmanager.ports.services import ServiceManager


@dataclass(frozen=True, slots=True)
class OperationContext:
    """The context of one shutdown, restart or refresh.

    ``variables`` gives the environment of the caller's own login, whose effective user number is
    ``uid``; ``write`` puts entries into the journal. So does ``note``, and never fails: what the
    store does not take is remembered. ``share`` leaves an application that is owed to another open
    session that has closed it as well, and gives None; else the entry with what other sessions knew
    of it. ``is_closed_by_another`` tells whether another session has closed, as another
    application, this process or what has taken its place; ``is_being_changed`` whether one is in
    the middle of changing what an application uses.
    """

    processes: Processes
    services: ServiceManager
    channels: Channels
    screens: Screens
    entries: Entries
    clock: Clock
    uid: int
    variables: Callable[[], Mapping[str, str]]
    write: Callable[[Iterable[JournalEntry]], None]
    note: Callable[[Iterable[JournalEntry]], None]
    share: Callable[[JournalEntry], JournalEntry | None]
    is_closed_by_another: Callable[[Application, UniqueProcess], bool]
    is_being_changed: Callable[[Application], bool]
    reporter: Reporter
    cancel: CancelToken
    limits: TimeLimits
    audit: Audit
