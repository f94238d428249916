"""Progress only ever grows, and nothing a callback does can hurt."""

import os
import select
import threading

import pytest

from restartmanager.model.progress import CancelToken, Progress, Reporter


def test_percentages_strictly_increase_within_bounds() -> None:
    seen: list[int] = []
    reporter = Reporter(seen.append)
    for percent in (0, 0, 30, 20, 30, 31, 250, -5, 100):
        reporter.report(Progress(percent))
    assert seen == [0, 30, 31, 100]


def test_every_event_is_passed_on() -> None:
    seen: list[Progress] = []
    reporter = Reporter(on_event=seen.append)
    reporter.report(Progress(5))
    reporter.report(Progress(5))
    assert [event.percent for event in seen] == [5, 5]


def test_a_failing_callback_is_contained(caplog: pytest.LogCaptureFixture) -> None:
    def fails(percent: int) -> None:
        raise ZeroDivisionError

    Reporter(fails).report(Progress(1))
    assert "progress callback failed" in caplog.text


def test_cancel_wakes_who_waits_on_it() -> None:
    with CancelToken() as token:
        assert not token.cancelled
        thread = threading.Thread(target=token.cancel)
        thread.start()
        assert select.select([token], [], [], 10)[0] == [token]
        thread.join()
        assert token.cancelled


def test_who_is_woken_by_cancel_finds_it_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would take the early end of its wait for the end of its time."""
    write, found = os.write, []

    def writing(descriptor: int, data: bytes) -> int:
        found.append(token.cancelled)
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", writing)
    with CancelToken() as token:
        token.cancel()
        token.cancel()
    assert found == [True]


def test_cancel_may_be_called_often_and_late() -> None:
    token = CancelToken()
    before = len(os.listdir("/proc/self/fd"))
    token.cancel()
    token.cancel()
    token.close()
    token.close()
    token.cancel()
    assert token.cancelled
    assert len(os.listdir("/proc/self/fd")) == before - 2
