"""The handle of a session's primary, who leads it: filters, lists, transaction, previews."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from restartmanager.api.dropped import end_when_dropped
from restartmanager.api.secondary import SessionHandle
from restartmanager.api.stopped import Stopped, beside
from restartmanager.errors import (
    OutOfSequenceError,
    RestartError,
    SessionBusyError,
    SessionEndedError,
)
from restartmanager.model import Filter, FilterAction
from restartmanager.model.progress import CancelToken, Reporter
from restartmanager.rules.arguments import filter_target, relaunch_all
from restartmanager.rules.plan import ShutdownMode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Literal

    from restartmanager.engine.engine import Engine
    from restartmanager.model import Affected, Outcome, Resources
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry
    from restartmanager.model.preview import Preview
    from restartmanager.model.progress import Progress
    from restartmanager.rules.arguments import PathLike


class PrimarySession(SessionHandle):
    """The handle of who started the session. Made by start_session.

    As a context manager it brings back what is still stopped and ends the session on leaving, also
    after an exception. All methods raise SessionEndedError once it is ended. A handle that is
    dropped ends its session as well, unless something is stopped: that comes back with the next
    session of this process, or by recovery after its exit.
    """

    def __init__(self, engine: Engine, key: str, *, ends_when_dropped: bool = False) -> None:
        super().__init__(engine, key)
        self._finalizer = end_when_dropped(self, engine) if ends_when_dropped else None
        self._lock = threading.RLock()  # a signal handler may cancel while it is held
        self._running: CancelToken | None = None
        self._leave_stopped = False

    # -- resources and filters -----------------------------------------------------------------

    def resources(self) -> Resources:
        """All that was registered so far, by the primary and its secondaries."""
        with self._alive():
            return self._engine.resources(self._key)

    def add_filter(
        self,
        action: FilterAction,
        *,
        executable: PathLike | None = None,
        process: UniqueProcess | None = None,
        service: str | None = None,
    ) -> None:
        """Exclude one target from being stopped, or from being brought back.

        Exactly one target: the path of a program (not of the locked file), a process, or a
        service. A later filter on the same target takes the place of the earlier one.
        """
        trigger, target = filter_target(executable, process, service)
        with self._alive():
            self._engine.set_filter(self._key, Filter(target, trigger, FilterAction(action)))

    def remove_filter(
        self,
        *,
        executable: PathLike | None = None,
        process: UniqueProcess | None = None,
        service: str | None = None,
    ) -> None:
        """Remove the filter on that target; FilterNotFoundError when there is none."""
        trigger, target = filter_target(executable, process, service)
        with self._alive():
            self._engine.remove_filter(self._key, trigger, target)

    def filters(self) -> tuple[Filter, ...]:
        """All filters, oldest first."""
        with self._alive():
            return self._engine.filters(self._key)

    # -- the transaction -----------------------------------------------------------------------

    def affected(self, *, relaunch: Literal["registered", "all"] = "registered") -> Affected:
        """Who uses the registered resources now, and what became of those acted on before.

        Computed anew by every call. Non-zero ``reboot_reasons`` say that shutdown would refuse, and
        so does ``restart_obstacle`` of an application.
        """
        with self._alive():
            return self._engine.affected(self._key, relaunch_all=relaunch_all(relaunch))

    def shutdown(  # noqa: PLR0913 - each is one independent wish
        self,
        *,
        force: bool = False,
        only_registered: bool = False,
        partial: bool = False,
        leave_closed: bool = False,
        relaunch: Literal["registered", "all"] = "registered",
        on_progress: Callable[[int], object] | None = None,
        on_event: Callable[[Progress], object] | None = None,
    ) -> Stopped:
        """Stop what uses the registered resources, by a list made now.

        All applications that listen are asked first: one that says no, or cannot tell, keeps all
        of them open. As a context manager, the result brings everything back on leaving the block.
        ``force`` overrides a "no", and kills what does not exit in time (30 seconds).
        ``only_registered`` stops nothing unless everything would come back. ``partial`` closes what
        can be closed although something cannot, says no, or could not come back; ``leave_closed``
        closes also what could not come back (``restart_obstacle``), for good.
        ``relaunch="all"`` also brings back programs that registered nothing, by the command they
        were started with. ``on_progress`` gets strictly increasing percentages, ``on_event`` what
        happens to which application.

        Raises RebootNeededError when something cannot be stopped, CannotComeBackError when
        something could not come back although it should, ShutdownError when an application said no
        (in these cases nothing was touched) or something did not stop, OperationCancelledError
        after ``cancel``. In each case leaving the session's own block
        brings back what was stopped.
        """
        mode = ShutdownMode(
            force=force,
            only_registered=only_registered,
            partial=partial,
            leave_closed=leave_closed,
        )
        reporter = Reporter(on_progress, on_event)
        everything = relaunch_all(relaunch)
        with self._alive(), self._operation() as cancel:
            outcomes = self._engine.shutdown(
                self._key, mode, relaunch_all=everything, reporter=reporter, cancel=cancel
            )
        return Stopped(self, outcomes)

    def restart(
        self,
        *,
        on_progress: Callable[[int], object] | None = None,
        on_event: Callable[[Progress], object] | None = None,
    ) -> tuple[Outcome, ...]:
        """Bring back what was stopped, and verify that it lives and uses the new files.

        Possible after every shutdown, also after one that failed. Raises OutOfSequenceError
        before any, RestartError when something did not come back.
        """
        reporter = Reporter(on_progress, on_event)
        with self._alive(), self._operation() as cancel:
            return self._engine.restart(self._key, reporter=reporter, cancel=cancel)

    def refresh(
        self,
        *,
        everything: bool = False,
        force: bool = False,
        relaunch: Literal["registered", "all"] = "registered",
        on_progress: Callable[[int], object] | None = None,
        on_event: Callable[[Progress], object] | None = None,
    ) -> tuple[Outcome, ...]:
        """Restart where it stands what uses old versions of the registered resources.

        For changes that can be made while everything runs, as those of package managers: call it
        afterwards, and each application is away for its own restart only. ``everything`` restarts
        whatever runs replaced code on this machine, as ``stale()`` lists it. What cannot be
        stopped, or would not come back, is left alone and said so in the outcomes.

        Raises RefreshError when something is not up to date afterwards that should be,
        OperationCancelledError after ``cancel``.
        """
        reporter = Reporter(on_progress, on_event)
        with self._alive(), self._operation() as cancel:
            return self._engine.refresh(
                self._key,
                everything=everything,
                force=force,
                relaunch_all=relaunch_all(relaunch),
                reporter=reporter,
                cancel=cancel,
            )

    def cancel(self) -> None:
        """Call off the shutdown or restart that runs in another thread; else do nothing.

        It is a request: what was not yet stopped is left alone, what was stopped stays so until
        restart.
        """
        if self._ended:
            raise SessionEndedError
        with self._lock:
            if self._running is not None:
                self._running.cancel()

    # -- what was done, and what would be ------------------------------------------------------

    def journal(self) -> tuple[JournalEntry, ...]:
        """What this session has done with which application, in the order of their stops.

        ``owed`` of an entry says that the application waits to be brought back.
        """
        with self._alive():
            entries = self._engine.store.journal(self._key)
        return tuple(entry.without_recipe() for entry in entries)

    def preview_shutdown(
        self,
        *,
        force: bool = False,
        only_registered: bool = False,
        partial: bool = False,
        leave_closed: bool = False,
        relaunch: Literal["registered", "all"] = "registered",
    ) -> Preview:
        """What ``shutdown`` would do now with the same arguments. Nobody is asked whether it may.

        Raises RebootNeededError, CannotComeBackError and ShutdownError where that would refuse to
        begin.
        """
        from restartmanager.rules.preview import of_shutdown

        mode = ShutdownMode(
            force=force,
            only_registered=only_registered,
            partial=partial,
            leave_closed=leave_closed,
        )
        affected = self.affected(relaunch=relaunch)
        return of_shutdown(affected.applications, self.filters(), mode)

    def preview_restart(self) -> Preview:
        """What ``restart`` would bring back now. Raises OutOfSequenceError before any shutdown."""
        from restartmanager.rules.preview import of_restart

        with self._alive():
            if not self._engine.store.session(self._key).shut_down:
                raise OutOfSequenceError("Restart", "shutdown")
        return of_restart(self.journal(), self.filters())

    def preview_refresh(
        self, *, everything: bool = False, relaunch: Literal["registered", "all"] = "registered"
    ) -> Preview:
        """What ``refresh`` would do now with the same arguments."""
        from restartmanager.rules.preview import of_refresh

        with self._alive():
            found = self._engine.outdated(
                self._key, everything=everything, relaunch_all=relaunch_all(relaunch)
            )
        return of_refresh(found.applications, self.filters())

    def preview_end(self, *, leave_stopped: bool = False) -> Preview:
        """What ``end`` would bring back now with the same argument."""
        from restartmanager.model.preview import Preview
        from restartmanager.rules.preview import of_restart

        journal = self.journal()
        owes = any(entry.due for entry in journal)
        if leave_stopped or self._leave_stopped or not owes:
            return Preview("end")
        return of_restart(journal, self.filters(), "end")

    # -- the end -------------------------------------------------------------------------------

    def leave_stopped(self) -> None:
        """Do not bring anything back on leaving the block or ending the session."""
        self._leave_stopped = True

    def end(self, *, leave_stopped: bool = False) -> None:
        """End the session for everybody, after bringing back what is still stopped.

        ``leave_stopped`` leaves it stopped, as the original does. Ending twice does nothing. Raises
        RestartError when something did not come back, with the session ended all the same, and
        SessionBusyError while an operation runs. After any other error the session is still there:
        end it again, or leave it to recovery. What was asked to exit and still runs, or could not
        be started, is left to recovery as well.
        """
        if self._ended:
            return
        trouble = None
        with self._alive():
            if self._running is not None:
                raise SessionBusyError("another operation")
            for_good = leave_stopped or self._leave_stopped
            if not for_good and self._engine.owes(self._key):
                try:
                    self.restart()
                except RestartError as error:
                    trouble = error
            self._engine.end(self._key, for_good=for_good)
        self._ended = True
        if self._finalizer is not None:
            self._finalizer.detach()
        if trouble is not None:
            raise trouble

    @contextmanager
    def _operation(self) -> Iterator[CancelToken]:
        with CancelToken() as token:
            with self._lock:
                if self._running is not None:  # which must stay within reach of cancel
                    raise SessionBusyError("another operation")
                self._running = token
            try:
                yield token
            finally:
                with self._lock:
                    self._running = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with beside(error, "Besides, ending the session failed"):
            self.end()
