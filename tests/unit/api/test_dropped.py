"""A session whose handle is dropped gives its slot back, and nothing that it stopped is lost."""

from __future__ import annotations

import gc
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import restartmanager as rm
from restartmanager import errors
from restartmanager.api import dropped, journal, sessions
from restartmanager.testing.machine import SimulatedScanner
from restartmanager.testing.world import Temper
from support.simulated import EDITOR, LIBRARY, REGISTERED, Installer, library_world

if TYPE_CHECKING:
    from restartmanager.model import Resources, Sighting


@pytest.fixture
def installer(monkeypatch: pytest.MonkeyPatch) -> Installer:
    """A simulated machine that the public functions work on, in a process that has dropped no
    session yet."""
    made = Installer(library_world())
    for module in (journal, sessions):
        monkeypatch.setattr(module, "make_engine", made.engine)
    monkeypatch.setattr(dropped, "_left", type(dropped._left)())
    return made


def editor_stopped(installer: Installer) -> rm.PrimarySession:
    """A session that has stopped the editor."""
    installer.world.run(EDITOR, registration=REGISTERED)
    session = rm.start_session()
    session.register(files=[LIBRARY])
    session.shutdown()
    assert installer.world.running(EDITOR) == []
    return session


def keys() -> set[str]:
    return {info.key for info in rm.sessions()}


def test_a_dropped_session_is_ended_at_once(installer: Installer) -> None:
    session = rm.start_session()
    assert keys() == {session.key}
    del session
    assert keys() == set()


def test_any_number_of_dropped_sessions_may_be_started(installer: Installer) -> None:
    kept = rm.start_session()
    for _ in range(70):
        rm.start_session().register(files=[LIBRARY])
    assert keys() == {kept.key}


def test_a_session_in_a_circle_is_ended_when_it_is_collected(installer: Installer) -> None:
    circle: list[object] = [rm.start_session()]
    circle.append(circle)
    del circle
    gc.collect()
    assert keys() == set()


def test_a_list_of_63_others_still_counts(installer: Installer) -> None:
    """The limit is for those that can be ended."""
    kept = [rm.start_session() for _ in range(64)]
    with pytest.raises(errors.SessionLimitError):
        rm.start_session()
    del kept[0]
    assert rm.start_session().key


def test_what_a_dropped_session_stopped_waits_for_the_next_one(installer: Installer) -> None:
    """At the moment of the drop the files may be half replaced."""
    session = editor_stopped(installer)
    key = session.key
    del session
    assert keys() == {key}
    assert installer.world.running(EDITOR) == []
    following = rm.start_session()
    assert len(installer.world.running(EDITOR)) == 1
    assert keys() == {following.key}


def test_what_cannot_come_back_is_left_to_recovery(installer: Installer) -> None:
    session = editor_stopped(installer)
    program = installer.world.programs[EDITOR]
    installer.world.programs[EDITOR] = replace(program, temper=Temper(starts=False))
    del session
    following = rm.start_session()
    (left,) = (info for info in rm.sessions() if info.key != following.key)
    assert left.abandoned
    installer.world.programs[EDITOR] = program
    rm.recover()
    assert keys() == {following.key}
    assert len(installer.world.running(EDITOR)) == 1


def test_new_sessions_of_a_command_leave_it_stopped(installer: Installer) -> None:
    session = editor_stopped(installer)
    key = session.key
    del session
    following = sessions.new_session()
    assert keys() == {key, following.key}
    assert installer.world.running(EDITOR) == []


def test_a_session_that_no_process_owns_outlives_its_handle(installer: Installer) -> None:
    key = rm.start_session(expires_after_s=60).key
    assert keys() == {key}
    assert rm.open_session(key).key == key
    assert keys() == {key}


def test_a_secondary_that_is_dropped_ends_nothing(installer: Installer) -> None:
    session = rm.start_session()
    rm.join_session(session.key)
    assert keys() == {session.key}


def test_an_ended_session_is_not_ended_again(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    monkeypatch.setattr(dropped, "_end", lambda _engine, key, **_: ended.append(key))
    session = rm.start_session()
    session.end()
    del session
    with rm.start_session():
        pass
    assert ended == []


def test_within_the_package_it_waits(installer: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector runs anywhere: also while this very thread has the session memory."""
    session = rm.start_session()
    victims = [rm.start_session()]
    seen: list[set[str]] = []
    find = SimulatedScanner.find_holders

    def drop_and_find(scanner: SimulatedScanner, resources: Resources) -> Sighting:
        victims.clear()
        seen.append({record.key for record in installer.store.sessions()})
        return find(scanner, resources)

    monkeypatch.setattr(SimulatedScanner, "find_holders", drop_and_find)
    session.register(files=[LIBRARY])
    session.affected()
    assert len(seen[0]) == 2
    following = rm.start_session()
    assert keys() == {session.key, following.key}


def test_a_memory_that_fails_is_tried_again(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = rm.start_session()

    def fail(_key: str) -> None:
        raise errors.StoreBusyError("/state", 10.0)

    with monkeypatch.context() as patch:
        patch.setattr(installer.store, "delete_session", fail)
        del session
        assert len(keys()) == 1
    following = rm.start_session()
    assert keys() == {following.key}


def test_a_child_drops_what_is_its_parents_without_ending_it(installer: Installer) -> None:
    session = rm.start_session()
    child = os.fork()
    if child == 0:
        del session
        os._exit(0 if len(installer.store.sessions()) == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert keys() == {session.key}
