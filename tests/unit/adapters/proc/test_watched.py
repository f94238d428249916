"""A look ends, whatever becomes of what it waits for."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.proc import watched as module
from restartmanager.adapters.proc.watched import (
    UnresponsiveError,
    has_it,
    helps,
    passed_over,
    waits_for,
    watched,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

OURSELVES = f"/proc/{os.getpid()}/"


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "UNRESPONSIVE_S", 0.2)
    monkeypatch.setattr(module, "_INTERVAL_S", 0.02)
    monkeypatch.setattr(module, "_SUSPICIOUS_S", 0.05)
    monkeypatch.setattr(module, "_ANSWERS_S", 0.05)
    yield
    module._silent.clear()


class Hanging:
    """Something that one waits for until it is let go."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.waits = 0

    def ask(self, subject: str) -> str:
        waits_for(subject)
        try:
            self.waits += 1
            assert self.released.wait(8)
        finally:
            has_it()
        return "an answer"


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    made = Hanging()
    yield made
    made.released.set()


def test_what_is_found_and_what_is_raised_reach_the_caller() -> None:
    assert watched(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        watched(lambda: 1 // 0)


def test_it_runs_in_a_thread_of_its_own_and_one_within_in_the_same() -> None:
    outer = _thread.get_ident()
    found = watched(lambda: (_thread.get_ident(), watched(_thread.get_ident)))
    assert found[0] == found[1] != outer


def test_outside_a_look_nothing_is_noted() -> None:
    waits_for("/proc/1/")
    has_it()
    assert passed_over() == ()


def test_who_does_not_answer_is_passed_over(hanging: Hanging) -> None:
    def look() -> tuple[str, tuple[int, ...]]:
        try:
            hanging.ask("/proc/0/")
        except PermissionError as error:
            return str(error), passed_over()
        raise AssertionError

    begun = time.monotonic()
    assert watched(look) == ("/proc/0/ does not answer", (0,))
    assert time.monotonic() - begun < 10
    assert hanging.waits == 1


def test_a_path_that_does_not_answer_is_named(hanging: Hanging) -> None:
    with pytest.raises(UnresponsiveError) as caught:
        watched(lambda: hanging.ask("/mnt/dead/file"))
    assert caught.value.subject == "/mnt/dead/file"


def test_who_is_slow_now_and_then_is_waited_for() -> None:
    """Many short waits for one subject are no long one, nor is thinking about an answer."""

    def look() -> int:
        end = time.monotonic() + 0.6
        rounds = 0
        while time.monotonic() < end:
            waits_for(OURSELVES)
            has_it()
            rounds += 1
        return rounds

    assert watched(look) > 10


def test_an_abandoned_look_does_nothing_more(hanging: Hanging) -> None:
    went_on = []

    def look() -> str:
        try:
            hanging.ask("/proc/0/")
        except PermissionError:
            return "without"
        waits_for("/proc/1/")
        went_on.append("an abandoned look")
        return "with"

    assert watched(look) == "without"
    abandoned = _thread._count()
    hanging.released.set()
    deadline = time.monotonic() + 10
    while _thread._count() >= abandoned and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _thread._count() < abandoned
    assert went_on == []


def test_a_helping_thread_is_watched_as_well(hanging: Hanging) -> None:
    def look() -> str:
        refused = []

        def work() -> None:
            try:
                hanging.ask("/proc/0/")
            except PermissionError as error:
                refused.append(str(error))

        thread = threading.Thread(target=helps(work), daemon=True)
        thread.start()
        thread.join()
        return refused[0]

    assert watched(look) == "/proc/0/ does not answer"


def test_an_interrupted_caller_leaves_at_once(hanging: Hanging) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    def look() -> str:
        signal.raise_signal(signal.SIGUSR1)
        return hanging.ask("/proc/0/")

    before = signal.signal(signal.SIGUSR1, interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            watched(look)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert hanging.waits <= 1


@pytest.mark.root
@pytest.mark.parametrize(("user", "waits"), [(65002, 2), (0, 5)])
def test_who_locks_one_process_after_the_other_holds_nobody_up(
    hanging: Hanging, user: int, waits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of that user is looked into any more. Root has no reason to."""
    monkeypatch.setattr(module, "_ask_all", lambda _: None)  # only by then each is locked
    children = [subprocess.Popen(["/bin/sleep", "100"], user=user) for _ in range(5)]

    def look() -> tuple[int, ...]:
        for child in children:
            with contextlib.suppress(UnresponsiveError):
                hanging.ask(f"/proc/{child.pid}/")
        return passed_over()

    try:
        assert watched(look) == tuple(sorted(child.pid for child in children))
        assert hanging.waits == waits
    finally:
        hanging.released.set()
        for child in children:
            child.kill()
            child.wait()
