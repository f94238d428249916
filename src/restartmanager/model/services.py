"""Services as their managers know them, and what keeps a stopped one stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.model.reasons import RebootReason

if TYPE_CHECKING:
    from restartmanager.model.identity import UniqueProcess


@dataclass(frozen=True, slots=True)
class Service:
    """One service. ``manager`` is "systemd", "supervisord", "openrc" or "sysv"; ``name`` its full
    name there; ``user`` the user in whose own manager it runs, None for the system's."""

    manager: str
    name: str
    description: str = field(default="", compare=False)
    user: int | None = None

    def __str__(self) -> str:
        return self.name if self.user is None else f"{self.name} of user {self.user}"


class ServiceState(StrEnum):
    """Whether it runs, as its manager has it."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    FAILED = "failed"
    CHANGING = "changing"
    """On its way up or down."""


class Treatment(StrEnum):
    """How a service wants to be treated when it uses replaced files."""

    RESTART = "restart"
    RELOAD = "reload"
    """Reloading suffices to get rid of the old files."""
    NEVER = "never"
    """It must not be stopped."""


class Hold(NamedTuple):
    """What must be done besides, so that a stopped service stays stopped, and undone afterwards.

    All three are names the manager understands. ``triggers`` are active units that could start it
    (sockets, timers, paths): they stop with it and start before it. ``followers`` are active units
    other than services that need it (targets, mounts): they stop with it and start after it.
    ``masked``: it is masked meanwhile, for the message bus could start it.
    """

    triggers: tuple[str, ...] = ()
    followers: tuple[str, ...] = ()
    masked: bool = False


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What a manager knows about one service at one moment."""

    service: Service
    state: ServiceState
    aliases: frozenset[str] = frozenset()
    """All its names, ``service.name`` included."""
    main: UniqueProcess | None = None
    """Its main process; None where there is none, or the manager does not know."""
    ends_all: bool = True
    """Whether stopping it ends all its processes, not only the main one (KillMode=)."""
    unstoppable: str = ""
    """Why its manager would not stop it, in words; empty: it would."""
    obstacle: RebootReason = RebootReason.CRITICAL_SERVICE
    """Of what kind that reason is, where there is one."""
    unstartable: str = ""
    """Why its manager could not start it again, in words; empty: it could."""
    dependents: tuple[Service, ...] = ()
    """The services that stop when it stops, whether they run or not."""
    hold: Hold = field(default_factory=Hold)
    """What would have to be done besides to keep it stopped."""
    wish: Treatment | None = None
    """What its own unit file declares about being restarted."""
    trouble: str = ""
    """Why it failed, in words, with the last lines that it logged."""


class ServiceResult(NamedTuple):
    """What became of one service that a manager was told to stop, start, restart or reload.

    An empty ``trouble`` says that it was done; ``remark`` is worth telling all the same.
    """

    service: Service
    trouble: str = ""
    remark: str = ""
    main: UniqueProcess | None = None
    """Its main process, where it runs now and there is one that the manager knows."""

    @property
    def done(self) -> bool:
        """Whether it is as it should be."""
        return not self.trouble
