"""Windows where nothing is there that could ask for them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from restartmanager.adapters.desktop.screens import DesktopScreens
from restartmanager.errors import UnsupportedError
from unit.rules.test_applications import process

if TYPE_CHECKING:
    import pytest


def test_without_python_xlib_nobody_has_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise UnsupportedError("Closing windows", "python-xlib is not installed")

    monkeypatch.setattr("restartmanager.adapters.desktop.windows.X11Windows", missing)
    screens = DesktopScreens()
    soon = time.monotonic() + 5
    assert screens.find([process(10)], soon) == {}
    assert screens.close([process(10)], soon) == {}
