"""The judge is right, and the peers are understood rightly: else the table would be unfair."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from scenarios.answers import Answer, Question, judge
from scenarios.peers import PEERS
from scenarios.playing import play
from scenarios.situations import SITUATIONS
from scenarios.stage import NOBODY, UNSEEN, used_by

if TYPE_CHECKING:
    from scenarios.answers import Peer
    from scenarios.stage import Truth
    from support.spawning import Spawn

USERS, REPLACED = Question.USERS, Question.REPLACED
DEBIANS_PYTHON = "/usr/bin/python3"


def pids(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


@pytest.mark.parametrize(
    ("truth", "answer", "question", "word"),
    [
        (used_by(1, 2), Answer(pids(1, 2)), USERS, ""),
        (used_by(1, 2), Answer(pids(1)), USERS, "missed one"),
        (used_by(1, 2), Answer(pids()), USERS, "missed"),
        (used_by(1), Answer(pids(1, 3)), USERS, "named one more"),
        (used_by(1), Answer(pids(3)), USERS, "named the wrong one"),
        (NOBODY, Answer(pids(3)), USERS, "named the wrong one"),
        (NOBODY, Answer(pids(), unseen=True), USERS, "said in use"),
        (UNSEEN, Answer(pids()), USERS, "missed"),
        (UNSEEN, Answer(pids(), unseen=True), USERS, ""),
        (used_by(1, stale=[2]), Answer(pids(1, 2), stale=pids(2)), USERS, ""),
        (used_by(1, stale=[2]), Answer(pids(1, 2), stale=pids()), USERS, "not called stale"),
        (used_by(1), Answer(pids(1), stale=pids(1)), USERS, "called stale"),
        (used_by(1, stale=[2]), Answer(pids(2)), REPLACED, ""),
        (used_by(1, stale=[2]), Answer(pids(1)), REPLACED, "named the wrong one"),
        (used_by(1), Answer(pids()), REPLACED, ""),
    ],
)
def test_the_judge(truth: Truth, answer: Answer, question: Question, word: str) -> None:
    verdict = judge(truth, answer, question)
    assert (verdict.word, verdict.right) == (word, word == "")


@pytest.mark.root
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_what_a_peer_finds_is_understood(peer: Peer, spawn: Spawn) -> None:
    """In a situation that each of them masters by its documentation, on a machine with a stranger
    over whom checkrestart stumbles: his argument is no text."""
    name, question = peer.name, peer.question
    if os.path.exists(DEBIANS_PYTHON):
        spawn.running(DEBIANS_PYTHON, "-c", "input()", "\udcff")
    situation = "a descriptor is open" if question is USERS else "library renamed over"
    played = play(SITUATIONS[situation], patience_s=0.05, peers=[peer])
    if name not in played.answers:
        pytest.skip(f"{name} is not installed")
    assert judge(played.truth, played.answers[name], question).right
