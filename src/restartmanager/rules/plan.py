"""Plans: in which order applications are stopped and brought back, and which are left alone.

A plan also has the applications that are left alone, with the reason, so that people see why. The
order is that of Windows: graphical applications, console applications, services, the shell on the
way down; the reverse on the way up::

    >>> cron = Application("cron", AppType.SERVICE, None)
    >>> editor = Application("editor", AppType.MAIN_WINDOW, None)
    >>> plan = plan_shutdown([cron, editor], filters=[], mode=ShutdownMode())
    >>> [[application.name for application in stage] for stage in plan.stages]
    [['editor'], ['cron']]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from restartmanager.errors import CannotComeBackError, RebootNeededError, ShutdownError
from restartmanager.model import (
    Application,
    AppType,
    FilterAction,
    Outcome,
    Required,
    Result,
    Status,
    Step,
    words,
)
from restartmanager.model.answers import EndReason
from restartmanager.model.journal import JournalStep
from restartmanager.rules.filters import action_on, with_masks
from restartmanager.rules.relaunch import why_closed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from restartmanager.model import Filter
    from restartmanager.model.answers import Answers
    from restartmanager.model.journal import JournalEntry


_RANK = {
    AppType.MAIN_WINDOW: 1,
    AppType.OTHER_WINDOW: 1,
    AppType.CONSOLE: 2,
    AppType.UNKNOWN: 2,
    AppType.CONTAINER: 2,
    AppType.SERVICE: 3,
    AppType.SHELL: 4,
    AppType.CRITICAL: 4,
}


@dataclass(frozen=True, slots=True)
class ShutdownMode:
    """The options of a shutdown.

    ``force``: an application that does not exit in time is killed. ``only_registered``: nothing is
    stopped unless everything comes back. ``partial``: applications that can be closed are closed
    although others cannot, or could not come back. ``leave_closed``: applications are closed
    although they could not come back, and stay closed. Windows has no such options.
    """

    force: bool = False
    only_registered: bool = False
    partial: bool = False
    leave_closed: bool = False


@dataclass(frozen=True, slots=True)
class ShutdownPlan:
    """The stages of a shutdown, one after the other. The applications of one stage are stopped side
    by side.

    ``settled`` has the outcomes that are known before anything is stopped: of applications that are
    left alone, and of those that say no, which count as failed.
    """

    mode: ShutdownMode
    stages: tuple[tuple[Application, ...], ...]
    settled: tuple[Outcome, ...]

    @property
    def end_reason(self) -> EndReason:
        """The reason that the applications are told."""
        return EndReason.FORCED if self.mode.force else EndReason.UPDATE

    def __len__(self) -> int:
        return sum(len(stage) for stage in self.stages)


@dataclass(frozen=True, slots=True)
class RefreshPlan:
    """The applications that a refresh restarts: those that are closed and come back at once,
    services, and service managers that run their own program anew."""

    closing: ShutdownPlan
    services: tuple[Application, ...]
    managers: tuple[Application, ...]

    def __len__(self) -> int:
        return len(self.closing) + len(self.services) + len(self.managers)


def plan_shutdown(
    applications: Iterable[Application], filters: Sequence[Filter], mode: ShutdownMode
) -> ShutdownPlan:
    """The plan of a shutdown.

    Raises RebootNeededError when an application cannot be stopped at all, and CannotComeBackError
    when one could not come back, where ``mode`` does not allow for that; ShutdownError when
    ``only_registered`` is set and one would not come back. In each case nothing is to be touched.
    An application that a filter excludes never stands in the way.
    """
    running = [app for app in applications if app.status & Status.RUNNING]
    masked, open_ = _split(running, lambda app: _no_shutdown(app, filters))
    impossible, possible = _split(open_, lambda app: bool(app.reboot_reasons))
    if impossible and not mode.partial:
        raise _reboot_needed(impossible)
    possible = [with_masks(app, filters) for app in possible]
    lost, closable = _split(
        possible, lambda app: bool(app.restart_obstacle) and must_come_back(app, mode)
    )
    if lost and not mode.partial:
        raise CannotComeBackError([_fail(app, why_closed(app)) for app in lost])
    if mode.only_registered:
        _insist_on_restart(closable, filters)
    settled = [_skip(app, "a filter of the session excludes it") for app in masked]
    settled += [_skip(app, app.reason or "it cannot be stopped") for app in impossible]
    settled += [_skip(app, why_closed(app)) for app in lost]
    ordered = sorted(closable, key=_rank)
    ranks = [list(rank) for _, rank in groupby(ordered, key=_rank)]
    stages = tuple(stage for rank in ranks for stage in _by_dependence(rank))
    return ShutdownPlan(mode, stages, tuple(settled))


def must_come_back(application: Application, mode: ShutdownMode) -> bool:
    """Whether nobody has agreed that this application stays closed: neither the caller, nor a
    filter, whose mask it has then."""
    return not (mode.leave_closed or application.status & Status.RESTART_MASKED)


def plan_after_vote(plan: ShutdownPlan, against: Answers) -> ShutdownPlan:
    """The plan after the vote; ``against`` has the answers that stand against closing, by leader.

    One of them is enough to close nothing (WM_QUERYENDSESSION); with ``partial`` each counts for
    its own application only, and with ``force`` none counts.
    """
    if not against or plan.mode.force:
        return plan
    planned = [app for stage in plan.stages for app in stage]
    opposed, others = _split(planned, lambda app: bool(_objection(app, against)))
    if plan.mode.partial:
        stages = tuple(tuple(app for app in stage if app not in opposed) for stage in plan.stages)
        settled = tuple(_skip(app, _objection(app, against)) for app in opposed)
        return replace(plan, stages=tuple(filter(None, stages)), settled=plan.settled + settled)
    because = f"left open, for the sake of {', '.join(app.name for app in opposed)}"
    outcomes = [_fail(app, _objection(app, against)) for app in opposed]
    outcomes += [_skip(app, because) for app in others]
    return replace(plan, stages=(), settled=(*plan.settled, *outcomes))


def plan_refresh(
    applications: Iterable[Application], filters: Sequence[Filter], *, force: bool = False
) -> RefreshPlan:
    """The plan of a refresh, from applications that may use old files.

    Applications that use new files only are left out. Those that would not come back, that a filter
    excludes or that cannot be stopped are left alone, and the outcomes say so.
    """
    candidates = _using_old_files(applications)
    managers, others = _split(candidates, lambda app: app.required is Required.MANAGER_REEXEC)
    lost, wanted = _split(
        others,
        lambda app: (
            not app.reboot_reasons and (not app.restartable or action_on(app, filters) is not None)
        ),
    )
    plan = plan_shutdown(wanted, filters, ShutdownMode(force=force, partial=True))
    planned = [app for stage in plan.stages for app in stage]
    services, _ = _split(planned, lambda app: app.service is not None)
    stages = tuple(tuple(app for app in stage if app.service is None) for stage in plan.stages)
    left = tuple(_skip(app, _why_lost(app, filters)) for app in lost)
    closing = replace(plan, stages=tuple(filter(None, stages)), settled=left + plan.settled)
    return RefreshPlan(closing, tuple(services), tuple(managers))


def plan_restart(entries: Iterable[JournalEntry]) -> tuple[JournalEntry, ...]:
    """The entries of applications that may have to be brought back, the last stopped one first.

    Applications that were not stopped come at the very end: they may still exit in the meantime.
    """
    candidates = [entry for entry in entries if entry.worth_a_try]
    return tuple(sorted(candidates, key=lambda e: (e.step is JournalStep.NOT_STOPPED, -e.sequence)))


def _objection(application: Application, against: Answers) -> str:
    """The objection of an application to being closed; empty when it has none."""
    main = application.main_process
    if main is None or application.service is not None or main.identity not in against:
        return ""
    return against[main.identity].words


def _using_old_files(applications: Iterable[Application]) -> list[Application]:
    """The applications that use old files or were registered themselves, and those that go with
    them."""
    listed = [app for app in applications if not app.evidence or any(e.stale for e in app.evidence)]
    services = {app.service for app in listed if app.service is not None}
    return [
        app for app in listed if app.evidence or not app.needs or services.intersection(app.needs)
    ]


def _why_lost(application: Application, filters: Sequence[Filter]) -> str:
    if action_on(application, filters) is not None:
        return "a filter of the session excludes it"
    if application.restart_obstacle:
        return why_closed(application)
    return f"it would stay closed: {why_closed(application)}"


def _by_dependence(applications: Sequence[Application]) -> list[tuple[Application, ...]]:
    """The applications in stages; those that none of the others needs come first."""
    stages = []
    remaining = list(applications)
    while remaining:
        needed = {service for app in remaining for service in app.needs if service != app.service}
        ready, later = _split(remaining, lambda app, needed=needed: app.service not in needed)  # type: ignore[misc]
        stages.append(tuple(ready or remaining))  # a circle of needs has no first
        remaining = later if ready else []
    return stages


def _insist_on_restart(applications: Sequence[Application], filters: Sequence[Filter]) -> None:
    lost = [
        app for app in applications if not app.restartable or action_on(app, filters) is not None
    ]
    if lost:
        reason = "it would not come back, and nothing is stopped unless everything comes back"
        raise ShutdownError([_fail(app, reason) for app in lost])


def _reboot_needed(impossible: Sequence[Application]) -> RebootNeededError:
    reasons = impossible[0].reboot_reasons
    for application in impossible:
        reasons |= application.reboot_reasons
    who = [
        f"{app.name} ({app.reason or ', '.join(words(app.reboot_reasons))})" for app in impossible
    ]
    return RebootNeededError(reasons, who, [_fail(app, app.reason) for app in impossible])


def _no_shutdown(application: Application, filters: Sequence[Filter]) -> bool:
    return action_on(application, filters) is FilterAction.NO_SHUTDOWN


def _rank(application: Application) -> int:
    return _RANK[application.type]


def _skip(application: Application, message: str) -> Outcome:
    return Outcome(application, Step.STOP, Result.SKIPPED, message)


def _fail(application: Application, message: str) -> Outcome:
    return Outcome(application, Step.STOP, Result.FAILED, message)


def _split(
    applications: Sequence[Application], condition: Callable[[Application], bool]
) -> tuple[list[Application], list[Application]]:
    """The applications that meet the condition, and the others."""
    yes = [app for app in applications if condition(app)]
    return yes, [app for app in applications if not condition(app)]
