"""Applications, each closed and brought back as one, and the list of the affected ones."""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING

from restartmanager.model.reasons import RebootReason, Required

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.model.holders import (
        Evidence,
        Ignored,
        Process,
        Sighting,
        Unexplained,
        Unresponsive,
    )
    from restartmanager.model.services import Hold, Service


class AppType(StrEnum):
    """The type of an application, which decides when and how it is closed."""

    UNKNOWN = "unknown"
    """A process without a terminal, a window or a service manager."""
    MAIN_WINDOW = "main-window"
    """A graphical program with a main window."""
    OTHER_WINDOW = "other-window"
    """A graphical program without a main window of its own."""
    SERVICE = "service"
    """A service, run by a service manager."""
    SHELL = "shell"
    """A part of the desktop itself: compositor, panel, session manager."""
    CONSOLE = "console"
    """A program with a controlling terminal."""
    CONTAINER = "container"
    """A program in a container or another pid namespace."""
    CRITICAL = "critical"
    """A program that cannot be closed: it is essential, out of reach, or the caller itself.
    ``reboot_reasons`` says why."""


class Status(enum.IntFlag):
    """The state of an application and what was done to it; several bits may be set
    (RM_APP_STATUS)."""

    UNKNOWN = 0
    RUNNING = 0x01
    """The application runs now."""
    STOPPED = 0x02
    """This session stopped the application; the bit stays set when it is brought back."""
    STOPPED_OTHER = 0x04
    """The application ended without this session's doing."""
    RESTARTED = 0x08
    """This session brought the application back."""
    ERROR_ON_STOP = 0x10
    """The application could not be stopped."""
    ERROR_ON_RESTART = 0x20
    """The application could not be brought back."""
    SHUTDOWN_MASKED = 0x40
    """A filter keeps the application from being stopped."""
    RESTART_MASKED = 0x80
    """A filter keeps the application from being brought back."""


class RestartBy(StrEnum):
    """The means by which an application comes back."""

    UNIT = "unit"
    """The service manager starts it."""
    REGISTERED = "registered"
    """The command that the application registered itself."""
    DESKTOP = "desktop"
    """The command of its desktop entry."""
    COMMAND = "command"
    """The command that it was started with; only where the caller asked for that."""
    NONE = "none"
    """None: the application stays closed."""


@dataclass(frozen=True, slots=True)
class Application:
    """A service, or a process with its helpers: what is closed and brought back as one."""

    name: str
    type: AppType
    main_process: Process | None
    processes: tuple[Process, ...] = ()
    service: Service | None = None
    evidence: tuple[Evidence, ...] = ()
    status: Status = Status.RUNNING
    restart_by: RestartBy = RestartBy.NONE
    reboot_reasons: RebootReason = RebootReason.NONE
    required: Required = Required.RESTART
    reason: str = ""
    """In words: why it cannot be stopped, or what became of it; empty when there is nothing to
    say."""
    needs: tuple[Service, ...] = ()
    """The services that it depends on: it is stopped before them and started after them."""
    hold: Hold | None = None
    """Of a service: what must be done besides to keep it stopped."""
    reload_suffices: bool = False
    """Whether reloading it gets rid of old files, so that it need not be restarted for them."""
    restart_obstacle: str = ""
    """In words, without a full stop: why it could not come back although it should; ``restart_by``
    is NONE then. Sessions look for it, mere questions do not."""

    def __setstate__(self, state: Sequence[object]) -> None:
        # Applications that an earlier version pickled lack the fields that were added since.
        for number, item in enumerate(fields(self)):
            value = state[number] if number < len(state) else item.default
            object.__setattr__(self, item.name, value)

    @property
    def key(self) -> str:
        """The name under which a session files this application."""
        service = self.service
        if service is not None:
            user = "" if service.user is None else f"{service.user}@"
            return f"service:{user}{service.manager}:{service.name}"
        if self.main_process is None:
            return f"name:{self.name}"
        identity = self.main_process.identity
        return f"process:{identity.pid}:{identity.start_ticks}:{identity.boot_id}"

    @property
    def restartable(self) -> bool:
        """Whether it would be brought back."""
        return self.restart_by is not RestartBy.NONE


@dataclass(frozen=True, slots=True)
class Affected:
    """The affected applications: those that use registered resources now, and those that this
    session has acted on."""

    applications: tuple[Application, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
    inspected: int = 0
    not_inspectable: int = 0
    ignored: tuple[Ignored, ...] = ()
    unresponsive: tuple[Unresponsive, ...] = ()

    @classmethod
    def of(cls, applications: tuple[Application, ...], sighting: Sighting) -> Affected:
        """These applications, with everything else that the sighting has."""
        return cls(
            applications,
            sighting.unexplained,
            sighting.inspected,
            sighting.not_inspectable,
            sighting.ignored,
            sighting.unresponsive,
        )

    @property
    def reboot_reasons(self) -> RebootReason:
        """All reasons together; non-zero means that shutdown would touch nothing.

        Applications that a filter keeps from being stopped do not count: leaving them alone is
        what the caller asked for.
        """
        reasons = RebootReason.NONE
        for application in self.applications:
            if not application.status & Status.SHUTDOWN_MASKED:
                reasons |= application.reboot_reasons
        return reasons

    @property
    def required(self) -> Required:
        """The most that any of the applications requires."""
        return Required.most(application.required for application in self.applications)
