"""What was closed is a debt until it is paid: real processes, and a real memory."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import restartmanager as rm
from restartmanager.errors import ShutdownError
from restartmanager.model import Result
from restartmanager.model.identity import UniqueProcess

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from integration.conftest import Children

LATE = """
import os, signal, sys
ready, go = sys.argv[1:]
signal.signal(signal.SIGTERM, lambda *_: os.read(os.open(go, os.O_RDONLY), 1) and sys.exit())
os.close(os.open(ready, os.O_WRONLY))
while True:
    signal.pause()
"""


@pytest.fixture(autouse=True)
def _memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))


def late(children: Children, tmp_path: Path) -> subprocess.Popen[bytes]:
    """A child that exits, once it was asked to, when something is written to the pipe "go"."""
    for name in ("ready", "go"):
        os.mkfifo(tmp_path / name)
    program = tmp_path / "late.py"
    program.write_text(LATE)
    words = [str(program), str(tmp_path / "ready"), str(tmp_path / "go")]
    child = children.spawn(sys.executable, "-S", "-I", *words, cwd="/")
    os.close(os.open(tmp_path / "ready", os.O_RDONLY))
    return child


def let_go(tmp_path: Path) -> None:
    with open(tmp_path / "go", "wb", buffering=0) as fifo:
        fifo.write(b".")


def test_who_exits_when_the_session_has_ended_is_brought_back_by_recovery(
    children: Children, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTARTMANAGER_TIMEOUT_S", "0.3")
    child = late(children, tmp_path)
    session = rm.start_session()
    session.register(processes=[UniqueProcess.of(child.pid)])
    with pytest.raises(ShutdownError, match="did not exit within"):
        session.shutdown(relaunch="all")
    (outcome,) = session.restart()
    assert outcome.result is Result.SKIPPED
    session.end()
    (waiting,) = rm.recover()
    assert waiting.result is Result.SKIPPED
    let_go(tmp_path)
    assert child.wait(20) == 0
    revive = threading.Thread(target=lambda: os.close(os.open(tmp_path / "ready", os.O_RDONLY)))
    revive.start()
    (back,) = rm.recover()
    revive.join()
    assert back.result is Result.DONE
    children.adopt(process_of(back))
    assert rm.recover() == ()


def process_of(outcome: rm.Outcome) -> UniqueProcess:
    assert outcome.process is not None
    return outcome.process


def delete(state: Path) -> None:
    for path in state.iterdir():
        path.unlink()


def damage(state: Path) -> None:
    with open(state / "sessions.db", "r+b") as file:
        file.write(b"nothing of the kind" * 1000)


@pytest.mark.parametrize("lose", [delete, damage, shutil.rmtree])
def test_what_was_closed_comes_back_though_its_memory_is_lost(
    children: Children, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    child = children.sleeper(cwd="/")
    with rm.start_session() as session:
        session.register(processes=[UniqueProcess.of(child.pid)])
        with session.shutdown(relaunch="all") as stopped:
            assert child.wait(20) == -signal.SIGTERM
            lose(tmp_path / "state")
        (back,) = stopped.restarted
        assert back.result is Result.DONE
        children.adopt(process_of(back))
    assert rm.recover() == ()


def test_a_program_that_is_still_being_written_is_started_when_it_is_done(
    children: Children, tmp_path: Path
) -> None:
    program = Path(shutil.copy("/bin/sleep", tmp_path / "program"))
    child = children.spawn(str(program), "1000", cwd="/")
    with rm.start_session() as session:
        session.register(processes=[UniqueProcess.of(child.pid)])
        with session.shutdown(relaunch="all") as stopped:
            child.wait(20)
            writer = os.open(program, os.O_WRONLY)  # then nobody may run it (ETXTBSY)
            done = threading.Timer(0.5, os.close, [writer])
            done.start()
        done.join()
        (back,) = stopped.restarted
        assert back.result is Result.DONE
        children.adopt(process_of(back))
