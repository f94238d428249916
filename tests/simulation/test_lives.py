"""Thousands of seeded lives: whatever happens, nothing is lost, doubled, or wrongly touched."""

import os

import pytest

from simulation.lives import Life

SEEDS = int(os.environ.get("RESTARTMANAGER_SEEDS", "10000"))
PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_no_life_ends_with_something_lost_doubled_or_wrongly_touched(part: int) -> None:
    crashes = vetoes = 0
    for seed in range(part, SEEDS, PARTS):
        life = Life(seed)
        assert life.play() == []
        crashes += life.crashed
        vetoes += life.vetoed
    assert crashes > SEEDS // PARTS // 10, "the crash points are not reached"
    assert vetoes > SEEDS // PARTS // 100, "nobody says no"
