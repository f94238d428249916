"""What an engine tells the log, on a simulated machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from restartmanager.errors import (
    CannotComeBackError,
    OperationCancelledError,
    OutOfSequenceError,
    RebootNeededError,
    ShutdownError,
)
from restartmanager.testing.services import SimulatedServices, Unit
from restartmanager.testing.world import Temper
from support.simulated import EDITOR, LIBRARY, REGISTERED, VIEWER, Installer, library_world

if TYPE_CHECKING:
    from restartmanager.api.primary import PrimarySession
    from restartmanager.rules.events import Event
    from restartmanager.testing.world import World


class Log:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def write(self, event: Event) -> None:
        self.events.append(event)

    def kinds(self) -> list[str]:
        """Of the events of sessions and operations."""
        return [event.kind.name.lower() for event in self.events if not event.facts]

    def audited(self) -> list[tuple[str, dict[str, str]]]:
        """The audit records: what was begun, and its facts."""
        return [(event.kind.name, dict(event.facts)) for event in self.events if event.facts]


@pytest.fixture
def log() -> Log:
    return Log()


def logged_session(world: World, log: Log) -> PrimarySession:
    return Installer(world, event_log=log).session()


def test_a_transaction_tells_its_story(log: Log) -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    world.run(VIEWER)
    with logged_session(world, log) as session:
        session.affected()
        with session.shutdown():
            world.install(LIBRARY)
    assert log.kinds() == ["started", "listed", "shut_down", "restarted", "ended"]
    _, listed, shut_down, restarted, _ = (event for event in log.events if not event.facts)
    assert dict(listed.counts)["applications"] == 2
    assert dict(shut_down.counts) == {"done": 2, "failed": 0, "skipped": 0}
    assert shut_down.message == "shut down (2 done, 0 skipped, 0 failed)"
    assert [line.split(" (")[0] for line in shut_down.outcomes] == [
        "stop done: editor",
        "stop done: viewer",
    ]
    assert dict(restarted.counts) == {"done": 1, "failed": 0, "skipped": 1}
    assert not any(event.failed for event in log.events)
    assert len({event.session for event in log.events}) == 1
    assert not any(session.key[:8] in repr(event) for event in log.events)
    assert len({event.kind.value for event in log.events}) == 7


def test_what_did_not_stop_is_told(log: Log) -> None:
    world = library_world(editor=Temper(obeys_after_s=None))
    world.run(EDITOR, registration=REGISTERED)
    session = logged_session(world, log)
    with pytest.raises(ShutdownError):
        session.shutdown()
    event = log.events[-1]
    assert event.failed
    assert event.message.startswith("shut down: Not everything could be shut down.")
    assert "did not exit within 30 seconds" in event.outcomes[0]


def test_a_refusal_is_told(log: Log) -> None:
    world = library_world()
    world.hold(world.run("/usr/bin/other", uid=7), LIBRARY)
    world.uid = 1000
    session = logged_session(world, log)
    with pytest.raises(RebootNeededError):
        session.shutdown()
    assert log.events[-1].failed
    assert "Nothing was shut down" in log.events[-1].message


def test_a_call_off_is_told_with_the_outcomes_so_far(log: Log) -> None:
    world = library_world(editor=Temper(obeys_after_s=20.0))
    world.run(EDITOR)
    world.run(VIEWER)
    session = logged_session(world, log)
    world.at(3.0, session.cancel)
    with pytest.raises(OperationCancelledError):
        session.shutdown()
    event = log.events[-1]
    assert event.failed
    assert event.message.startswith("shut down: Shutdown was cancelled.")
    assert dict(event.counts)["done"] == 1


def test_a_refusal_before_the_operation_tells_nothing(log: Log) -> None:
    session = logged_session(library_world(), log)
    with pytest.raises(OutOfSequenceError):
        session.restart()
    assert log.kinds() == ["started"]


def test_what_processes_chose_is_escaped_and_cut(log: Log) -> None:
    world = library_world()
    hostile = "/usr/bin/" + "\x1b[2J\n\udcff" + "x" * 5000
    world.hold(world.run(hostile), LIBRARY)
    logged_session(world, log).shutdown()
    (outcome,) = log.events[-1].outcomes
    assert outcome.isprintable()
    assert len(outcome) <= 310


def test_a_recovery_is_told_when_there_was_something_to_do(log: Log) -> None:
    world = library_world()
    installer = Installer(world)
    world.run(EDITOR, registration=REGISTERED)
    installer.session().shutdown()
    world.end(installer.me)
    engine = Installer(world, installer.store, event_log=log).engine()
    engine.recover()
    engine.recover()
    assert log.kinds() == ["recovered"]
    assert dict(log.events[-1].counts)["done"] == 1
    assert [kind for kind, _ in log.audited()] == ["STARTING"]


def test_each_close_and_each_start_has_an_audit_record(log: Log) -> None:
    world = library_world()
    editor = world.run(EDITOR, registration=REGISTERED, uid=1000)
    world.run(VIEWER, uid=0)
    with logged_session(world, log) as session, session.shutdown():
        world.install(LIBRARY)
    (_, closed), (_, other), (_, started) = log.audited()
    assert [kind for kind, _ in log.audited()] == ["CLOSING", "CLOSING", "STARTING"]
    new = started.pop("process")
    assert closed == {
        "application": "editor",
        "process": str(editor.pid),
        "runs_as": "1000",
        "program": EDITOR,
        "file": closed["file"],
        "right": "root",
    }
    assert other["right"] == "owner"
    assert started == {**started, "runs_as": "1000", "program": EDITOR, "file": closed["file"]}
    assert new != closed["process"]


def test_what_is_not_touched_has_no_audit_record(log: Log) -> None:
    world = library_world()
    world.run(EDITOR)
    session = logged_session(world, log)
    session.affected()
    session.preview_shutdown()
    assert log.audited() == []
    world.risks[EDITOR] = f"everybody can change {EDITOR!r}"
    with pytest.raises(CannotComeBackError):
        session.shutdown(relaunch="all")
    assert log.audited() == []


def test_a_service_has_audit_records(log: Log) -> None:
    world = library_world()
    services = SimulatedServices(world)
    services.add("web.service", Unit(EDITOR))
    session = Installer(world, services=services, event_log=log).session()
    with session.shutdown():
        world.install(LIBRARY)
    world.install(LIBRARY)
    session.refresh()
    assert [kind for kind, _ in log.audited()] == ["CLOSING", "STARTING"] * 2
    (_, closed), (_, started), *_ = log.audited()
    assert closed["service"] == started["service"] == "web.service"
    assert closed["program"] == EDITOR


def test_an_audit_record_comes_before_what_it_tells(log: Log) -> None:
    world = library_world(editor=Temper(obeys_after_s=20.0))
    editor = world.run(EDITOR, registration=REGISTERED)
    session = logged_session(world, log)
    seen: list[list[str]] = []
    world.at(10.0, lambda: seen.append([kind for kind, _ in log.audited()]))
    session.shutdown()
    assert seen == [["CLOSING"]]  # ten seconds before it exits
    assert not world.is_running(editor)


def test_the_list_that_an_operation_makes_for_itself_is_not_told(log: Log) -> None:
    session = logged_session(library_world(), log)
    session.shutdown()
    session.refresh()
    assert log.kinds() == ["started", "shut_down", "refreshed"]
