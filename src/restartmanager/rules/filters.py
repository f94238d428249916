"""Filters of a session: which applications must not be stopped, or not be brought back.

::

    >>> from restartmanager.model import Application, AppType, Filter, Service
    >>> service = Service("systemd", "cron.service")
    >>> cron = Application("cron", AppType.SERVICE, None, service=service)
    >>> masked = Filter("cron", FilterTrigger.SERVICE, FilterAction.NO_SHUTDOWN)
    >>> with_masks(cron, [masked]).status
    <Status.RUNNING|SHUTDOWN_MASKED: 65>
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from restartmanager.model import FilterAction, FilterTrigger, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restartmanager.model import Application, Filter
    from restartmanager.model.identity import UniqueProcess


def action_on(application: Application, filters: Iterable[Filter]) -> FilterAction | None:
    """The strongest action of the filters that apply to the application; None when none does."""
    return max(
        (item.action for item in filters if _fits(item, application)),
        default=None,
    )


def with_masks(application: Application, filters: Iterable[Filter]) -> Application:
    """The application with the status bits that the filters set (RmAddFilter). An application that
    is not stopped is not brought back either."""
    match action_on(application, filters):
        case FilterAction.NO_SHUTDOWN:
            return replace(application, status=application.status | Status.SHUTDOWN_MASKED)
        case FilterAction.NO_RESTART:
            return replace(application, status=application.status | Status.RESTART_MASKED)
        case None:
            return application


def _fits(item: Filter, application: Application) -> bool:
    match item.trigger:
        case FilterTrigger.PROCESS:
            return any(process.identity == item.target for process in application.processes)
        case FilterTrigger.EXECUTABLE:
            return any(process.executable == item.target for process in application.processes)
        case FilterTrigger.SERVICE:
            return application.service is not None and _names(application.service.name, item.target)


def _names(service: str, target: str | UniqueProcess) -> bool:
    """Whether a target names this service; the ending ``.service`` may be left out."""
    return target in {service, service.removesuffix(".service")}
