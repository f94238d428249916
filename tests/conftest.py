"""What all tests share: children that are always ended, and the mark for root's tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings

from support.spawning import Spawn

if TYPE_CHECKING:
    from collections.abc import Iterator


# Speed is measured by the benchmarks: a test does not fail because the machine has other work too.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

settings.register_profile("unshrunk", phases=[Phase.explicit, Phase.generate])
"""For who only wants to know whether a property fails, not on what smallest example."""

# Nor are the wishes of whoever starts them about Python: with PYTHONUNBUFFERED, for one, programs
# write at once what otherwise is written, and may fail, later.
for _name in [name for name in os.environ if name.startswith("PYTHON") and name != "PYTHONPATH"]:
    del os.environ[_name]

# The log of the machine that runs the tests is not theirs.
os.environ.setdefault("RESTARTMANAGER_TRACES", "0")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("root") is not None and os.geteuid() != 0:
        pytest.skip("needs root's rights")


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Starts children; all are killed and reaped when the test is over, however it ends."""
    spawned = Spawn()
    try:
        yield spawned
    finally:
        for child in spawned.children:
            spawned.end(child)
