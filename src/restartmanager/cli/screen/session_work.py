"""What the view does with its session. Every call may take long: it belongs into a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from restartmanager.cli.screen.choices import Choice
from restartmanager.errors import OutOfSequenceError, RefreshError, RestartError, ShutdownError
from restartmanager.model import FilterAction

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from restartmanager.api.primary import PrimarySession
    from restartmanager.cli.screen.choices import Row
    from restartmanager.model import Affected, Application, Outcome
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import Progress

    OnEvent = Callable[[Progress], object]


class Work:
    """One transaction over a session that is open: look, close, bring back.

    Who is not to be closed gets a filter of the session, so that the list may change in between;
    and so does who is closed for good, for that was chosen for this one alone.
    """

    def __init__(self, session: PrimarySession, relaunch: Literal["registered", "all"]) -> None:
        self._session = session
        self._relaunch = relaunch
        self._filtered: dict[str | UniqueProcess, FilterAction] = {}
        self._rows: Sequence[Row] = ()

    def look(self) -> Affected:
        """Who uses the files now."""
        return self._session.affected(relaunch=self._relaunch)

    def close(self, rows: Sequence[Row], on_event: OnEvent, *, force: bool) -> tuple[Outcome, ...]:
        """Close what was chosen to be closed; what became of each.

        Raises OperationCancelledError after ``call_off``.
        """
        self._rows = rows
        left = [row.application for row in rows if row.choice is not Choice.CLOSE]
        closed = [row.application for row in rows if row.choice is Choice.CLOSE]
        lost = [application for application in closed if application.restart_obstacle]
        self._exclude(left, lost)
        try:
            outcomes = self._session.shutdown(
                force=force, partial=True, relaunch=self._relaunch, on_event=on_event
            ).outcomes
        except ShutdownError as error:
            outcomes = error.outcomes
        excluded = {row.key for row in rows if row.choice is not Choice.CLOSE}
        return tuple(item for item in outcomes if item.application.key not in excluded)

    def bring_back(self, on_event: OnEvent, *, force: bool) -> tuple[Outcome, ...]:
        """Bring back what was closed, and restart what was to be restarted later."""
        outcomes = self._restart(on_event)
        later = {row.key for row in self._rows if row.choice is Choice.LATER}
        if later:
            outcomes += self._refresh(later, on_event, force=force)
        return outcomes

    def call_off(self) -> None:
        """Call off what runs in another thread."""
        self._session.cancel()

    def _restart(self, on_event: OnEvent) -> tuple[Outcome, ...]:
        try:
            return self._session.restart(on_event=on_event)
        except OutOfSequenceError:
            return ()  # nothing was closed
        except RestartError as error:
            return error.outcomes

    def _refresh(
        self, later: Collection[str], on_event: OnEvent, *, force: bool
    ) -> tuple[Outcome, ...]:
        others = [item for item in self.look().applications if item.key not in later]
        self._exclude(others)
        try:
            outcomes = self._session.refresh(
                force=force, relaunch=self._relaunch, on_event=on_event
            )
        except RefreshError as error:
            outcomes = error.outcomes
        return tuple(item for item in outcomes if item.application.key in later)

    def _exclude(self, left: Iterable[Application], lost: Iterable[Application] = ()) -> None:
        """Have filters on exactly these: they are left alone, or closed for good."""
        wanted: dict[str | UniqueProcess, FilterAction] = {}
        for applications, action in (
            (lost, FilterAction.NO_RESTART),
            (left, FilterAction.NO_SHUTDOWN),
        ):
            wanted |= {
                target: action for item in applications if (target := _target(item)) is not None
            }
        for target in self._filtered.keys() - wanted.keys():
            if isinstance(target, str):
                self._session.remove_filter(service=target)
            else:
                self._session.remove_filter(process=target)
        for target, action in wanted.items():
            if self._filtered.get(target) is action:
                continue
            if isinstance(target, str):
                self._session.add_filter(action, service=target)
            else:
                self._session.add_filter(action, process=target)
        self._filtered = wanted


def _target(application: Application) -> str | UniqueProcess | None:
    """What a filter on this application names; None where it has nothing left to name."""
    if application.service is not None:
        return application.service.name
    main = next(iter(application.processes), application.main_process)
    return None if main is None else main.identity
