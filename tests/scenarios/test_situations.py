"""Every situation of the scenario table, for us: all found, nobody else named, stale or not."""

from __future__ import annotations

import pytest

from restartmanager.adapters.bpf.iterator import why_unavailable
from scenarios.answers import Question, judge
from scenarios.playing import play
from scenarios.situations import SITUATIONS


@pytest.mark.parametrize("way", ["proc", "kernel"])
@pytest.mark.parametrize("name", SITUATIONS)
def test_situation(name: str, way: str) -> None:
    """By either way of asking; and what runs replaced code is the same by both."""
    if way == "kernel" and (refusal := why_unavailable()) is not None:
        pytest.skip(refusal)
    played = play(SITUATIONS[name], patience_s=0.05, way=way)
    if played.not_here:
        pytest.skip(played.not_here)
    answer = played.answers["restartmanager"]
    assert judge(played.truth, answer, Question.USERS).word == "", (played.truth, answer)
