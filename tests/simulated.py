"""An engine on a simulated machine, for tests: no real process is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from restartmanager.engine import Engine
from restartmanager.model import RestartRegistration
from restartmanager.session import PrimarySession
from restartmanager.shutdown import TimeLimits
from restartmanager.testing.machine import (
    Program,
    SimulatedProcesses,
    SimulatedScanner,
    Temper,
    World,
)
from restartmanager.testing.memory_store import MemoryStore

if TYPE_CHECKING:
    from restartmanager.identity import UniqueProcess
    from restartmanager.policy import Policy
    from restartmanager.ports import Store

LIBRARY = "/usr/lib/libwidget.so"
EDITOR = "/usr/bin/editor"
VIEWER = "/usr/bin/viewer"
REGISTERED = RestartRegistration((EDITOR, "--restored"))


def library_world(**tempers: Temper) -> World:
    """A world with a library that an editor and a viewer use; their tempers as given."""
    world = World()
    world.install(LIBRARY)
    for path in (EDITOR, VIEWER):
        name = path.rpartition("/")[2]
        world.programs[path] = Program((LIBRARY,), tempers.get(name, Temper()))
    return world


@dataclass
class Installer:
    """A primary installer of a simulated world."""

    world: World
    store: Store = field(default_factory=MemoryStore)
    policy: Policy | None = None

    def __post_init__(self) -> None:
        self.shell = self.world.run("/bin/bash", terminal=True)
        self.me = self.world.run("/usr/bin/installer", parent=self.shell, terminal=True)

    def engine(self, caller: UniqueProcess | None = None) -> Engine:
        """The engine as the installer sees it, or another process."""
        engine = Engine(
            store=self.store,
            scanner=SimulatedScanner(self.world),
            processes=SimulatedProcesses(self.world, caller or self.me),
            clock=self.world,
            uid=self.world.uid,
            limits=TimeLimits(),
        )
        if self.policy is not None:
            engine.policy = self.policy
        return engine

    def session(self) -> PrimarySession:
        """A fresh session with the library registered."""
        engine = self.engine()
        session = PrimarySession(engine, engine.start().key)
        session.register(files=[LIBRARY])
        return session
