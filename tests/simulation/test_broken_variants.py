"""The simulation finds what it is there to find: variants that are broken on purpose."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from restartmanager.engine.memory import JournalMemory
from restartmanager.engine.recorder import StartRecorder
from restartmanager.engine.sharing import Sharing
from restartmanager.errors import RestartManagerError
from restartmanager.model import ServiceState
from restartmanager.model.journal import JournalEntry, JournalStep
from restartmanager.testing.channels import SimulatedConversations
from restartmanager.testing.machine import SimulatedProcesses
from restartmanager.testing.services import SimulatedServices, Unit
from restartmanager.testing.store import MemoryStore
from restartmanager.testing.world import World
from simulation.lives import Life
from support.simulated import EDITOR, REGISTERED, Installer, library_world

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from restartmanager.model.identity import UniqueProcess
    from restartmanager.testing.machine import SimulatedHandle


def goes_wrong(*kinds: str, seeds: int = 3000) -> bool:
    """Whether something of these kinds goes wrong within so many seeds."""
    for seed in range(seeds):
        life = Life(seed)
        try:
            complaints = life.play()
        except RestartManagerError:  # a broken variant may also stumble
            complaints = life.what_is_wrong()
        words = [complaint.partition(": ")[2] for complaint in complaints]
        if any(kind in complaint for complaint in words for kind in kinds):
            return True
    return False


def test_a_journal_that_is_written_late_loses_applications(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = MemoryStore.write_entries

    def late(self: MemoryStore, key: str, entries: Iterable[JournalEntry]) -> None:
        write(self, key, [e for e in entries if e.step is not JournalStep.STOP_INTENDED])

    monkeypatch.setattr(MemoryStore, "write_entries", late)
    assert goes_wrong("lost")


def test_without_the_identity_check_strangers_are_signalled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked = SimulatedProcesses.open

    def by_number(self: SimulatedProcesses, identity: UniqueProcess) -> Any:
        now = self._by_pid(identity.pid)
        handle = checked(self, now.identity if now is not None else identity)
        return Mistaken(handle, identity)

    monkeypatch.setattr(SimulatedProcesses, "open", by_number)
    assert goes_wrong("signalled")


def test_a_vote_that_nobody_counts_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restartmanager.engine.shutdown.objections", lambda _: {})
    assert goes_wrong("in spite of a veto")


def test_who_agreed_and_hears_nothing_more_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatedConversations, "close", lambda _: None)
    assert goes_wrong("never told")


class Mistaken:
    """A hold on one process that is taken for another one."""

    def __init__(self, handle: SimulatedHandle, believed: UniqueProcess) -> None:
        self.identity = believed
        self.send = handle.send
        self.close = handle.close

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def test_who_waits_at_a_dead_installers_gate_must_not_be_taken_for_the_application(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SimulatedProcesses, "is_at_gate", lambda *_: False)
    assert goes_wrong("lost")


def test_a_journal_that_forgets_what_was_held_down_leaves_sockets_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = MemoryStore.write_entries

    def forgetful(self: MemoryStore, key: str, entries: Iterable[JournalEntry]) -> None:
        write(self, key, [replace(entry, hold=None) for entry in entries])

    monkeypatch.setattr(MemoryStore, "write_entries", forgetful)
    assert goes_wrong("held down")


def test_what_still_stops_must_not_be_taken_for_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    state = SimulatedServices._state

    def hasty(self: SimulatedServices, unit: Unit) -> ServiceState:
        now = state(self, unit)
        return ServiceState.ACTIVE if now is ServiceState.CHANGING else now

    monkeypatch.setattr(SimulatedServices, "_state", hasty)
    assert goes_wrong("lost")


def test_recovery_that_is_not_exclusive_starts_applications_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Forgetting the session would stop the second one as well, so that is left out in both; and so
    would a look who has taken its place. Other installers do without it."""
    for trouble in ("_begin_another", "_trouble"):
        monkeypatch.setattr(Life, trouble, lambda _: None)
    monkeypatch.setattr("simulation.lives.FillingStore", lambda store, _: store)
    monkeypatch.setattr(MemoryStore, "delete_session", lambda *_: None)
    monkeypatch.setattr(SimulatedProcesses, "successor", lambda *_: None)
    assert not goes_wrong("times")
    monkeypatch.setattr(MemoryStore, "begin", lambda *_, **__: True)
    monkeypatch.setattr("restartmanager.engine.claims.Claims.take_over", lambda *_: True)
    assert goes_wrong("times")


def test_who_exits_late_is_lost_when_nobody_remembers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JournalEntry, "outstanding", property(lambda _: False))
    assert goes_wrong("lost")


def test_two_that_do_not_share_start_applications_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor look who has taken the place of what they have closed."""
    monkeypatch.setattr("restartmanager.engine.sharing.share", lambda *_: {})
    monkeypatch.setattr(SimulatedProcesses, "successor", lambda *_: None)
    assert goes_wrong("times")


def test_who_is_closed_again_is_started_twice_by_who_does_not_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Sharing, "is_closed_by_another", lambda *_: False)
    monkeypatch.setattr(Sharing, "is_being_changed", lambda *_: False)
    assert goes_wrong("times")


def test_a_successor_of_a_successor_must_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes too many accidents at once to be seen in the lives."""

    def latest_only(self: World, identity: UniqueProcess) -> list[UniqueProcess]:
        before = self.lives[identity].replaces
        return [] if before is None else [before]

    assert times_after_two_starts() == 1
    monkeypatch.setattr(World, "replaced_by", latest_only)
    assert times_after_two_starts() == 2


def times_after_two_starts() -> int:
    """How often the editor runs when an installer dies before it has noted what it has started, and
    a second one has closed that and brought it back before anybody recovers."""
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    one = Installer(world)
    session = one.session()
    session.shutdown()
    (entry,) = one.store.journal(session.key)
    session.restart()
    with Installer(world, one.store).session() as second:
        second.shutdown()
    one.store.write_entries(session.key, [replace(entry, step=JournalStep.START_INTENDED)])
    world.end(one.me)
    Installer(world, one.store).engine().recover()
    return len(world.running(EDITOR))


def test_a_debt_left_to_who_is_just_stopping_the_same_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("restartmanager.rules.sharing._AT_WORK", frozenset())
    assert goes_wrong("lost", seeds=20_000)


def test_who_is_stopped_must_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatedProcesses, "suspended", lambda *_: "")
    assert goes_wrong("signalled")


def test_a_command_that_works_on_must_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Life, "_still_works", lambda *_: False)
    assert goes_wrong("in the middle")


def test_a_program_that_is_busy_is_lost_when_it_is_tried_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And then counts as tried in vain."""
    monkeypatch.setattr(StartRecorder, "not_startable", StartRecorder.not_back)
    monkeypatch.setattr("restartmanager.engine.relaunch.START_AGAIN_S", 0.0)
    assert goes_wrong("lost")


def test_what_a_full_disk_does_not_take_is_lost_when_nobody_remembers_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(JournalMemory, "journal", lambda self, key: self._store.journal(key))
    monkeypatch.setattr(JournalMemory, "note", lambda *_: None)
    assert goes_wrong("lost", "times")
