"""The tests that need a real systemd, each file in a sandbox of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.paths import TESTS
from support.sandbox import run_inside

if TYPE_CHECKING:
    from pathlib import Path

FILES = sorted((TESTS / "sandboxed").glob("test_*.py"))


@pytest.mark.root
@pytest.mark.timeout(600)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_in_a_booted_systemd(file: Path) -> None:
    run_inside(file, timeout_s=580)


def test_there_are_such_files() -> None:
    assert FILES
