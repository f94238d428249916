"""The simulation finds what it is there to find: variants that are broken on purpose."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from restartmanager.errors import RestartManagerError
from restartmanager.model import ServiceState
from restartmanager.model.journal import JournalEntry, JournalStep
from restartmanager.testing.channels import SimulatedConversations
from restartmanager.testing.machine import SimulatedProcesses
from restartmanager.testing.services import SimulatedServices, Unit
from restartmanager.testing.store import MemoryStore
from simulation.lives import Life

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from restartmanager.model.identity import UniqueProcess
    from restartmanager.testing.machine import SimulatedHandle

SEEDS = range(3000)
KINDS = ("lost", "times", "signalled", "held down", "in spite of a veto", "never told")


def violations() -> set[str]:
    """What goes wrong within so many seeds, in words without names and numbers."""
    found = set()
    for seed in SEEDS:
        life = Life(seed)
        try:
            complaints = life.play()
        except RestartManagerError:  # a broken variant may also stumble
            complaints = life.what_is_wrong()
        for complaint in complaints:
            words = complaint.partition(": ")[2]
            found |= {kind for kind in KINDS if kind in words}
    return found


def test_a_journal_that_is_written_late_loses_applications(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = MemoryStore.write_entries

    def late(self: MemoryStore, key: str, entries: Iterable[JournalEntry]) -> None:
        write(self, key, [e for e in entries if e.step is not JournalStep.STOP_INTENDED])

    monkeypatch.setattr(MemoryStore, "write_entries", late)
    assert "lost" in violations()


def test_without_the_identity_check_strangers_are_signalled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked = SimulatedProcesses.open

    def by_number(self: SimulatedProcesses, identity: UniqueProcess) -> Any:
        now = self._by_pid(identity.pid)
        handle = checked(self, now.identity if now is not None else identity)
        return Mistaken(handle, identity)

    monkeypatch.setattr(SimulatedProcesses, "open", by_number)
    assert "signalled" in violations()


def test_a_vote_that_nobody_counts_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restartmanager.engine.shutdown.objections", lambda _: {})
    assert "in spite of a veto" in violations()


def test_who_agreed_and_hears_nothing_more_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatedConversations, "close", lambda _: None)
    assert "never told" in violations()


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
    assert "lost" in violations()


def test_a_journal_that_forgets_what_was_held_down_leaves_sockets_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = MemoryStore.write_entries

    def forgetful(self: MemoryStore, key: str, entries: Iterable[JournalEntry]) -> None:
        write(self, key, [replace(entry, hold=None) for entry in entries])

    monkeypatch.setattr(MemoryStore, "write_entries", forgetful)
    assert "held down" in violations()


def test_what_still_stops_must_not_be_taken_for_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    state = SimulatedServices._state

    def hasty(self: SimulatedServices, unit: Unit) -> ServiceState:
        now = state(self, unit)
        return ServiceState.ACTIVE if now is ServiceState.CHANGING else now

    monkeypatch.setattr(SimulatedServices, "_state", hasty)
    assert "lost" in violations()


def test_recovery_that_is_not_exclusive_starts_applications_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Forgetting the session would stop the second one as well, so that is left out in both; and so
    would a look who has taken its place."""
    monkeypatch.setattr(MemoryStore, "delete_session", lambda *_: None)
    monkeypatch.setattr(SimulatedProcesses, "successor", lambda *_: None)
    assert "times" not in violations()
    monkeypatch.setattr(MemoryStore, "begin", lambda *_, **__: True)
    monkeypatch.setattr("restartmanager.engine.claims.Claims.take_over", lambda *_: True)
    assert "times" in violations()


def test_who_exits_late_is_lost_when_nobody_remembers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JournalEntry, "outstanding", property(lambda _: False))
    assert "lost" in violations()
