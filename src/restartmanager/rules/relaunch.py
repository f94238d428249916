"""By what means an application comes back, and why it does not; pure.

What it registered itself comes first, then its desktop entry, then, where the caller wants that,
the command it was started with.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from restartmanager.model import Application, AppType, RestartBy, RestartFlags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from restartmanager.model import Entry, Recipe, RestartRegistration
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.rules.cgroups import UnitAddress


_COMMAND_LIMIT = 300
_OF_THE_LOGIN = frozenset(
    {
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "XAUTHORITY",
        "DBUS_SESSION_BUS_ADDRESS",
        "XDG_CURRENT_DESKTOP",
        "XDG_RUNTIME_DIR",
        "XDG_SEAT",
        "XDG_SEAT_PATH",
        "XDG_SESSION_CLASS",
        "XDG_SESSION_DESKTOP",
        "XDG_SESSION_ID",
        "XDG_SESSION_PATH",
        "XDG_SESSION_TYPE",
        "XDG_VTNR",
    }
)


def with_registration(application: Application, registration: RestartRegistration) -> Application:
    """The application with what it registered about coming back after an update."""
    if registration.flags & RestartFlags.NO_PATCH:
        return application
    return replace(application, restart_by=RestartBy.REGISTERED)


def with_entry(application: Application, entry: Entry | None) -> Application:
    """The application with its desktop entry, which counts where it registered nothing.

    One that is started on a terminal would be lost without it.
    """
    if entry is None or entry.terminal or not _may_be_relaunched(application):
        return application
    return replace(application, restart_by=RestartBy.DESKTOP)


def relaunch_everything(application: Application) -> Application:
    """The application as it is when the caller wants all of them back: by the command it was
    started with, where there is no better way.

    A program on a terminal is the exception: started without its terminal it would be lost.
    """
    if not _may_be_relaunched(application):
        return application
    if application.type is AppType.CONSOLE:
        return replace(application, reason=why_closed(application))
    return replace(application, restart_by=RestartBy.COMMAND)


def why_closed(application: Application) -> str:
    """Why an application stays closed that could be stopped, and how its user starts it again."""
    main = application.main_process
    if application.reason:
        return application.reason
    if application.type is not AppType.CONSOLE or main is None or not main.arguments:
        return "it did not register for being brought back"
    import shlex

    command = shlex.join((main.arguments[0].removeprefix("-"), *main.arguments[1:]))
    if len(command) > _COMMAND_LIMIT:
        command = f"{command[:_COMMAND_LIMIT]}..."
    return f"it needs its terminal back: start it there with {command}"


def _may_be_relaunched(application: Application) -> bool:
    """Whether nothing is known yet that brings it back, and something could."""
    return (
        application.restart_by is RestartBy.NONE
        and application.main_process is not None
        and application.service is None
        and not application.reboot_reasons
    )


# -- recipes -----------------------------------------------------------------------------------


def by_entry(recipe: Recipe, entry: Entry) -> Recipe:
    """The recipe of a process, with the command of its desktop entry."""
    return replace(
        recipe,
        executable=entry.executable,
        arguments=entry.arguments,
        directory=entry.directory or recipe.directory,
    )


def after_reboot(recipe: Recipe, variables: Mapping[str, str]) -> Recipe:
    """A recipe of an earlier boot, with what tells of the login taken from these variables: the
    display and the buses of then are gone."""
    kept = [item for item in recipe.environment if item[0] not in _OF_THE_LOGIN]
    now = [item for item in variables.items() if item[0] in _OF_THE_LOGIN]
    return replace(recipe, environment=(*kept, *now))


def scope_name(before: UnitAddress | None, process: UniqueProcess) -> str:
    """What the scope of a new process is called; where a desktop had started the old one in the
    unit ``before``, it goes on to name the application."""
    stem = "restartmanager"
    if before is not None:
        name, _, kind = before.name.rpartition(".")
        stem = name.rpartition("-")[0] if kind == "scope" else name.partition("@")[0]
    return f"{stem}-{process.pid}_{process.start_ticks}.scope"
