"""From applications to an ordered plan of what is stopped, and of what comes back.

Pure. Leaving an application alone is part of a plan as well, with the reason, so that people see
why. The order is that of the Windows original: graphical applications, console applications,
services, the shell going down; the reverse coming up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from restartmanager import filters as filter_rules
from restartmanager.errors import RebootNeededError, ShutdownError
from restartmanager.journal import JournalStep
from restartmanager.model import (
    Application,
    AppType,
    FilterAction,
    Outcome,
    Result,
    Status,
    Step,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from restartmanager.journal import JournalEntry
    from restartmanager.model import Filter

__all__ = ["ShutdownMode", "ShutdownPlan", "plan_restart", "plan_shutdown"]

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
    """How a shutdown is meant.

    ``force``: what does not obey in time is killed. ``only_registered``: nothing is stopped unless
    everything comes back. ``partial``: close what can be closed although something cannot, which
    the original has no word for.
    """

    force: bool = False
    only_registered: bool = False
    partial: bool = False


@dataclass(frozen=True, slots=True)
class ShutdownPlan:
    """Stages, one after the other, of applications that are stopped side by side; and the outcomes
    of those that are left alone."""

    stages: tuple[tuple[Application, ...], ...]
    skipped: tuple[Outcome, ...]

    def __len__(self) -> int:
        return sum(len(stage) for stage in self.stages)


def plan_shutdown(
    applications: Iterable[Application], filters: Sequence[Filter], mode: ShutdownMode
) -> ShutdownPlan:
    """What to stop, in which order.

    Raises RebootNeededError when something cannot be stopped at all and ``partial`` is not set;
    ShutdownError when ``only_registered`` is set and something would not come back. Either way
    nothing is to be touched. What a filter excludes from being stopped never stands in the way.
    """
    running = [app for app in applications if app.status & Status.RUNNING]
    masked, open_ = _split(running, lambda app: _no_shutdown(app, filters))
    impossible, possible = _split(open_, lambda app: bool(app.reboot_reasons))
    if impossible and not mode.partial:
        raise _reboot_needed(impossible)
    if mode.only_registered:
        _insist_on_restart(possible, filters)
    skipped = [_skip(app, "a filter of the session excludes it") for app in masked]
    skipped += [_skip(app, app.reason or "it cannot be stopped") for app in impossible]
    ordered = sorted((_with_masks(app, filters) for app in possible), key=_rank)
    ranks = [list(rank) for _, rank in groupby(ordered, key=_rank)]
    stages = tuple(stage for rank in ranks for stage in _by_dependence(rank))
    return ShutdownPlan(stages, tuple(skipped))


def plan_restart(entries: Iterable[JournalEntry]) -> tuple[JournalEntry, ...]:
    """What may have to be brought back, last stopped first.

    What was not stopped comes at the very end: it may still exit in the meantime.
    """
    candidates = [entry for entry in entries if entry.worth_a_try]
    return tuple(sorted(candidates, key=lambda e: (e.step is JournalStep.NOT_STOPPED, -e.sequence)))


def _by_dependence(applications: Sequence[Application]) -> list[tuple[Application, ...]]:
    """The applications in stages: first those that none of the others needs."""
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
        app
        for app in applications
        if not app.restartable or filter_rules.action_on(app, filters) is not None
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
    return filter_rules.action_on(application, filters) is FilterAction.NO_SHUTDOWN


def _with_masks(application: Application, filters: Sequence[Filter]) -> Application:
    status = application.status | filter_rules.masks(application, filters)
    return replace(application, status=status)


def _rank(application: Application) -> int:
    return _RANK[application.type]


def _skip(application: Application, message: str) -> Outcome:
    return Outcome(application, Step.STOP, Result.SKIPPED, message)


def _fail(application: Application, message: str) -> Outcome:
    return Outcome(application, Step.STOP, Result.FAILED, message)


def _split(
    applications: Sequence[Application], condition: Callable[[Application], bool]
) -> tuple[list[Application], list[Application]]:
    """Those that meet the condition, and the others."""
    yes = [app for app in applications if condition(app)]
    return yes, [app for app in applications if not condition(app)]
