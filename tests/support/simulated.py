"""An engine on a simulated machine, for tests: no real process is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from restartmanager.api.primary import PrimarySession
from restartmanager.engine.engine import Engine
from restartmanager.engine.identifier import ResourceIdentifier
from restartmanager.engine.inspector import Inspector
from restartmanager.model import RestartRegistration
from restartmanager.model.limits import TimeLimits
from restartmanager.ports.machine import NoEventLog
from restartmanager.rules.policy import Policy
from restartmanager.testing.channels import SimulatedChannels
from restartmanager.testing.machine import (
    SimulatedFileIdentifier,
    SimulatedPackages,
    SimulatedProcesses,
    SimulatedScanner,
)
from restartmanager.testing.services import SimulatedServices
from restartmanager.testing.store import MemoryStore
from restartmanager.testing.world import Program, Temper, World

if TYPE_CHECKING:
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.ports.applications import Channels, Screens
    from restartmanager.ports.machine import Entries, EventLog
    from restartmanager.ports.store import Store

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
    policy: Policy = field(default_factory=Policy)
    services: SimulatedServices | None = None
    channels: Channels | None = None
    screens: Screens | None = None
    entries: Entries | None = None
    variables: dict[str, str] = field(default_factory=dict)
    event_log: EventLog = field(default_factory=NoEventLog)

    def __post_init__(self) -> None:
        self.shell = self.world.run("/bin/bash", terminal=True)
        self.me = self.world.run("/usr/bin/installer", parent=self.shell, terminal=True)

    def engine(self, caller: UniqueProcess | None = None) -> Engine:
        """The engine as the installer sees it, or another process."""
        processes = SimulatedProcesses(self.world, caller or self.me)
        inspector = Inspector(
            SimulatedScanner(self.world),
            processes,
            self.services or SimulatedServices(self.world),
            self.world,
            self.world.uid,
            self.screens,
            self.entries,
            lambda: self.policy,
        )
        channels = self.channels or SimulatedChannels(self.world)
        identifier = ResourceIdentifier(
            SimulatedFileIdentifier(self.world), SimulatedPackages(self.world)
        )
        return Engine(
            self.store,
            identifier,
            inspector,
            processes,
            channels,
            self.world,
            TimeLimits(),
            lambda: self.variables,
            self.event_log,
        )

    def session(self) -> PrimarySession:
        """A fresh session with the library registered."""
        engine = self.engine()
        session = PrimarySession(engine, engine.start().key)
        session.register(files=[LIBRARY])
        return session
