"""The real ports, with every step that changes anything numbered; at one of them we are killed.

Before and after every write to the session memory, every signal, every start of a program and
every order to a service manager there is a point.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from restartmanager.adapters.processes.pidfds import PidfdHandle
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.adapters.services.systemd import manager
from restartmanager.adapters.services.systemd.dbus import Bus
from restartmanager.api.wiring import make_engine
from restartmanager.testing.crashing_store import WRITES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from restartmanager.adapters.services.systemd.dbus import Call, Refusal
    from restartmanager.engine.engine import Engine
    from restartmanager.model import Recipe, Signal
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.ports.processes import ProcessHandle
    from restartmanager.ports.store import Store

ORDERS = frozenset({"StartUnit", "StopUnit", "MaskUnitFiles", "UnmaskUnitFiles", "Reload"})
"""What a manager is told to do in an update of services that obey."""


class Points:
    """Counts the points that are passed, from 1; the process is killed at number ``die_at``."""

    def __init__(self, die_at: int | None, *, stops: bool = False) -> None:
        self.stops = stops
        """Whether it only stops there, and says so: then whoever runs it kills it."""
        self.passed: list[str] = []
        self.created: int | None = None
        """A pidfd on a process that waits at our gate."""
        self._die_at = die_at

    def at(self, where: str) -> None:
        self.passed.append(where)
        if len(self.passed) == self._die_at:
            if self.created is not None and where.startswith("after"):
                # It is on record, and does not get the processor for a long time to come.
                signal.pidfd_send_signal(self.created, signal.SIGSTOP)
            if self.stops:
                print("here", flush=True)  # noqa: T201 - it talks to the test that runs it
                sys.stdin.read()
            signal.raise_signal(signal.SIGKILL)

    @contextmanager
    def around(self, what: str) -> Iterator[None]:
        """One point before, and one after what succeeds."""
        self.at(f"before {what}")
        yield
        self.at(f"after {what}")


class NumberedStore:
    """A store whose every write is between two points."""

    def __init__(self, store: Store, points: Points) -> None:
        self._store = store
        self._points = points

    def __getattr__(self, name: str) -> object:
        method = getattr(self._store, name)
        return self._numbered(name, method) if name in WRITES else method

    def _numbered(self, name: str, method: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            with self._points.around(name):
                return method(*arguments, **options)

        return call


class NumberedHandle(PidfdHandle):
    """A hold on a process; every signal through it is between two points."""

    __slots__ = ("_points",)

    def __init__(self, identity: UniqueProcess, points: Points) -> None:
        super().__init__(identity)
        self._points = points

    def send(self, signal: Signal) -> None:
        with self._points.around(f"signal {signal}"):
            super().send(signal)


class NumberedProcesses(LinuxProcesses):
    """The real processes; every signal and every start is between two points."""

    def __init__(self, points: Points) -> None:
        self._points = points

    def open(self, identity: UniqueProcess) -> ProcessHandle:
        return NumberedHandle(identity, self._points)

    def start(
        self,
        recipe: Recipe,
        on_created: Callable[[UniqueProcess], object],
        *,
        replaced: UniqueProcess | None = None,
    ) -> UniqueProcess:
        def note(identity: UniqueProcess) -> None:
            self._points.created = os.pidfd_open(identity.pid)
            try:
                on_created(identity)
            finally:
                os.close(self._points.created)
                self._points.created = None

        with self._points.around("start"):
            return super().start(recipe, note, replaced=replaced)


def numbered_bus(points: Points) -> type[Bus]:
    """A connection to a manager; orders given together are between two points."""

    class NumberedBus(Bus):
        def call_all(self, calls: Iterable[Call]) -> list[tuple[object, ...] | Refusal]:
            wanted = list(calls)
            orders = sorted({call.member for call in wanted} & ORDERS)
            if not orders:
                return super().call_all(wanted)
            with points.around(" ".join(orders)):
                return super().call_all(wanted)

    return NumberedBus


def numbered_engine(points: Points) -> Engine:
    """The engine that every installer of this user gets, with its steps numbered."""
    setattr(manager, "Bus", numbered_bus(points))  # noqa: B010 - what it connects with
    engine = make_engine()
    store = cast("Store", NumberedStore(engine.store, points))
    processes = NumberedProcesses(points)
    inspector = replace(engine.inspector, processes=processes)
    return replace(engine, store=store, processes=processes, inspector=inspector)
