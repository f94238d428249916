"""A simulated machine with the Windows API on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from restartmanager import rstrtmgr as rm
from restartmanager.api import sessions
from restartmanager.testing.services import SimulatedServices
from restartmanager.testing.world import Temper, World
from support.simulated import EDITOR, LIBRARY, REGISTERED, Installer, library_world

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from restartmanager.model.identity import UniqueProcess

STUBBORN = Temper(obeys_after_s=None)


@dataclass
class Stage:
    """A simulated machine, the API on it, a session that has the library registered, and a
    secondary's handle on the same session."""

    patch: pytest.MonkeyPatch
    world: World = field(default_factory=library_world)

    def __post_init__(self) -> None:
        self.services = SimulatedServices(self.world)
        self.installer = Installer(self.world, services=self.services)
        self.patch.setattr(sessions, "make_engine", self.installer.engine)
        code, self.handle, self.key = rm.RmStartSession(0)
        assert code == rm.ERROR_SUCCESS
        code, self.joined = rm.RmJoinSession(self.key)
        assert code == rm.ERROR_SUCCESS
        assert register(self.handle, files=[LIBRARY]) == rm.ERROR_SUCCESS

    def editor(self, temper: Temper | None = None, *, registered: bool = True) -> UniqueProcess:
        registration = REGISTERED if registered else None
        return self.world.run(EDITOR, registration=registration, temper=temper)

    def fails(self, method: str, error: BaseException) -> None:
        """From now on, this method of the store fails."""
        self.patch.setattr(self.installer.store, method, raising(error))

    def apps(self) -> list[rm.RM_PROCESS_INFO]:
        code, _, _, apps, _ = rm.RmGetList(self.handle, 100)
        assert code == rm.ERROR_SUCCESS
        return apps


def raising(error: BaseException) -> Callable[..., None]:
    def fails(*_arguments: object, **_options: object) -> None:
        raise error

    return fails


def register(
    handle: int,
    files: list[str] | None = None,
    processes: list[rm.RM_UNIQUE_PROCESS] | None = None,
    services: list[str] | None = None,
) -> rm.WinError:
    return rm.RmRegisterResources(
        handle,
        len(files or ()),
        files,
        len(processes or ()),
        processes,
        len(services or ()),
        services,
    )
