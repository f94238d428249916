"""What an engine tells the log, on a simulated machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from restartmanager.api.primary import PrimarySession
from restartmanager.engine.logged import TracedEngine
from restartmanager.errors import RebootNeededError, ShutdownError
from restartmanager.model.progress import CancelToken
from restartmanager.testing.world import Temper
from support.simulated import EDITOR, LIBRARY, REGISTERED, VIEWER, Installer, library_world

if TYPE_CHECKING:
    from restartmanager.engine.engine import Engine
    from restartmanager.rules.events import Trace
    from restartmanager.testing.world import World


class Log:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.traces: list[Trace] = []

    def write(self, trace: Trace) -> None:
        self.traces.append(trace)

    def events(self) -> list[str]:
        return [trace.event.name.lower() for trace in self.traces]


@pytest.fixture
def log() -> Log:
    return Log()


def traced(plain: Engine, log: Log) -> TracedEngine:
    """The same engine, with its deeds told."""
    return TracedEngine(
        plain.store,
        plain.identifier,
        plain.inspector,
        plain.processes,
        plain.channels,
        plain.clock,
        traces=log,
    )


def traced_session(world: World, log: Log) -> PrimarySession:
    installer = Installer(world)
    plain = installer.engine()
    engine = traced(plain, log)
    session = PrimarySession(engine, engine.start().key)
    session.register(files=[LIBRARY])
    return session


def test_a_transaction_tells_its_story(log: Log) -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    world.run(VIEWER)
    with traced_session(world, log) as session:
        session.affected()
        with session.shutdown():
            world.install(LIBRARY)
    assert log.events() == ["started", "listed", "shut_down", "restarted", "ended"]
    _, listed, shut_down, restarted, _ = log.traces
    assert dict(listed.counts)["applications"] == 2
    assert dict(shut_down.counts) == {"done": 2, "failed": 0, "skipped": 0}
    assert shut_down.message == "shut down (2 done, 0 skipped, 0 failed)"
    assert [line.split(" (")[0] for line in shut_down.outcomes] == [
        "stop done: editor",
        "stop done: viewer",
    ]
    assert dict(restarted.counts) == {"done": 1, "failed": 0, "skipped": 1}
    assert not any(trace.failed for trace in log.traces)
    assert len({trace.session for trace in log.traces}) == 1
    assert not any(session.key[:8] in repr(trace) for trace in log.traces)
    assert len({trace.event.value for trace in log.traces}) == 5


def test_what_did_not_stop_is_told(log: Log) -> None:
    world = library_world(editor=Temper(obeys_after_s=None))
    world.run(EDITOR, registration=REGISTERED)
    session = traced_session(world, log)
    with pytest.raises(ShutdownError):
        session.shutdown()
    trace = log.traces[-1]
    assert trace.failed
    assert trace.message.startswith("shut down: Not everything could be shut down.")
    assert "did not exit within 30 seconds" in trace.outcomes[0]


def test_a_refusal_and_a_call_off_are_told(log: Log) -> None:
    world = library_world()
    world.hold(world.run("/usr/bin/other", uid=7), LIBRARY)
    world.uid = 1000
    session = traced_session(world, log)
    with pytest.raises(RebootNeededError):
        session.shutdown()
    assert log.traces[-1].failed
    assert "Nothing was shut down" in log.traces[-1].message


def test_what_processes_chose_is_escaped_and_cut(log: Log) -> None:
    world = library_world()
    hostile = "/usr/bin/" + "\x1b[2J\n\udcff" + "x" * 5000
    world.hold(world.run(hostile), LIBRARY)
    traced_session(world, log).shutdown()
    (outcome,) = log.traces[-1].outcomes
    assert outcome.isprintable()
    assert len(outcome) <= 310


def test_a_recovery_is_told_when_there_was_something_to_do(log: Log) -> None:
    world = library_world()
    installer = Installer(world)
    world.run(EDITOR, registration=REGISTERED)
    installer.session().shutdown()
    world.end(installer.me)
    plain = Installer(world, installer.store).engine()
    engine = traced(plain, log)
    engine.recover()
    engine.recover()
    assert log.events() == ["recovered"]
    assert dict(log.traces[0].counts)["done"] == 1


def test_busy_sessions_tell_nothing_twice(log: Log) -> None:
    """The list that a shutdown makes for itself is no list that somebody asked for."""
    world = library_world()
    session = traced_session(world, log)
    with CancelToken():
        session.shutdown()
    assert log.events() == ["started", "shut_down"]
