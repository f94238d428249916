"""What would be closed and brought back as one, and what became of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from restartmanager.model.reasons import RebootReason, Required

if TYPE_CHECKING:
    from restartmanager.model.holders import (
        Evidence,
        Ignored,
        Process,
        Sighting,
        Unexplained,
    )
    from restartmanager.model.services import Hold, Service


class AppType(StrEnum):
    """What kind of application it is, which decides the order and the manner of closing."""

    UNKNOWN = "unknown"
    """A process without terminal, window or manager."""
    MAIN_WINDOW = "main-window"
    """It owns a top-level window."""
    OTHER_WINDOW = "other-window"
    """A graphical program without a top-level window of its own."""
    SERVICE = "service"
    """A service manager runs it."""
    SHELL = "shell"
    """The desktop itself: compositor, panel, session manager."""
    CONSOLE = "console"
    """It has a controlling terminal."""
    CONTAINER = "container"
    """It runs in a container or another pid namespace."""
    CRITICAL = "critical"
    """It cannot be closed: essential, out of reach, or ourselves. ``reboot_reasons`` says why."""


class Status(enum.IntFlag):
    """What the application does and what was done to it; several may be set (RM_APP_STATUS)."""

    UNKNOWN = 0
    RUNNING = 0x01
    """It runs now."""
    STOPPED = 0x02
    """This session stopped it; stays set when it is brought back."""
    STOPPED_OTHER = 0x04
    """It went away without us."""
    RESTARTED = 0x08
    """This session brought it back."""
    ERROR_ON_STOP = 0x10
    """It could not be stopped."""
    ERROR_ON_RESTART = 0x20
    """It could not be brought back."""
    SHUTDOWN_MASKED = 0x40
    """A filter keeps it from being stopped."""
    RESTART_MASKED = 0x80
    """A filter keeps it from being brought back."""


class RestartBy(StrEnum):
    """By what means an application comes back."""

    UNIT = "unit"
    """Its service manager starts it."""
    REGISTERED = "registered"
    """The command it registered itself."""
    DESKTOP = "desktop"
    """Its desktop entry."""
    COMMAND = "command"
    """The command it was started with; only where the caller asked for that."""
    NONE = "none"
    """It stays closed."""


@dataclass(frozen=True, slots=True)
class Application:
    """One service, or a process with the helpers that belong to it."""

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

    @property
    def key(self) -> str:
        """What this application is filed under within a session."""
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
    """The list: every application that uses registered resources now, and every one that this
    session has acted on."""

    applications: tuple[Application, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
    inspected: int = 0
    not_inspectable: int = 0
    ignored: tuple[Ignored, ...] = ()

    @classmethod
    def of(cls, applications: tuple[Application, ...], sighting: Sighting) -> Affected:
        """These applications, with what the look at the machine had to say besides."""
        return cls(
            applications,
            sighting.unexplained,
            sighting.inspected,
            sighting.not_inspectable,
            sighting.ignored,
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
        """What it takes for all of them."""
        return Required.most(application.required for application in self.applications)
