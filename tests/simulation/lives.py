"""One random life of a machine and its installer, from a seed; and what must be true of it."""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from restartmanager.api.primary import PrimarySession
from restartmanager.errors import RestartManagerError, StoreFullError
from restartmanager.model import FilterAction, RestartRegistration
from restartmanager.model.answers import Answer, AnswerKind, WindowKind, Windows
from restartmanager.testing.channels import Listening, SimulatedChannels
from restartmanager.testing.crashing_store import WRITES, Crash, CrashingStore
from restartmanager.testing.machine import SimulatedScanner
from restartmanager.testing.screens import SimulatedScreens
from restartmanager.testing.services import SimulatedServices, Unit
from restartmanager.testing.store import MemoryStore
from restartmanager.testing.world import Program, Temper, World
from support.simulated import Installer

if TYPE_CHECKING:
    from collections.abc import Callable

    from restartmanager.engine.engine import Engine
    from restartmanager.model import Resources, Sighting
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry
    from restartmanager.ports.store import Store

LIBRARIES = ("/usr/lib/a.so", "/usr/lib/b.so", "/usr/lib/unrelated.so")
REGISTERED = LIBRARIES[:2]
VETO = Answer(AnswerKind.NO, "not now")
QUERIES = (Answer(AnswerKind.YES),) * 5 + (
    VETO,
    Answer(AnswerKind.NONSENSE),
    Answer(AnswerKind.DIED),
)
ENDS = (Answer(AnswerKind.DONE),) * 3 + (
    Answer(AnswerKind.SIGNAL),
    Answer(AnswerKind.DIED),
    Answer(AnswerKind.NONSENSE),
)


def contained(call: Callable[[], object]) -> Callable[[], None]:
    """The call as an event of the world, which cannot fail."""

    def event() -> None:
        with contextlib.suppress(RestartManagerError):
            call()

    return event


@dataclass
class Ward:
    """An application of the world, followed by the ticket among its arguments."""

    ticket: str
    executable: str
    original: UniqueProcess
    holds_registered: bool
    comes_back: bool
    masked: bool = False
    left_by_itself: bool = False
    stopped: bool = False
    """Whether somebody has stopped its process (SIGSTOP)."""
    listening: Listening | None = None

    @property
    def heard(self) -> list[str]:
        return [] if self.listening is None else self.listening.heard

    @property
    def says_no(self) -> bool:
        """Whether it was asked without force, and speaks against it at once."""
        listening = self.listening
        at_once = listening is not None and listening.query == VETO and listening.after_s == 0
        return at_once and "query update" in self.heard

    @property
    def agrees(self) -> bool:
        listening = self.listening
        return listening is not None and listening.query.kind is AnswerKind.YES


@dataclass
class Charge:
    """A service of the world, and what may happen to it."""

    name: str
    unit: Unit
    ran: bool
    involved: bool
    """Whether it uses a registered library, or stops with one that does."""
    left_by_itself: bool = False
    first: UniqueProcess | None = None


