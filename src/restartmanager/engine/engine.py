"""The engine: the operations of sessions, over the ports that it is given.

Sessions are named by their keys here; ``api.primary`` and ``api.secondary`` have handles on them.
The order of things and the refusals are those of Windows (RmStartSession and its kin); where an
operation goes further, its docstring says so.
"""

from __future__ import annotations

import logging
import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from restartmanager.engine.audit import Audit
from restartmanager.engine.claims import Claims
from restartmanager.engine.context import OperationContext
from restartmanager.engine.inspector import Stale
from restartmanager.engine.memory import LOST, JournalMemory
from restartmanager.engine.refresh import Refresh
from restartmanager.engine.restart import Restart
from restartmanager.engine.sharing import Sharing
from restartmanager.engine.shutdown import Shutdown
from restartmanager.errors import (
    ActionError,
    FilterNotFoundError,
    NoSuchSessionError,
    OperationCancelledError,
    OtherFilesError,
    OutOfSequenceError,
    RefreshError,
    RestartError,
    ShutdownError,
    StoreBusyError,
)
from restartmanager.model import Filter, FilterTrigger, Outcome
from restartmanager.model.identity import boot_id
from restartmanager.model.journal import JournalEntry, Operation, SessionRecord
from restartmanager.model.limits import TimeLimits
from restartmanager.model.progress import CancelToken, Reporter
from restartmanager.ports.applications import NoScreens
from restartmanager.ports.machine import NoEntries, NoEventLog
from restartmanager.rules import arguments, events
from restartmanager.rules.events import EventKind
from restartmanager.rules.history import merge_history
from restartmanager.rules.plan import ShutdownMode, plan_refresh, plan_shutdown
from restartmanager.rules.relaunch import in_boot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from restartmanager.engine.identifier import ResourceIdentifier
    from restartmanager.engine.inspector import Inspector
    from restartmanager.model import Affected, Resources, ResourceSpec
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.ports.applications import Channels
    from restartmanager.ports.machine import Clock, EventLog
    from restartmanager.ports.processes import Processes
    from restartmanager.ports.store import Store


_log = logging.getLogger(__name__)


MAX_SESSIONS = 64
"""Open sessions of one user at a time (RmStartSession)."""


