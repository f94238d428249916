"""Every situation of the scenario table, for us: all found, nobody else named, stale or not."""

from __future__ import annotations

import pytest

from scenarios.answers import Question, judge
from scenarios.playing import play
from scenarios.situations import SITUATIONS


@pytest.mark.parametrize("name", SITUATIONS)
def test_situation(name: str) -> None:
    played = play(SITUATIONS[name], patience_s=0.05, peers=False)
    if played.not_here:
        pytest.skip(played.not_here)
    answer = played.answers["restartmanager"]
    assert judge(played.truth, answer, Question.USERS).word == "", (played.truth, answer)
