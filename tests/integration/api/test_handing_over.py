"""Registered commands that do not stay: what they started, or called, counts."""

from __future__ import annotations

import os
import select
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.processes.pidfds import PidfdHandle
from restartmanager.api.primary import PrimarySession
from restartmanager.api.wiring import make_engine
from restartmanager.errors import RestartError
from restartmanager.model import Result, Status
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.limits import TimeLimits
from restartmanager.rules.relaunch import HANDED_OVER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from integration.conftest import Children
    from restartmanager.engine.engine import Engine
    from restartmanager.model import Outcome


PATIENCE_S = 30.0


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """One that waits long for programs which do not stay: they need time as well."""
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))
    return replace(make_engine(), limits=TimeLimits(settle_s=PATIENCE_S))


class Place:
    """A library, and a FIFO at which who uses it tells its number."""

    def __init__(self, folder: Path) -> None:
        self.library, self._fifo = folder / "library", folder / "ready"
        self.library.write_bytes(b"a library")
        os.mkfifo(self._fifo)
        self._end = os.open(self._fifo, os.O_RDWR | os.O_NONBLOCK)

    def application(self, children: Children, how: str) -> UniqueProcess:
        words = [how, str(self.library), str(self._fifo)]
        child = children.python("hands_over.py", *words)
        assert self.next_one().pid == child.pid
        return UniqueProcess.of(child.pid)

    def next_one(self) -> UniqueProcess:
        """The next process that has told its number."""
        assert select.select([self._end], [], [], PATIENCE_S)[0]
        return UniqueProcess.of(int(os.read(self._end, 100)))

    def close(self) -> None:
        os.close(self._end)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


def closed_and_back(engine: Engine, place: Place) -> Outcome:
    with PrimarySession(engine, engine.start().key) as session:
        session.register(files=[str(place.library)])
        session.shutdown()
        (outcome,) = session.restart()
    return outcome


def test_a_command_that_ends_without_an_error_has_handed_over(
    engine: Engine, place: Place, children: Children
) -> None:
    place.application(children, "calls")
    outcome = closed_and_back(engine, place)
    assert (outcome.result, outcome.message) == (Result.DONE, HANDED_OVER)
    assert outcome.process is None
    assert outcome.application.status & Status.RESTARTED


def test_a_daemon_is_what_came_back(engine: Engine, place: Place, children: Children) -> None:
    first = place.application(children, "daemon")
    outcome = closed_and_back(engine, place)
    daemon = children.adopt(place.next_one())
    assert (outcome.result, outcome.process) == (Result.DONE, daemon)
    assert daemon != first


@pytest.mark.parametrize(
    ("how", "why"),
    [("fails", "with status 3"), ("aborts", "signal 9 ended it")],
)
def test_one_that_fails_does_not_count(
    engine: Engine, place: Place, children: Children, how: str, why: str
) -> None:
    place.application(children, how)
    with pytest.raises(RestartError) as raised:
        closed_and_back(engine, place)
    (outcome,) = raised.value.outcomes
    assert why in outcome.message
    assert outcome.application.status & Status.ERROR_ON_RESTART


@pytest.mark.parametrize("reaped", [False, True])
def test_the_status_is_known_before_and_after_the_parent_has_heard_of_it(
    children: Children, reaped: bool
) -> None:
    child = children.spawn(
        sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit(7)", stdin=-1
    )
    with PidfdHandle(UniqueProcess.of(child.pid)) as handle:
        assert handle.exit_status() is None
        assert child.stdin is not None
        child.stdin.close()
        if reaped:
            child.wait()
        else:
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert handle.exit_status() == 7
