"""The relauncher: applications that are processes are started again, each at most once.

A new process is written down before it runs its program, so that whoever continues after a crash
finds it.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from restartmanager.errors import NotStartedError, ProcessError, ProcessGoneError
from restartmanager.model import RestartBy, Signal, Status
from restartmanager.model.identity import boot_id
from restartmanager.model.journal import JournalEntry, JournalStep
from restartmanager.model.limits import START_AGAIN_S
from restartmanager.rules.applications import desktop_unit
from restartmanager.rules.filters import action_on
from restartmanager.rules.relaunch import after_reboot, scope_name, why_closed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from restartmanager.engine.context import OperationContext
    from restartmanager.engine.recorder import StartRecorder
    from restartmanager.model import Filter, Recipe
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.ports.processes import ProcessHandle


_log = logging.getLogger(__name__)
_BETWEEN_TRIES_S = 0.2


class Relauncher:
    """A starter of applications that are owed; the recorder has what became of those that it does
    not start. Leaving the context lets go of the processes that were started."""

    def __init__(
        self, context: OperationContext, recorder: StartRecorder, filters: Sequence[Filter]
    ) -> None:
        self._context = context
        self._processes = context.processes
        self._clock = context.clock
        self._cancel = context.cancel
        self._limits = context.limits
        self._recorder = recorder
        self._filters = filters
        self._homeless: dict[int | None, str] = {}
        self._held: dict[UniqueProcess, ProcessHandle] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._held.values():
            handle.close()

    @property
    def held(self) -> Mapping[UniqueProcess, ProcessHandle]:
        """The holds on the processes that were started here; they last as long as the
        relauncher."""
        return self._held

    def start(self, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        """Start these applications, in this order; the entries of those that were started, to be
        verified. When it is called off, it ends early."""
        started = []
        for entry in entries:
            if self._cancel.cancelled:
                break
            running = self._bring_back(entry)
            if running is not None:
                started.append(running)
        return started

    def _bring_back(self, entry: JournalEntry) -> JournalEntry | None:
        """Start it where it is owed; its entry where it was started, else it is settled."""
        if entry.step in {JournalStep.STOP_INTENDED, JournalStep.NOT_STOPPED}:
            if self._still_runs(entry):
                self._note_running(entry)
                return None
            entry = _stopped(entry)
        entry = self._as_daemon(entry)
        if entry.started_as is not None:  # before a crash, or by an earlier try
            running = self._running_since(entry, entry.started_as)
            if running is not None:
                return running
        main = entry.application.main_process
        latest = entry.started_as or (main and main.identity)
        if latest and self._context.is_closed_by_another(entry.application, latest):
            self._recorder.taken_over(entry)
            return None
        return self._bring_back_here(entry)

    def _running_since(self, entry: JournalEntry, started: UniqueProcess) -> JournalEntry | None:
        """The entry where what was started lives on, or another session, which is forgotten by now,
        has closed it again and brought it back."""
        if self._lives(started):
            return entry
        back = entry.recipe and self._processes.successor(started, entry.recipe.uid)
        return self._recorder.released(entry, back) if back else None

    def _bring_back_here(self, entry: JournalEntry) -> JournalEntry | None:
        """Start it, unless another session does, or it should stay closed."""
        shared = self._context.share(entry)
        if shared is None:
            self._recorder.handed_over(entry)
            return None
        entry = shared
        application = entry.application
        if action_on(application, self._filters) is not None:
            self._recorder.left_stopped(entry, "a filter of the session excludes it")
        elif entry.recipe is None or application.restart_by is RestartBy.NONE:
            self._recorder.left_stopped(entry, why_closed(application))
        elif self._context.is_being_changed(application):
            self._recorder.held_back(entry)
        else:
            return self._start(entry)
        return None

    def _still_runs(self, entry: JournalEntry) -> bool:
        """Whether an application that may have been asked to exit is there to stay.

        The request cannot be taken back: who has it may exit at any time, and most do so soon. It
        may have come a while after the entry was written: others were asked first. Where it was
        too late before, it has the same time again.
        """
        main = entry.application.main_process
        if main is None:
            return False
        asked_just_now = entry.step is JournalStep.STOP_INTENDED
        longest = self._limits.application_s + 2 * self._limits.answer_s * asked_just_now
        patience = min(max(0.0, entry.at + longest - self._clock.now()), longest)
        try:
            handle = self._processes.open(main.identity)
        except ProcessError:
            return self._processes.is_alive(main.identity)
        with handle:
            if patience and not self._processes.wait([handle], self._clock.monotonic()):
                self._recorder.waits(entry, patience)
            until = self._clock.monotonic() + patience
            return not self._processes.wait([handle], until, self._cancel)

    def _note_running(self, entry: JournalEntry) -> None:
        """It was asked to exit and runs: it is still owed, unless it would stay closed anyway."""
        lost = entry.recipe is None or entry.application.restart_by is RestartBy.NONE
        if lost or action_on(entry.application, self._filters) is not None:
            self._recorder.never_stopped(entry)
        else:
            self._recorder.lingers(entry)

    def _lives(self, process: UniqueProcess) -> bool:
        """Whether it runs its program, and lives on for the settling time.

        One that still waits at the gate of a dead installer has run nothing. It exits as soon as
        it gets the processor; should that take too long, it is helped.
        """
        try:
            handle = self._processes.open(process)
        except ProcessError:
            return False
        with handle:
            patience = self._clock.monotonic() + self._limits.application_s
            while not self._processes.wait([handle], self._settled_at()):
                if not self._processes.is_at_gate(process):
                    return True
                if self._clock.monotonic() >= patience:
                    _kill(handle)
        return False

    def _as_daemon(self, entry: JournalEntry) -> JournalEntry:
        """The entry with the daemon that its process has become, where it has."""
        started, recipe = entry.started_as, entry.recipe
        if started is None or recipe is None or self._processes.is_alive(started):
            return entry
        daemon = self._processes.daemon_of(started, recipe.uid)
        return entry if daemon is None else replace(entry, started_as=daemon)

    def _settled_at(self) -> float:
        return self._clock.monotonic() + self._limits.settle_s

    def _start(self, entry: JournalEntry) -> JournalEntry | None:
        main = entry.application.main_process
        if main is None:
            return self._start_once(entry)
        uid = main.uid if entry.recipe is None else entry.recipe.uid
        with self._processes.turn_to_start(main.identity, uid):
            back = self._processes.successor(main.identity, uid)
            if back is not None:  # another installer, without a memory in common with this one
                return self._recorder.released(entry, back)
            return self._start_once(entry)

    def _start_once(self, entry: JournalEntry) -> JournalEntry | None:
        recipe = self._recipe_of(entry)
        main = entry.application.main_process
        replaced = None if main is None else main.identity
        (entry,) = self._recorder.intend([entry])
        released = entry

        def note_process(identity: UniqueProcess) -> None:
            nonlocal released
            released = self._recorder.released(entry, identity)
            with suppress(ProcessError):
                self._held[identity] = self._processes.open(identity)
            self._context.audit.starting(released, identity)
            self._bring_home(entry, identity, recipe)

        deadline = self._clock.monotonic() + START_AGAIN_S
        while True:
            try:
                self._processes.start(recipe, note_process, replaced=replaced)
            except ProcessError as error:
                if self._waits_for_better_times(error, deadline):
                    continue
                self._recorder.not_startable(replace(entry, started_as=None), error.message)
                return None
            return released

    def _waits_for_better_times(self, error: ProcessError, deadline: float) -> bool:
        """Whether to try again now, a moment after what may pass by itself."""
        now = self._clock.monotonic()
        if not isinstance(error, NotStartedError) or not error.passing or now >= deadline:
            return False
        self._processes.wait([], min(deadline, now + _BETWEEN_TRIES_S), self._cancel)
        return not self._cancel.cancelled

    def _recipe_of(self, entry: JournalEntry) -> Recipe:
        """How to start it now. What root has of its own login is nobody else's."""
        recipe, main = entry.recipe, entry.application.main_process
        assert recipe is not None  # noqa: S101 - the caller looked
        of_old = main is not None and main.identity.boot_id != boot_id()
        if of_old and recipe.uid == self._context.uid:
            return after_reboot(recipe, self._context.variables())
        return recipe

    def _bring_home(self, entry: JournalEntry, process: UniqueProcess, recipe: Recipe) -> None:
        """Put the new process, which has run nothing yet, where it was: what becomes of the
        installer must not matter to it. ProcessError where it would lose its limits."""
        home = recipe.home
        if home is None:
            return
        main = entry.application.main_process
        unit = desktop_unit(main) if main is not None and main.uid == recipe.uid else None
        trouble = self._homeless.get(home.user, "")  # who does not answer is not waited for again
        trouble = trouble or self._context.services.adopt(process, home, scope_name(unit, process))
        if not trouble:
            return
        self._homeless[home.user] = trouble
        if home.limits:
            raise ProcessError(f"It cannot be put under its limits again: {trouble}.")
        _log.debug("process %d stays where the installer is: %s", process.pid, trouble)


def _kill(handle: ProcessHandle) -> None:
    with suppress(ProcessGoneError):
        handle.send(Signal.KILL)


def _stopped(entry: JournalEntry) -> JournalEntry:
    application = entry.application
    status = (application.status & ~(Status.RUNNING | Status.ERROR_ON_STOP)) | Status.STOPPED
    return replace(entry, application=replace(application, status=status))
