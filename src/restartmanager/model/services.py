"""Services as their managers know them, and the hold that keeps a stopped one stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.model.reasons import RebootReason

if TYPE_CHECKING:
    from restartmanager.model.identity import UniqueProcess


@dataclass(frozen=True, slots=True)
class Service:
    """A service of a service manager.

    ``manager`` is "systemd", "supervisord", "openrc" or "sysv"; ``name`` is the service's full name
    there; ``user`` the user in whose own manager it runs, None for the system's.
    """

    manager: str
    name: str
    description: str = field(default="", compare=False)
    user: int | None = None

    def __str__(self) -> str:
        return self.name if self.user is None else f"{self.name} of user {self.user}"


class ServiceState(StrEnum):
    """The state of a service as its manager reports it."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    FAILED = "failed"
    CHANGING = "changing"
    """The service is starting or stopping."""


class Treatment(StrEnum):
    """The treatment that a service wants when it uses replaced files."""

    RESTART = "restart"
    RELOAD = "reload"
    """A reload is enough to get rid of the old files."""
    NEVER = "never"
    """The service must not be stopped."""


class Hold(NamedTuple):
    """The measures that keep a stopped service stopped, and are undone afterwards.

    ``triggers`` are active units that could start the service (sockets, timers, paths): they stop
    with it and start before it. ``followers`` are active units other than services that need it
    (targets, mounts): they stop with it and start after it. ``masked`` says that the service is
    masked meanwhile, for the message bus could start it. The names are those of the manager.
    """

    triggers: tuple[str, ...] = ()
    followers: tuple[str, ...] = ()
    masked: bool = False


class ServiceFacts(NamedTuple):
    """The facts that a manager reports about one service at one moment."""

    service: Service
    state: ServiceState
    aliases: frozenset[str] = frozenset()
    """All names of the service, ``service.name`` included."""
    main: UniqueProcess | None = None
    """The main process; None where there is none, or the manager does not know it."""
    ends_all: bool = True
    """Whether a stop ends all processes of the service, not only the main one (KillMode=)."""
    unstoppable: str = ""
    """Why the manager would not stop the service, in words; empty when it would."""
    obstacle: RebootReason = RebootReason.CRITICAL_SERVICE
    """The kind of that reason, where there is one."""
    busy: str = ""
    """What would be broken off if the service was stopped just now, in words; empty where nothing
    would."""
    unstartable: str = ""
    """Why the manager could not start the service again, in words; empty when it could."""
    dependents: tuple[Service, ...] = ()
    """The services that stop with this one, whether they run or not."""
    hold: Hold = Hold()
    """The measures that would keep the service stopped."""
    wish: Treatment | None = None
    """The treatment that the service's own unit file declares."""
    trouble: str = ""
    """Why the service failed, in words, with the last lines that it logged."""


class ServiceResult(NamedTuple):
    """The result for one service that a manager was told to stop, start, restart or reload.

    An empty ``trouble`` means success; ``remark`` is worth telling all the same.
    """

    service: Service
    trouble: str = ""
    remark: str = ""
    main: UniqueProcess | None = None
    """The main process, where the service runs now and the manager knows one."""

    @property
    def done(self) -> bool:
        """Whether the manager did what it was told."""
        return not self.trouble
