"""The simulated machine of each test of the Windows API."""

from __future__ import annotations

import pytest

from restartmanager.rstrtmgr import handles
from unit.rstrtmgr.stage import Stage


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A fresh machine, in a process that has given out no handle yet."""
    monkeypatch.setattr(handles, "table", handles.Handles())
    return Stage(monkeypatch)
