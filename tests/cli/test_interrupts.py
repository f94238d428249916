"""What a signal to restartctl means, at whatever moment it comes."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, cast

import pytest

from restartmanager.cli.interrupts import Interrupts
from restartmanager.model.progress import Progress

if TYPE_CHECKING:
    from restartmanager.api.primary import PrimarySession

EVENT = Progress(0)


class Cancelled:
    """A session that notes that it was cancelled."""

    def __init__(self) -> None:
        self.noted = threading.Event()

    def cancel(self) -> None:
        self.noted.set()


@pytest.fixture
def cancelled() -> Cancelled:
    return Cancelled()


def session(cancelled: Cancelled) -> PrimarySession:
    return cast("PrimarySession", cancelled)


def test_a_signal_during_the_operation_cancels_it(cancelled: Cancelled) -> None:
    with Interrupts() as interrupts, interrupts.cancelling(session(cancelled)):
        signal.raise_signal(signal.SIGINT)
        assert cancelled.noted.wait(20)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_counts_also_before_the_operation(
    cancelled: Cancelled, number: signal.Signals
) -> None:
    """It came after the words about the first one, when there was nothing to cancel yet."""
    with Interrupts() as interrupts, interrupts.postponed():
        signal.raise_signal(signal.SIGINT)
        heard = interrupts.count
        signal.raise_signal(number)
        with interrupts.cancelling(session(cancelled), after=heard) as event:
            assert not cancelled.noted.is_set()
            event(EVENT)
    assert cancelled.noted.is_set()


def test_the_first_one_has_had_its_meaning(cancelled: Cancelled) -> None:
    with Interrupts() as interrupts, interrupts.postponed():
        signal.raise_signal(signal.SIGINT)
        with interrupts.cancelling(session(cancelled), after=interrupts.count) as event:
            event(EVENT)
    assert not cancelled.noted.is_set()
