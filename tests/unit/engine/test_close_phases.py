"""Phases of an application that is being closed: what follows each, and when."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from restartmanager.engine.close_phases import (
    AskedByChannel,
    AskedByWindow,
    Killed,
    Refused,
    Signalled,
    Unasked,
)
from restartmanager.errors import ProcessAccessError, ShutdownError
from restartmanager.model import Result, Signal
from restartmanager.model.limits import TimeLimits
from restartmanager.testing.machine import SimulatedHandle
from restartmanager.testing.world import Program, Temper
from support.simulated import EDITOR, LIBRARY, Installer, library_world

if TYPE_CHECKING:
    from restartmanager.engine.close_phases import Phase
    from restartmanager.testing.world import World

LIMITS = TimeLimits(helpers_s=2, kill_s=5)

SAVED = AskedByChannel(exit_by=30, signal_at=5)
DYING = AskedByChannel(exit_by=30, signal_at=math.inf)


@pytest.mark.parametrize(
    ("phase", "deadline", "gently", "by_force"),
    [
        (SAVED, 5, Signalled(30), Signalled(30)),
        (DYING, 30, None, Signalled(32)),
        (AskedByWindow(30), 30, None, Signalled(32)),
        (Signalled(30), 30, None, Killed(35)),
        (Killed(35), 35, None, None),
        (Refused("no"), -math.inf, None, None),
        (Unasked(), math.inf, None, None),
    ],
    ids=["saved", "dying", "window", "signalled", "killed", "refused", "unasked"],
)
def test_each_phase_says_what_follows_at_its_deadline(
    phase: Phase, deadline: float, gently: Phase | None, by_force: Phase | None
) -> None:
    assert phase.deadline == deadline
    assert phase.following(deadline, LIMITS, force=False) == gently
    assert phase.following(deadline, LIMITS, force=True) == by_force


def test_a_signal_that_is_due_too_late_is_sent_with_force_only() -> None:
    """It has little time to exit, and needed all of it for its answer."""
    phase = AskedByChannel(exit_by=3, signal_at=5)
    assert phase.deadline == 3
    assert phase.following(6, LIMITS, force=False) is None
    assert phase.following(4, LIMITS, force=True) == Signalled(6)
    assert phase.following(6, LIMITS, force=True) == Signalled(3)


# -- on a simulated machine --------------------------------------------------------------------

SLOW = Temper(obeys_after_s=1.0)
DEAF = Temper(obeys_after_s=None)


@pytest.fixture
def world() -> World:
    return library_world()


def test_helpers_that_outlive_their_leader_are_asked_two_seconds_later(world: World) -> None:
    leader = world.run(EDITOR, temper=SLOW)
    helper = world.run(EDITOR, parent=leader)
    before = world.time
    (outcome,) = Installer(world).session().shutdown().outcomes
    assert outcome.result is Result.DONE
    assert world.lives[leader].signals == [(before, Signal.TERMINATE)]
    assert world.lives[helper].signals == [(before + 3, Signal.TERMINATE)]


def test_helpers_that_exit_soon_after_their_leader_get_no_signal(world: World) -> None:
    leader = world.run(EDITOR, temper=SLOW)
    helper = world.run(EDITOR, parent=leader)
    world.at(2.5, lambda: world.end(helper))
    (outcome,) = Installer(world).session().shutdown().outcomes
    assert outcome.result is Result.DONE
    assert world.signals(helper) == []


def test_helpers_that_do_not_obey_are_killed_with_force_only(world: World) -> None:
    leader = world.run(EDITOR, temper=SLOW)
    helper = world.run(EDITOR, parent=leader, temper=DEAF)
    before = world.time
    session = Installer(world).session()
    with pytest.raises(ShutdownError, match=f"process {helper.pid}"):
        session.shutdown()
    assert world.time == before + 30
    assert session.shutdown(force=True).outcomes[0].result is Result.DONE
    assert world.signals(helper)[-1] is Signal.KILL


def test_who_exits_at_the_last_moment_is_not_reported_as_killed(world: World) -> None:
    process = world.run(EDITOR, temper=Temper(obeys_after_s=30.0))
    told: list[str] = []
    session = Installer(world).session()
    (outcome,) = session.shutdown(force=True, on_event=lambda p: told.append(p.message)).outcomes
    assert (outcome.result, outcome.message) == (Result.DONE, "")
    assert not any("killed" in message for message in told)
    assert world.signals(process) == [Signal.TERMINATE]


def test_a_shell_on_a_terminal_hears_that_its_terminal_is_gone(world: World) -> None:
    world.programs["/bin/zsh"] = Program((LIBRARY,), SLOW)
    shell = world.run("/bin/zsh", terminal=True)
    Installer(world).session().shutdown()
    assert world.signals(shell) == [Signal.TERMINATE, Signal.HANG_UP]


def test_what_may_not_be_signalled_is_left_open_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(handle: SimulatedHandle, _: Signal) -> None:
        raise ProcessAccessError(handle.identity.pid, "signal it")

    process = world.run(EDITOR)
    before = world.time
    monkeypatch.setattr(SimulatedHandle, "send", denied)
    with pytest.raises(ShutdownError, match="no permission to signal it"):
        Installer(world).session().shutdown(force=True)
    assert world.is_running(process)
    assert world.time == before
