"""Previews of operations: the plans that they would carry out, put into steps.

::

    >>> from restartmanager.model import AppType
    >>> cron = Application("cron", AppType.SERVICE, None, restart_by=RestartBy.UNIT)
    >>> [planned] = of_shutdown([cron], [], ShutdownMode()).steps
    >>> planned.step.value, planned.message
    ('close', 'comes back by its service manager')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.model import Application, Required, RestartBy, Status, words
from restartmanager.model.preview import Planned, PlannedStep, Preview
from restartmanager.rules.filters import with_masks
from restartmanager.rules.plan import ShutdownMode, plan_refresh, plan_restart, plan_shutdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Literal

    from restartmanager.model import Filter, Outcome
    from restartmanager.model.journal import JournalEntry
    from restartmanager.rules.plan import RefreshPlan


_COMES_BACK = {
    RestartBy.UNIT: "by its service manager",
    RestartBy.REGISTERED: "by the command it registered",
    RestartBy.DESKTOP: "by its desktop entry",
    RestartBy.COMMAND: "by the command it was started with",
}
_CURE = {
    Required.RELOGIN: "; the change takes a new login",
    Required.MANAGER_REEXEC: "; the change takes a re-execution of the service manager",
    Required.SOFT_REBOOT: "; the change takes a soft reboot",
    Required.REBOOT: "; the change takes a reboot",
}


def of_shutdown(
    applications: Iterable[Application], filters: Sequence[Filter], mode: ShutdownMode
) -> Preview:
    """The preview of a shutdown. Raises RebootNeededError, CannotComeBackError and ShutdownError,
    as a shutdown does before it touches anything."""
    plan = plan_shutdown(applications, filters, mode)
    closed = [Planned(PlannedStep.CLOSE, app, fate(app)) for stage in plan.stages for app in stage]
    return Preview("shutdown", (*closed, *_left(plan.settled)))


def of_restart(
    journal: Iterable[JournalEntry],
    filters: Sequence[Filter],
    operation: Literal["restart", "end", "recover"] = "restart",
) -> Preview:
    """The preview of a restart; ``operation`` is the one that it would be part of."""
    steps = []
    for entry in plan_restart(journal):
        application = with_masks(entry.application, filters)
        masked = application.status & (Status.RESTART_MASKED | Status.SHUTDOWN_MASKED)
        back = application.restartable and not masked
        step = PlannedStep.START if back else PlannedStep.LEAVE
        steps.append(Planned(step, application, fate(application)))
    return Preview(operation, tuple(steps))


def of_refresh(applications: Iterable[Application], filters: Sequence[Filter]) -> Preview:
    """The preview of a refresh."""
    plan = plan_refresh(applications, filters)
    return Preview("refresh", (*_refreshed(plan), *_left(plan.closing.settled)))


def fate(application: Application) -> str:
    """What shutting down and restarting means for the application, or has meant, as the rest of a
    sentence about it. Nothing in it is escaped."""
    status = application.status
    if status & Status.SHUTDOWN_MASKED:
        return "is left alone: a filter excludes it"
    if application.reboot_reasons:
        why = application.reason or ", ".join(words(application.reboot_reasons))
        return f"cannot be closed: {why}{_CURE.get(application.required, '')}"
    if status & (Status.RESTARTED | Status.ERROR_ON_RESTART | Status.ERROR_ON_STOP):
        return application.reason
    if status & Status.RESTART_MASKED:
        return "stays closed: a filter excludes it from being brought back"
    return _return(application)


def _return(application: Application) -> str:
    """The same for an application that is closed, and comes back or not."""
    if application.restart_obstacle:
        return f"could not come back: {application.restart_obstacle}"
    if application.restartable:
        return f"comes back {_COMES_BACK[application.restart_by]}"
    return f"stays closed: {application.reason or 'it registered nothing to come back by'}"


def _refreshed(plan: RefreshPlan) -> Iterable[Planned]:
    for application in plan.managers:
        yield Planned(PlannedStep.REEXECUTE, application)
    for service in plan.services:
        step = PlannedStep.RELOAD if service.reload_suffices else PlannedStep.RESTART
        yield Planned(step, service)
    for stage in plan.closing.stages:
        for application in stage:
            yield Planned(PlannedStep.RENEW, application, fate(application))


def _left(settled: Iterable[Outcome]) -> Iterable[Planned]:
    return (Planned(PlannedStep.LEAVE, item.application, item.message) for item in settled)
