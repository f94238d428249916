"""Recipes for applications: how each would be started again, or what stands against it.

The same look is taken twice: for the list, before anything is decided, and when an application is
closed, for its recipe must be that of the moment.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from restartmanager.errors import (
    NotRestartableError,
    ProcessAccessError,
    ProcessError,
    ProcessGoneError,
)
from restartmanager.model import RestartBy, RestartFlags
from restartmanager.rules.relaunch import by_entry, with_obstacle

if TYPE_CHECKING:
    from restartmanager.model import Application, Entry, Process, Recipe
    from restartmanager.ports.machine import Entries
    from restartmanager.ports.processes import Processes
    from restartmanager.ports.services import ServiceManager


def with_recipe(
    application: Application, processes: Processes, services: ServiceManager, entries: Entries
) -> tuple[Application, Recipe | None]:
    """The application, and the recipe that starts it again: None where nothing does, or its process
    has gone. Where it should come back and could not, the application says why."""
    main = application.main_process
    if main is None:
        return application, None
    try:
        recipe = _recipe(main, application.restart_by, processes, entries)
        if recipe is None:
            return application, None
        home = services.home(main, recipe.uid)
        recipe = replace(recipe, home=home)
        risk = processes.risk(recipe) or (home.obstacle if home else "")
        risk = risk or processes.lost_limit(main, home)
    except ProcessGoneError:
        return application, None
    except ProcessError as error:
        return with_obstacle(application, _why(error)), None
    return (with_obstacle(application, risk), None) if risk else (application, recipe)


def _recipe(main: Process, how: RestartBy, processes: Processes, entries: Entries) -> Recipe | None:
    match how:
        case RestartBy.REGISTERED:
            registration = processes.registration(main)
            recipe = processes.recipe(main, registration)
            here = registration is not None and RestartFlags.NO_REBOOT in registration.flags
            return replace(recipe, this_boot_only=here)
        case RestartBy.COMMAND:
            return processes.recipe(main, None)
        case RestartBy.DESKTOP:
            return _by_entry(main, processes, entries)
        case _:
            return None


def _by_entry(main: Process, processes: Processes, entries: Entries) -> Recipe:
    """The recipe with the command of the entry, which counts for what the process runs now."""
    _entry_of(main, entries)
    recipe = processes.recipe(main, None)
    now = replace(main, executable=recipe.executable, arguments=recipe.arguments)
    entry = _entry_of(now, entries)
    if recipe.uid != main.uid:  # the unit was looked up for the effective user
        why = f"it runs with the rights of user {main.uid}, and would come back as {recipe.uid}"
        raise NotRestartableError(main.pid, why)
    return by_entry(recipe, entry)


def _entry_of(process: Process, entries: Entries) -> Entry:
    entry = entries.find(process)
    if entry is None:
        raise NotRestartableError(process.pid, "its desktop entry has gone")
    if entry.doubt:
        raise NotRestartableError(process.pid, entry.doubt)
    return entry


def _why(error: ProcessError) -> str:
    if isinstance(error, NotRestartableError):
        return error.why
    if isinstance(error, ProcessAccessError):
        return f"there is no permission to {error.what}"
    return error.message.removesuffix(".")