@dataclass
class Life:
    """Plays one life; ``violations`` is empty when all went as promised."""

    seed: int
    world: World = field(default_factory=World)
    wards: list[Ward] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    innocents: list[UniqueProcess] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    crashed: bool = False
    vetoed: bool = False
    forced: bool = False
    """Whether an installer kills who does not exit in time."""
    second: bool = False
    """Whether there is a second installer, at the same time."""
    command_until: float = 0.0
    """The time until which the command of the first installer works, though that may be dead."""
    died_at: float | None = None
    first_key: str = ""

    def play(self) -> list[str]:
        self.random = random.Random(self.seed)  # noqa: S311 - a simulation, not a secret
        self.world.gate_s = self.random.choice([0.0, 0.0, 0.4, 3.0, 1000.0])
        for library in LIBRARIES:
            self.world.install(library)
        self.channels = SimulatedChannels(self.world)
        self.screens = SimulatedScreens(self.world)
        for number in range(self.random.randint(1, 6)):
            self._populate(number)
            self._give_voice(self.wards[-1])
        self.services = SimulatedServices(self.world)
        self._employ()
        self.store = MemoryStore()
        self._trouble()
        self._begin_another()
        self._install(self.store)
        self._recover(self.store)
        return self.what_is_wrong()

    def _trouble(self) -> None:
        """Programs that cannot be run for a while, and processes that somebody has stopped."""
        pick = self.random
        for ward in self.wards:
            if pick.random() < 0.1:
                self.world.busy_until[ward.executable] = self.world.time + pick.uniform(0, 90)
            if pick.random() < 0.1 and ward.listening is None:  # it would not answer either
                ward.stopped = True
                self.world.suspended[ward.original] = "it is stopped"

    def _begin_another(self) -> None:
        """Perhaps a second installer, which begins and ends at any time, and does not die."""
        pick = self.random
        self.second = pick.random() < 0.3
        if not self.second:
            return
        installer = self._installer(self.store)
        engine = installer.engine()
        begins, lasts = pick.uniform(0, 60), pick.uniform(0, 60)
        force = pick.random() < 0.4

        def begin() -> None:
            session = PrimarySession(engine, engine.start().key)
            session.register(files=REGISTERED)
            self.forced |= force
            try:
                session.shutdown(force=force)
            finally:
                self.world.at(lasts, contained(session.end))

        self.world.at(begins, contained(begin))

    def _recover(self, store: MemoryStore) -> None:
        """Two recover at the same time, and the first of them may die in the middle."""
        first = self._installer_that_may_die(store, 12)
        other = self._installer(store)
        self.world.at(self.random.uniform(0, 1), contained(self._engine(other).recover))
        with contextlib.suppress(Crash, StoreFullError):
            self._engine(first).recover()
        self.world.end(first.me)
        last = self._engine(self._installer(store))
        last.recover()
        for later_s in (100, 2000, 2000):  # who was asked to exit may take that long
            self.world.pass_time(self.world.time + later_s)
            last.recover()

    def _engine(self, installer: Installer) -> Engine:
        """The engine of an installer that sees whether the command of the first one works on."""
        return replace(installer.engine(), still_works=self._still_works)

    def _still_works(self, key: str) -> bool:
        return key == self.first_key and self.world.time < self.command_until

    # -- the world -----------------------------------------------------------------------------

    def _populate(self, number: int) -> None:
        pick = self.random
        executable = f"/usr/bin/app{number}"
        uses = tuple(pick.sample(LIBRARIES, pick.randint(1, 2)))
        obeys = pick.choice([0.0, 0.0, 1.0, 29.0, 31.0, 75.0, 1000.0, None])
        self.world.programs[executable] = Program(uses, Temper(obeys_after_s=obeys))
        ticket = f"--ticket={number}"
        registered = pick.random() < 0.7
        registration = RestartRegistration((executable, ticket)) if registered else None
        terminal = pick.random() < 0.3
        original = self.world.run(executable, ticket, registration=registration, terminal=terminal)
        ward = Ward(ticket, executable, original, bool(set(uses) & set(REGISTERED)), registered)
        self.wards.append(ward)
        if pick.random() < 0.2:
            self.world.at(pick.uniform(0, 40), lambda: self._leave(ward))

    def _give_voice(self, ward: Ward) -> None:
        """Some listen, some have windows, and some of those ask their user first, or hang."""
        pick = self.random
        if pick.random() < 0.4:
            listening = Listening(
                query=pick.choice(QUERIES),
                end=pick.choice(ENDS),
                after_s=pick.choice([0.0, 0.0, 0.0, 0.0, 3.0, None]),
                exits_after_s=pick.choice([0.0, 1.0, 4.0, 20.0, None]),
            )
            ward.listening = self.channels.listens(ward.original, listening)
        if pick.random() < 0.3:
            windows = Windows(
                pick.choice([WindowKind.MAIN, WindowKind.MAIN, WindowKind.OTHER]),
                titles=("a title",),
                responds=pick.choice([None, True, True, True, True, False]),
            )
            question = "save?" if pick.random() < 0.3 else ""
            self.screens.shows(ward.original, windows, question)

    def _employ(self) -> None:
        """Services, some of which need others; each may have a socket that somebody knocks at."""
        pick = self.random
        for number in range(pick.choice([0, 0, 1, 2, 3])):
            executable = f"/usr/sbin/daemon{number}"
            uses = (pick.choice(LIBRARIES),)
            self.world.programs[executable] = Program(uses)
            name = f"daemon{number}.service"
            needed_by = tuple(c.name for c in self.charges if pick.random() < 0.3)
            unit = Unit(
                executable,
                required_by=needed_by,
                trigger=f"daemon{number}.socket" if pick.random() < 0.5 else "",
                stops_after_s=pick.choice([0.0, 0.0, 1.0, 29.0, 31.0, None]),
                starts=pick.random() < 0.9,
            )
            ran = pick.random() < 0.85
            self.services.add(name, unit, running=ran)
            may_run = ran or bool(unit.trigger)  # somebody may knock before it is looked for
            involved = may_run and uses[0] in REGISTERED
            charge = Charge(name, unit, ran, involved, first=unit.process)
            self.charges.append(charge)
            self.world.at(pick.uniform(0, 60), lambda name=name: self.services.knock(name))  # type: ignore[misc]
            if ran and pick.random() < 0.15:
                self.world.at(pick.uniform(0, 40), lambda charge=charge: self._crash(charge))  # type: ignore[misc]
        for charge in reversed(self.charges):  # what needs one stops with it
            if charge.involved:
                for other in self.charges:
                    other.involved |= other.name in charge.unit.required_by

    def _crash(self, charge: Charge) -> None:
        """It ends without having been told to, if it runs just then."""
        process = charge.unit.process
        if process is not None and self.world.is_running(process):
            charge.left_by_itself = True
            self.world.end(process)

    def somebody_leaves(self) -> None:
        """Perhaps an application is closed by its user at this very moment."""
        if self.random.random() < 0.15:
            self._leave(self.random.choice(self.wards))

    def _leave(self, ward: Ward) -> None:
        """The user closes it; its number may go to an innocent process at once."""
        if self.world.is_running(ward.original):
            ward.left_by_itself = not self.world.signals(ward.original)
            self.world.end(ward.original, reuse_pid=True)
            self.innocents.append(self.world.run("/usr/bin/innocent"))

    # -- the installer -------------------------------------------------------------------------

    def _install(self, store: MemoryStore) -> None:
        installer = self._installer_that_may_die(store, 30)
        try:
            self._transaction(installer)
        except Crash:
            self.crashed = True
        except StoreFullError:
            pass  # then nothing is begun
        self.died_at = self.world.time
        self.world.end(installer.me)

    def _installer_that_may_die(self, store: MemoryStore, writes: int) -> Installer:
        at = self.random.choice([None, self.random.randint(0, writes)])
        crashing = CrashingStore(store, at=at, after=self.random.random() < 0.5)
        if self.random.random() < 0.1:
            return self._installer(cast("Store", FillingStore(store, self.random)))
        return self._installer(cast("Store", crashing))

    def _installer(self, store: Store) -> Installer:
        return Installer(
            self.world,
            store,
            services=self.services,
            channels=self.channels,
            screens=self.screens,
        )

    def _transaction(self, installer: Installer) -> None:
        pick = self.random
        engine = installer.engine()
        engine.inspector.scanner = RestlessScanner(self)
        session = PrimarySession(engine, engine.start().key)
        self.first_key = session.key
        session.register(files=REGISTERED)
        for ward in self.wards:
            if pick.random() < 0.15:
                ward.masked = True
                session.add_filter(FilterAction.NO_SHUTDOWN, process=ward.original)
        if pick.random() < 0.2:
            self.world.at(pick.uniform(0, 35), contained(session.cancel))
        force = pick.random() < 0.4
        self.forced |= force
        with contextlib.suppress(RestartManagerError):
            session.shutdown(force=force)
        self._check_vote(session.key)
        self.world.install(pick.choice(LIBRARIES))
        if pick.random() < 0.2:
            if pick.random() < 0.5:
                self.command_until = self.world.time + pick.uniform(0, 50)
            return  # it dies, or forgets: the next one recovers
        with contextlib.suppress(RestartManagerError):
            session.restart()
        if pick.random() < 0.5:
            with contextlib.suppress(RestartManagerError):
                session.end()

    # -- what must be true ---------------------------------------------------------------------

    def what_is_wrong(self) -> list[str]:
        """The violations, by how things stand now."""
        for record in self.store.sessions():
            left = [entry for entry in self.store.journal(record.key) if entry.owed]
            if not record.disowned or not all(map(self._still_runs, left)):
                self._complain("a dead installer's session is still there")
        for innocent in self.innocents:
            if self.world.signals(innocent):
                self._complain(f"an innocent process was signalled: {innocent}")
        for ward in self.wards:
            self._check_ward(ward)
        for charge in self.charges:
            self._check_charge(charge)
        return self.violations

    def _still_runs(self, entry: JournalEntry) -> bool:
        """Whether it was asked to exit in vain: it is owed when it has."""
        service = entry.application.service
        if service is not None:
            return self.services.units[service.name].stopping
        main = entry.application.main_process
        return main is not None and self.world.is_running(main.identity)

    def _check_vote(self, key: str) -> None:
        """A "no" without force keeps everything as it was, and who agreed hears that it is off."""
        if self.second or not any(ward.says_no for ward in self.wards):
            return
        self.vetoed = True
        if self.store.journal(key):
            self._complain("in spite of a veto something was touched")
        for ward in self.wards:
            if self.world.signals(ward.original) or any(w.startswith("end") for w in ward.heard):
                self._complain(f"in spite of a veto {ward.executable} was told to exit")

    def _check_charge(self, charge: Charge) -> None:
        unit = charge.unit
        runs = unit.process is not None and self.world.is_running(unit.process)
        if unit.held:
            self._complain(f"{charge.name} is still held down")
        for identity, life in self.world.lives.items():
            if life.facts.executable == unit.executable and self.world.signals(identity):
                self._complain(f"a process of {charge.name} was signalled")
        if not charge.involved and not charge.left_by_itself:
            knocked = not charge.ran and unit.trigger and unit.starts_count == 1
            if unit.process != charge.first and not knocked:
                self._complain(f"{charge.name} was touched")
        lost = charge.involved and charge.ran and unit.starts and not runs
        if lost and not charge.left_by_itself and not self._stands_on_trouble(charge):
            self._complain(f"{charge.name} was lost")

    def _stands_on_trouble(self, charge: Charge) -> bool:
        """One that it needs crashed by itself, or stops at another time than it was told."""
        return any(
            charge.name in other.unit.required_by and other.left_by_itself for other in self.charges
        )

    def _check_ward(self, ward: Ward) -> None:
        signals = self.world.signals(ward.original)
        told = any(words.startswith("end") for words in ward.heard)
        masked = ward.masked and not self.second
        if (signals or told) and (masked or not ward.holds_registered):
            self._complain(f"{ward.executable} was signalled")
        if ward.stopped and signals and not self.forced:
            self._complain(f"{ward.executable} was signalled, and could not hear it")
        self._check_command(ward)
        count = sum(
            ward.ticket in self.world.lives[process].facts.arguments
            for process in self.world.running(ward.executable)
        )
        in_time = ward.listening is not None and ward.listening.after_s == 0
        if ward.agrees and in_time and ward.heard[-1:] in (["query update"], ["query forced"]):
            self._complain(f"{ward.executable} agreed, and was never told what followed")
        if count > 1:
            self._complain(f"{ward.executable} runs {count} times")
        gone = ward.left_by_itself or self._died_of_the_question(ward)
        if count == 0 and ward.comes_back and not gone:
            self._complain(f"{ward.executable} was lost")

    def _check_command(self, ward: Ward) -> None:
        """Nothing is started while the command of a dead installer works."""
        for life in self.world.lives.values():
            dead = self.died_at is not None and life.since > self.died_at
            again = life.replaces is not None and ward.ticket in life.facts.arguments
            if again and dead and life.since < self.command_until and not self.second:
                self._complain(f"{ward.executable} was started in the middle of the change")

    def _died_of_the_question(self, ward: Ward) -> bool:
        """Before anything was written down."""
        listening = ward.listening
        return (
            bool(ward.heard) and listening is not None and listening.query.kind is AnswerKind.DIED
        )

    def _complain(self, what: str) -> None:
        self.violations.append(f"seed {self.seed}: {what}")


class FillingStore:
    """A store on a disk that is full for a while, from some write on."""

    def __init__(self, store: MemoryStore, pick: random.Random) -> None:
        self._store = store
        self._from = pick.randint(5, 25)
        self._until = self._from + pick.choice([1, 3, 1000])
        self._writes = 0

    def __getattr__(self, name: str) -> object:
        method = getattr(self._store, name)

        def call(*arguments: object, **options: object) -> object:
            if name in WRITES:
                self._writes += 1
                if self._from <= self._writes < self._until:
                    raise StoreFullError("/var")
            return method(*arguments, **options)

        return call


class RestlessScanner(SimulatedScanner):
    """Its findings may be out of date the moment they are reported."""

    def __init__(self, life: Life) -> None:
        super().__init__(life.world)
        self._life = life

    def find_holders(self, resources: Resources) -> Sighting:
        sighting = super().find_holders(resources)
        self._life.somebody_leaves()
        return sighting