@dataclass(slots=True)
class Engine:
    """All operations of one user, over one set of ports."""

    store: Store
    identifier: ResourceIdentifier
    inspector: Inspector
    processes: Processes
    channels: Channels
    clock: Clock
    limits: TimeLimits = field(default_factory=TimeLimits)
    variables: Callable[[], Mapping[str, str]] = dict
    """The environment of the calling process, as far as it is that of its own user's login."""
    event_log: EventLog = field(default_factory=NoEventLog)
    still_works: Callable[[str], bool] = lambda _: False
    """Whether something still works that a dead installer has handed this key to."""
    _claims: Claims = field(init=False)
    _memory: JournalMemory = field(init=False)
    _sharing: Sharing = field(init=False)

    def __post_init__(self) -> None:
        self._claims = Claims(self.store, self.processes)
        self._memory = JournalMemory(self.store)
        self._sharing = Sharing(self.store, self.is_abandoned)

    # -- start, join, end ----------------------------------------------------------------------

    def start(self, *, expires_after_s: float | None = None) -> SessionRecord:
        """Start a session of the calling process and return its record.

        With ``expires_after_s`` no process owns it: it lives until it is ended, that time has
        passed or the machine is rebooted, and any process of the user that has the key is its
        primary. Raises SessionLimitError at the 65th.
        """
        now = self.clock.now()
        detached = expires_after_s is not None
        record = SessionRecord(
            key=secrets.token_hex(16),
            created_at=now,
            boot_id=boot_id(),
            owner=None if detached else self.processes.current(),
            expires_at=now + expires_after_s if expires_after_s is not None else None,
        )
        self.store.create_session(record, limit=MAX_SESSIONS)
        self.event_log.write(events.started(record.key, detached=detached))
        return record

    def join(self, key: str) -> SessionRecord:
        """Join as a secondary; NoSuchSessionError when the key is not one of this user's."""
        key = arguments.normalise_key(key)
        record = self.store.session(key)
        if self.is_abandoned(record):
            raise NoSuchSessionError("Its installer is no longer running.")
        self.store.add_member(key, self.processes.current())
        return record

    def leave(self, key: str) -> None:
        """Leave a joined session; no matter whether it still exists."""
        try:
            self.store.remove_member(key, self.processes.current())
        except NoSuchSessionError:
            _log.debug("the session was ended before its secondary left it")

    def end(self, key: str, *, for_good: bool = False) -> None:
        """Forget a session and all that belongs to it; what is stopped stays stopped.

        What is outstanding is left to recovery, which then forgets it, unless it is ``for_good``.
        What others have held back because of this session comes back now.
        """
        self._forget(key, for_good=for_good)
        self.event_log.write(events.ended(key))
        self._recover(self._sharing.held_back())

    def _forget(self, key: str, *, for_good: bool = False) -> None:
        known = self._memory.remembers(key)
        try:
            if not for_good and any(entry.outstanding for entry in self._memory.journal(key)):
                self.store.disown(key)
            else:
                self.store.delete_session(key)
        except NoSuchSessionError:  # the memory was lost meanwhile, and with it the session
            if not known:
                raise
        self._memory.forget(key)

    def is_abandoned(self, record: SessionRecord) -> bool:
        """Whether nobody will ever end this session: its owner is dead, and so is all that it has
        begun, or its time is over."""
        if record.owner is not None:
            return not (self.processes.is_alive(record.owner) or self.still_works(record.key))
        expired = record.expires_at is not None and self.clock.now() >= record.expires_at
        return expired or record.boot_id != boot_id()

    # -- resources and filters -----------------------------------------------------------------

    def register(
        self, key: str, spec: ResourceSpec, *, installer: UniqueProcess | None = None
    ) -> None:
        """Register more resources; what they name is looked at now. All or nothing.

        Raises OtherFilesError for paths that lead elsewhere for the ``installer``.
        """
        resources = self.identifier.identify(spec, self.inspector.services)
        if installer is not None:
            files, trees = resources.files, resources.trees
            paths = [*(file.path for file in files), *(tree.path for tree in trees)]
            others = self.processes.seen_otherwise(installer, paths)
            if others:
                raise OtherFilesError(others)
        self.store.add_resources(key, resources)

    def resources(self, key: str) -> Resources:
        """All that was registered, by the primary and the secondaries."""
        return self.store.resources(key)

    def set_filter(self, key: str, item: Filter) -> None:
        """Add a filter; a later one on the same target takes its place (RmAddFilter).

        A service is known by any of its names.
        """
        target = self._canonical(item.trigger, item.target)
        self.store.set_filter(key, item._replace(target=target))

    def remove_filter(self, key: str, trigger: FilterTrigger, target: str | UniqueProcess) -> None:
        """Remove the filter on that target; FilterNotFoundError when there is none."""
        if not self.store.remove_filter(key, trigger, self._canonical(trigger, target)):
            raise FilterNotFoundError(str(target))

    def _canonical(
        self, trigger: FilterTrigger, target: str | UniqueProcess
    ) -> str | UniqueProcess:
        if trigger is not FilterTrigger.SERVICE or not isinstance(target, str):
            return target
        found = self.inspector.services.resolve([target]).get(target)
        return target if found is None else found.name

    def filters(self, key: str) -> tuple[Filter, ...]:
        """All filters of the session."""
        return self.store.filters(key)

    # -- list ----------------------------------------------------------------------------------

    def affected(self, key: str, *, relaunch_all: bool) -> Affected:
        """The list, computed anew and merged with what this session has done (RmGetList)."""
        found = self._affected(key, relaunch_all=relaunch_all)
        self.event_log.write(events.listed(key, found))
        return found

    def _affected(self, key: str, *, relaunch_all: bool) -> Affected:
        members = self.store.session(key).members
        filters = self.store.filters(key)
        journal = self.store.journal(key)
        now = self.inspector.who_uses(
            self.store.resources(key), members=members, relaunch_all=relaunch_all, obstacles=True
        )
        alive = self.inspector.alive(journal)
        return replace(now, applications=merge_history(now.applications, journal, alive, filters))

    # -- shutdown and restart ------------------------------------------------------------------

    def shutdown(
        self,
        key: str,
        mode: ShutdownMode,
        *,
        relaunch_all: bool,
        reporter: Reporter,
        cancel: CancelToken,
    ) -> tuple[Outcome, ...]:
        """Stop what uses the registered resources, by a list made now (RmShutdown).

        Raises RebootNeededError, CannotComeBackError or ShutdownError before anything is touched as
        ``mode`` has it or an application says no, ShutdownError when something did not stop,
        OperationCancelledError when called off.
        """
        with (
            self._told(EventKind.SHUT_DOWN, key, ShutdownError) as outcomes,
            self._claims.claim(key, Operation.SHUTDOWN),
        ):
            affected = self._affected(key, relaunch_all=relaunch_all)
            plan = plan_shutdown(affected.applications, self._memory.filters(key), mode)
            work = Shutdown(
                self._context(key, reporter, cancel),
                first_sequence=_last_sequence(self.store.journal(key)),
            )
            outcomes.extend(work.carry_out(plan))
        return tuple(outcomes)

    def restart(self, key: str, *, reporter: Reporter, cancel: CancelToken) -> tuple[Outcome, ...]:
        """Bring back what this session stopped (RmRestart).

        Raises OutOfSequenceError before any shutdown, RestartError with all outcomes when
        something did not come back, OperationCancelledError when called off. What this process has
        stopped comes back also where the store has lost it.
        """
        with (
            self._told(EventKind.RESTARTED, key, RestartError) as outcomes,
            self._claimed_for_restart(key),
        ):
            outcomes.extend(self._restart(key, reporter, cancel))
        return tuple(outcomes)

    @contextmanager
    def _claimed_for_restart(self, key: str) -> Iterator[None]:
        with ExitStack() as claimed:
            try:
                if not self.store.session(key).shut_down:
                    raise OutOfSequenceError("Restart", "shutdown")
                claimed.enter_context(self._claims.claim(key, Operation.RESTART))
            except StoreBusyError:  # which passes: the caller may try again
                raise
            except LOST:
                if not self._memory.knows(key):
                    raise
            yield

    def refresh(  # noqa: PLR0913 - each is one independent wish
        self,
        key: str,
        *,
        everything: bool,
        force: bool,
        relaunch_all: bool,
        reporter: Reporter,
        cancel: CancelToken,
    ) -> tuple[Outcome, ...]:
        """Restart where it stands what uses old versions of the registered resources, or, with
        ``everything``, whatever runs replaced code. Windows has no such operation.

        What cannot be stopped or would not come back is left alone, and among the outcomes. Raises
        RefreshError when something is not up to date afterwards that should be,
        OperationCancelledError when called off.
        """
        with (
            self._told(EventKind.REFRESHED, key, RefreshError) as outcomes,
            self._claims.claim(key, Operation.SHUTDOWN),
        ):
            filters = self.store.filters(key)
            affected = self.outdated(key, everything=everything, relaunch_all=relaunch_all)
            work = Refresh(
                self._context(key, reporter, cancel),
                read_journal=lambda: self.store.journal(key),
                find_stale=lambda: self.inspector.find_stale(
                    None if everything else self.store.resources(key)
                ),
                filters=filters,
            )
            plan = plan_refresh(affected.applications, filters, force=force)
            outcomes.extend(work.carry_out(plan))
        return tuple(outcomes)

    def outdated(self, key: str, *, everything: bool, relaunch_all: bool) -> Affected:
        """The applications that a refresh looks at: who uses the registered resources, or, with
        ``everything``, whatever runs replaced code."""
        if not everything:
            return self._affected(key, relaunch_all=relaunch_all)
        members = self.store.session(key).members
        return self.inspector.stale(members=members, relaunch_all=relaunch_all, obstacles=True)

    def owes(self, key: str) -> bool:
        """Whether something that this session stopped still waits to be brought back."""
        return any(entry.due for entry in self._memory.journal(key))

    def interrupt(self, key: str) -> SessionRecord | None:
        """Interrupt the process that is shutting this session down or bringing back (SIGINT).

        Gives the record with that process; None where nothing runs. Raises UsageError where it is
        the calling process, ProcessAccessError where it may not be interrupted.
        """
        return self._claims.interrupt(key)

    def recover(self) -> tuple[Outcome, ...]:
        """Bring back what dead installers of this user left stopped, and forget their sessions.

        Windows leaves those applications closed. Of two that recover at
        the same time each session is taken by one. What fails is an outcome, never an exception.
        What was asked to exit and still runs, or could not be started, stays owed.
        """
        return self._recover(self.store.sessions() if self.store.exists() else ())

    def _recover(self, records: Iterable[SessionRecord]) -> tuple[Outcome, ...]:
        outcomes: list[Outcome] = []
        for record in records:
            if self.is_abandoned(record) and self._claims.take_over(record):
                with CancelToken() as never:
                    outcomes += self._restart(record.key, Reporter(), never)
                self._forget(record.key)
        if outcomes:
            self.event_log.write(events.acted(EventKind.RECOVERED, "", outcomes))
        return tuple(outcomes)

    def _restart(self, key: str, reporter: Reporter, cancel: CancelToken) -> tuple[Outcome, ...]:
        work = Restart(
            self._context(key, reporter, cancel),
            find_stale=lambda: self._stale_of(key),
            filters=self._memory.filters(key),
        )
        return work.carry_out(in_boot(boot_id(), self._memory.journal(key)))

    def _stale_of(self, key: str) -> Stale:
        """Who still uses files that were replaced in this session. Of an earlier boot nobody can,
        and the numbers of its devices may be those of others by now."""
        nobody = Stale(frozenset(), frozenset())
        try:
            if self.store.session(key).boot_id != boot_id():
                return nobody
            return self.inspector.find_stale(self.store.resources(key))
        except LOST:  # what is back is not called in question over it
            return nobody

    @contextmanager
    def _told(
        self, kind: EventKind, key: str, failure: Callable[[Sequence[Outcome]], ActionError]
    ) -> Iterator[list[Outcome]]:
        """The list for the outcomes of an operation. They are told to the event log, and so is what
        called the operation off; ``failure`` is raised where one of them failed."""
        outcomes: list[Outcome] = []
        try:
            yield outcomes
            if any(outcome.failed for outcome in outcomes):
                raise failure(outcomes)
        except (ActionError, OperationCancelledError) as error:
            self.event_log.write(events.acted(kind, key, error.outcomes, error.message))
            raise
        self.event_log.write(events.acted(kind, key, outcomes))

    def _context(self, key: str, reporter: Reporter, cancel: CancelToken) -> OperationContext:
        return OperationContext(
            processes=self.processes,
            services=self.inspector.services,
            channels=self.channels,
            screens=self.inspector.screens or NoScreens(),
            entries=self.inspector.entries or NoEntries(),
            clock=self.clock,
            uid=self.inspector.uid,
            variables=self.variables,
            write=lambda entries: self._memory.write(key, entries),
            note=lambda entries: self._memory.note(key, entries),
            share=lambda entry: self._sharing.share(key, entry),
            is_closed_by_another=lambda application, process: self._sharing.is_closed_by_another(
                key, application.key, process
            ),
            is_being_changed=lambda application: self._sharing.is_being_changed(key, application),
            reporter=reporter,
            cancel=cancel,
            limits=self.limits,
            audit=Audit(self.event_log, self.processes, key, self.inspector.uid),
        )


def _last_sequence(journal: Sequence[JournalEntry]) -> int:
    return max((entry.sequence for entry in journal), default=0)
