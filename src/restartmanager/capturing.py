"""What it takes to bring an application back, noted while it can be seen: before it is closed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from restartmanager.comeback import by_entry
from restartmanager.errors import ProcessError
from restartmanager.model import RestartBy

if TYPE_CHECKING:
    from restartmanager.equipment import Equipment
    from restartmanager.model import Application, Process, Recipe

__all__ = ["capture"]


def capture(equipment: Equipment, application: Application) -> tuple[Application, Recipe | None]:
    """The application with the recipe to start it again; where there can be none, the application
    says why."""
    main = application.main_process
    if main is None:
        return application, None
    try:
        return application, _recipe(equipment, main, application.restart_by)
    except ProcessError as error:
        return replace(application, restart_by=RestartBy.NONE, reason=str(error)), None


def _recipe(equipment: Equipment, main: Process, how: RestartBy) -> Recipe | None:
    processes = equipment.processes
    match how:
        case RestartBy.REGISTERED:
            return processes.recipe(main, processes.registration(main))
        case RestartBy.COMMAND:
            return processes.recipe(main, None)
        case RestartBy.DESKTOP:
            entry = equipment.entries.find(main)
            if entry is None:
                raise ProcessError("Its desktop entry has gone.")
            return by_entry(processes.recipe(main, None), entry)
        case _:
            return None
