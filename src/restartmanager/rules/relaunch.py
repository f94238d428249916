"""Relaunching: by which means an application comes back, or why it stays closed.

The application's own registration comes first, then its desktop entry, then, where the caller wants
that, the command it was started with::

    >>> from restartmanager.model import RestartRegistration
    >>> editor = Application("editor", AppType.UNKNOWN, None)
    >>> why_closed(editor)
    'it did not register for being brought back'
    >>> print(with_registration(editor, RestartRegistration(("/usr/bin/editor",))).restart_by)
    registered
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from restartmanager.model import Application, AppType, RestartBy, RestartFlags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from restartmanager.model import Entry, Recipe, RestartRegistration
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry
    from restartmanager.rules.cgroups import UnitAddress


HANDED_OVER = "its command has handed over, and ended without an error"
"""The remark about an application whose command ``may_hand_over``, and did."""

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
    """The application with its registration, by which it comes back, unless it does not want to
    after an update."""
    if registration.flags & RestartFlags.NO_PATCH:
        return application
    return replace(application, restart_by=RestartBy.REGISTERED)


def with_entry(application: Application, entry: Entry | None) -> Application:
    """The application with its desktop entry, by which it comes back where it registered nothing.

    An entry that is started on a terminal does not count: without one its program would be lost.
    Nor does one that may be that of another program; the application says so.
    """
    if entry is None or entry.terminal or not _may_be_relaunched(application):
        return application
    if entry.doubt:
        by_hand = application.type is AppType.CONSOLE  # then it says how it is started there
        return application if by_hand else replace(application, reason=entry.doubt)
    return replace(application, restart_by=RestartBy.DESKTOP)


def relaunch_everything(application: Application) -> Application:
    """The application where the caller wants all of them back: it comes back by the command that
    it was started with, where there is no better way.

    A program on a terminal is the exception: started without its terminal it would be lost.
    """
    if not _may_be_relaunched(application):
        return application
    if application.type is AppType.CONSOLE:
        return replace(application, reason=why_closed(application))
    return replace(application, restart_by=RestartBy.COMMAND, reason="")


def with_obstacle(application: Application, why: str) -> Application:
    """The application, which should come back, when it could not; ``why`` as
    ``Application.restart_obstacle``."""
    return replace(application, restart_by=RestartBy.NONE, restart_obstacle=why)


def why_closed(application: Application) -> str:
    """The reason why an application stays closed, and how its user starts it again."""
    main = application.main_process
    if application.restart_obstacle:
        return f"it could not come back: {application.restart_obstacle}"
    if application.reason:
        return application.reason
    if application.type is not AppType.CONSOLE or main is None or not main.arguments:
        return "it did not register for being brought back"
    import shlex

    command = shlex.join((main.arguments[0].removeprefix("-"), *main.arguments[1:]))
    if len(command) > _COMMAND_LIMIT:
        command = f"{command[:_COMMAND_LIMIT]}..."
    return f"it needs its terminal back: start it there with {command}"


def may_hand_over(application: Application) -> bool:
    """Whether the application is back where its command has ended without an error: the command was
    made for that, and may call a program that runs already."""
    return application.restart_by in {RestartBy.REGISTERED, RestartBy.DESKTOP}


def exit_trouble(status: int | None) -> str:
    """What is wrong with an application that has exited, by its exit status: negative for a signal,
    None where nobody knows."""
    what = "it exited right after its start"
    if status is None:
        return what
    if status < 0:
        return f"{what}: signal {-status} ended it"
    return f"{what}, with status {status}"


def _may_be_relaunched(application: Application) -> bool:
    """Whether nothing brings the application back yet, and its command could."""
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
    """A recipe of an earlier boot, with the variables of the login taken from ``variables``: the
    display and the buses of then are gone."""
    kept = [item for item in recipe.environment if item[0] not in _OF_THE_LOGIN]
    now = [item for item in variables.items() if item[0] in _OF_THE_LOGIN]
    return replace(recipe, environment=(*kept, *now))


def in_boot(boot: str, entries: Iterable[JournalEntry]) -> tuple[JournalEntry, ...]:
    """The entries of a journal as they count in that boot: what was closed in an earlier one, and
    does not want to come back after a reboot, stays closed."""
    return tuple(_given_up(entry) if _is_over(entry, boot) else entry for entry in entries)


def _is_over(entry: JournalEntry, boot: str) -> bool:
    main, recipe = entry.application.main_process, entry.recipe
    if main is None or recipe is None or not recipe.this_boot_only:
        return False
    return main.identity.boot_id != boot


def _given_up(entry: JournalEntry) -> JournalEntry:
    why = "it does not want to come back after a reboot"
    application = replace(entry.application, restart_by=RestartBy.NONE, reason=why)
    return replace(entry, application=application)


def scope_name(before: UnitAddress | None, process: UniqueProcess) -> str:
    """The name for the scope of a new process. Where a desktop had started the old process in the
    unit ``before``, the name still tells the application."""
    stem = "restartmanager"
    if before is not None:
        name, _, kind = before.name.rpartition(".")
        stem = name.rpartition("-")[0] if kind == "scope" else name.partition("@")[0]
    return f"{stem}-{process.pid}_{process.start_ticks}.scope"
