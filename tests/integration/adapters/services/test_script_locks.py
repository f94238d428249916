"""The lock of a script that stops its service: who has it, who asks, and who inherits it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from threading import Timer
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.services.initscripts import script_locks
from restartmanager.adapters.services.initscripts.script_locks import (
    await_stop,
    is_being_stopped,
    stop_lock,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(script_locks, "_FOLDER", str(tmp_path / "stopping"))
    return tmp_path / "stopping"


def soon() -> float:
    return time.monotonic() + 20


def test_the_script_has_the_lock_until_it_ends() -> None:
    assert not is_being_stopped("web")
    with stop_lock("web", soon()) as lock:
        script = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, pass_fds=[lock])
    with script:
        assert is_being_stopped("web")
        assert not is_being_stopped("other")
        await_stop("web", time.monotonic() + 0.05)
        assert is_being_stopped("web")
    assert not is_being_stopped("web")


def test_who_asks_is_in_nobodys_way(folder: Path) -> None:
    """Neither in that of another one who asks, nor in that of who wants the lock."""
    with stop_lock("web", soon()):
        pass
    asking = os.open(folder / "web", os.O_RDWR)
    fcntl.flock(asking, fcntl.LOCK_SH)
    assert not is_being_stopped("web")
    Timer(0.2, os.close, [asking]).start()
    with stop_lock("web", soon()):
        assert is_being_stopped("web")


def test_a_folder_that_cannot_be_looked_into_says_nothing(folder: Path) -> None:
    folder.write_text("no folder")
    assert not is_being_stopped("web")
