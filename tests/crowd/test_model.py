"""Eight processes at one session memory behave like one dictionary, whatever they do and however
they die."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run

from crowd.crowd import Crowd, Order

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKERS = 8
LIMIT = 64
GONE = {"error": "NoSuchSessionError"}
FULL = {"error": "SessionLimitError"}

workers = st.integers(0, WORKERS - 1)
names = st.lists(st.text("abc", min_size=1, max_size=3), max_size=4)


@dataclass
class Session:
    """What is known of one session. ``owner`` is None once its process is dead."""

    owner: int | None
    members: set[int] = field(default_factory=set)
    services: dict[str, None] = field(default_factory=dict)


class Memory(RuleBasedStateMachine):
    """Orders to single processes, and to all of them at once; and what must come of them."""

    crowd: Crowd
    keys: Bundle[str] = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, Session] = {}
        self.count = 0
        self.folder = tempfile.mkdtemp()
        self.crowd.move(os.path.join(self.folder, "state"))

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    # -- one at a time -------------------------------------------------------------------------

    @rule(target=keys, number=workers)
    def start(self, number: int) -> str:
        answer = self.crowd.ask(number, "start")
        if len(self.model) >= LIMIT:
            assert answer == FULL
            return "0" * 32
        self.model[answer] = Session(number)
        return str(answer)

    @rule(number=workers, key=keys)
    def join(self, number: int, key: str) -> None:
        session = self.model.get(key)
        answer = self.crowd.ask(number, "join", key)
        if session is None or session.owner is None:
            assert answer == GONE
        else:
            assert answer is None
            session.members.add(self.crowd.workers[number].pid)

    @rule(number=workers, key=keys)
    def leave(self, number: int, key: str) -> None:
        assert self.crowd.ask(number, "leave", key) is None
        if key in self.model:
            self.model[key].members.discard(self.crowd.workers[number].pid)

    @rule(number=workers, key=keys, wanted=names)
    def register(self, number: int, key: str, wanted: list[str]) -> None:
        answer = self.crowd.ask(number, "register", key, *wanted)
        assert answer == (None if key in self.model else GONE)
        if key in self.model:
            self.model[key].services |= dict.fromkeys(wanted)

    @rule(number=workers, key=keys)
    def look(self, number: int, key: str) -> None:
        session = self.model.get(key)
        listed = self.crowd.ask(number, "registered", key)
        joined = self.crowd.ask(number, "members", key)
        if session is None:
            assert listed == joined == GONE
        else:
            assert listed == list(session.services)
            assert set(joined) == session.members

    @rule(number=workers, key=keys)
    def list_affected(self, number: int, key: str) -> None:
        assert self.crowd.ask(number, "affected", key) == ([] if key in self.model else GONE)

    @rule(number=workers, key=keys)
    def end(self, number: int, key: str) -> None:
        answer = self.crowd.ask(number, "end", key)
        assert answer == (None if self.model.pop(key, None) else GONE)

    @rule(number=workers)
    def die(self, number: int) -> None:
        self.crowd.replace(number)
        self._orphan(number)

    @rule(number=workers)
    def recover(self, number: int) -> None:
        assert self.crowd.ask(number, "recover") == []
        self._forget_orphans()

    # -- all at once ---------------------------------------------------------------------------

    @rule(target=keys, first=workers)
    def all_start(self, first: int) -> str:
        answers = self._together(["start"] * WORKERS)
        room = LIMIT - len(self.model)
        begun = [(n, key) for n, key in enumerate(answers) if key != FULL]
        assert len(begun) == min(WORKERS, room)
        self.model |= {key: Session(number) for number, key in begun}
        return str(answers[first]) if answers[first] != FULL else "0" * 32

    @rule(key=keys)
    def all_register(self, key: str) -> None:
        """Names of their own, and one that all of them have."""
        self.count += 1
        theirs = [[f"{self.count}-{n}", f"{self.count}-all"] for n in range(WORKERS)]
        answers = self._together([("register", key, *own) for own in theirs])
        assert answers == [None if key in self.model else GONE] * WORKERS
        if key in self.model:
            self._adopt_order(key, {name for own in theirs for name in own})

    @rule(key=keys)
    def all_end(self, key: str) -> None:
        """One of them does it."""
        there = self.model.pop(key, None) is not None
        answers = self._together([("end", key)] * WORKERS)
        assert answers.count(None) == there
        assert answers.count(GONE) == WORKERS - there

    @rule()
    def all_recover(self) -> None:
        assert self._together(["recover"] * WORKERS) == [[]] * WORKERS
        self._forget_orphans()

    @rule(number=workers, key=keys)
    def die_while_registering(self, number: int, key: str) -> None:
        """What it was at is registered wholly or not at all."""
        self.count += 1
        wanted = [f"{self.count}-{n}" for n in range(50)]
        self.crowd.workers[number].tell(("register", key, *wanted))
        self.die(number)
        if key in self.model:
            listed = self.crowd.ask(number, "registered", key)
            new = set(listed) - set(self.model[key].services)
            assert new in (set(), set(wanted))
            self._adopt_order(key, new)

    @rule()
    def all_see_the_same_sessions(self) -> None:
        answers = self._together(["sessions"] * WORKERS)
        assert answers == [answers[0]] * WORKERS
        assert sorted(answers[0]) == sorted(self.model)

    @invariant()
    def one_sees_them(self) -> None:
        self.count += 1
        answer = self.crowd.ask(self.count % WORKERS, "sessions")
        assert sorted(answer) == sorted(self.model)

    # -- helpers -------------------------------------------------------------------------------

    def _together(self, orders: list[Any]) -> list[Any]:
        made: list[Order] = [(o,) if isinstance(o, str) else o for o in orders]
        return self.crowd.ask_together(made)

    def _orphan(self, number: int) -> None:
        for session in self.model.values():
            if session.owner == number:
                session.owner = None

    def _forget_orphans(self) -> None:
        self.model = {key: s for key, s in self.model.items() if s.owner is not None}

    def _adopt_order(self, key: str, new: set[str]) -> None:
        """Those who came at the same time may come in any order, after all that was there."""
        listed = self.crowd.ask(0, "registered", key)
        known = list(self.model[key].services)
        assert listed[: len(known)] == known
        assert set(listed[len(known) :]) == new - set(known)
        assert len(listed) == len(set(listed))
        self.model[key].services = dict.fromkeys(listed)


@pytest.fixture
def crowd(tmp_path: Any) -> Iterator[Crowd]:
    with Crowd(WORKERS, str(tmp_path / "state")) as crowd:
        yield crowd


@pytest.mark.timeout(300)
def test_eight_processes_behave_like_one_dictionary(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Memory, "crowd", crowd, raising=False)
    run(
        Memory,
        settings=settings(
            max_examples=int(os.environ.get("RESTARTMANAGER_CROWDS", "20")),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(300)
def test_sixty_four_sessions_hammered_by_eight_processes_lose_nothing(crowd: Crowd) -> None:
    keys = [key for _ in range(8) for key in crowd.ask_together([("start",)] * WORKERS)]
    assert len(set(keys)) == LIMIT
    assert crowd.ask(0, "start") == FULL
    for number, worker in enumerate(crowd.workers):
        worker.tell(("hammer", f"w{number}", 60, *keys))
    said: dict[str, set[str]] = {key: set() for key in keys}
    for worker in crowd.workers:
        while (answer := worker.answer()) != "done":
            assert isinstance(answer, list), answer
            said[answer[0]].add(answer[1])
    assert sum(map(len, said.values())) > 50
    for key in keys:
        assert set(crowd.ask(0, "registered", key)) == said[key]
