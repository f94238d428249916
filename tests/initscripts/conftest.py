"""These tests are collected in the sandbox only, without systemd in sight: see
``tests/integration/adapters/services/test_initscripts.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.daemons import Daemons
from support.sandbox import INSIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

collect_ignore_glob = [] if INSIDE else ["test_*.py"]


@pytest.fixture
def daemons() -> Iterator[Daemons]:
    with Daemons() as made:
        yield made
