"""Every bit of RM_APP_STATUS, and the combinations in which they come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from restartmanager import rstrtmgr as rm
from restartmanager.testing.services import Unit
from restartmanager.testing.world import Temper
from support.simulated import EDITOR
from unit.rstrtmgr.stage import STUBBORN, Stage, register

Provoke = Callable[[Stage], None]


def running(stage: Stage) -> None:
    stage.editor()


def stopped(stage: Stage) -> None:
    stage.editor()
    assert rm.RmShutdown(stage.handle, 0, None) == rm.ERROR_SUCCESS


def restarted(stage: Stage) -> None:
    stopped(stage)
    assert rm.RmRestart(stage.handle, 0, None) == rm.ERROR_SUCCESS


def gone_before_it_was_asked(stage: Stage) -> None:
    editor = stage.editor()
    code = rm.RmShutdown(stage.handle, 0, lambda _: stage.world.end(editor))
    assert code == rm.ERROR_SUCCESS


def not_stopped(stage: Stage) -> None:
    stage.editor(STUBBORN)
    assert rm.RmShutdown(stage.handle, 0, None) == rm.ERROR_FAIL_SHUTDOWN


def closed_by_its_user_then(stage: Stage) -> None:
    not_stopped(stage)
    stage.world.end(stage.world.running(EDITOR)[0])


def closed_by_its_user_and_brought_back(stage: Stage) -> None:
    closed_by_its_user_then(stage)
    assert rm.RmRestart(stage.handle, 0, None) == rm.ERROR_SUCCESS


def closed_by_its_user_after_a_restart(stage: Stage) -> None:
    not_stopped(stage)
    assert rm.RmRestart(stage.handle, 0, None) == rm.ERROR_SUCCESS
    stage.world.end(stage.world.running(EDITOR)[0])


def killed_after_all(stage: Stage) -> None:
    not_stopped(stage)
    assert rm.RmShutdown(stage.handle, rm.RmForceShutdown, None) == rm.ERROR_SUCCESS


def service_that_its_administrator_stops_then(stage: Stage) -> None:
    unit = Unit("/usr/sbin/daemon", stops_after_s=None)
    stage.services.add("web.service", unit)
    assert register(stage.handle, services=["web"]) == rm.ERROR_SUCCESS
    assert rm.RmShutdown(stage.handle, 0, None) == rm.ERROR_FAIL_SHUTDOWN
    assert unit.process is not None
    stage.world.end(unit.process)


def asked_called_off_and_gone(stage: Stage) -> None:
    editor = stage.editor(STUBBORN)
    stage.world.at(1.0, lambda: rm.RmCancelCurrentTask(stage.handle))
    assert rm.RmShutdown(stage.handle, 0, None) == rm.ERROR_CANCELLED
    stage.world.end(editor)


def not_restarted(stage: Stage) -> None:
    stopped(stage)
    program = stage.world.programs[EDITOR]
    stage.world.programs[EDITOR] = replace(program, temper=Temper(starts=False))
    assert rm.RmRestart(stage.handle, 0, None) == rm.ERROR_FAIL_RESTART


def not_to_be_stopped(stage: Stage) -> None:
    stage.editor()
    assert rm.RmAddFilter(stage.handle, EDITOR, None, None, rm.RmNoShutdown) == rm.ERROR_SUCCESS


def not_to_be_restarted(stage: Stage) -> None:
    stage.editor()
    assert rm.RmAddFilter(stage.handle, EDITOR, None, None, rm.RmNoRestart) == rm.ERROR_SUCCESS


def stopped_and_not_to_be_restarted(stage: Stage) -> None:
    not_to_be_restarted(stage)
    assert rm.RmShutdown(stage.handle, 0, None) == rm.ERROR_SUCCESS
    assert rm.RmRestart(stage.handle, 0, None) == rm.ERROR_SUCCESS


PROVOKED: list[tuple[int, Provoke]] = [
    (0x00, asked_called_off_and_gone),
    (0x01, running),
    (0x02, stopped),
    (0x0B, restarted),
    (0x04, gone_before_it_was_asked),
    (0x11, not_stopped),
    (0x14, closed_by_its_user_then),
    (0x14, closed_by_its_user_after_a_restart),
    (0x14, service_that_its_administrator_stops_then),
    (0x12, killed_after_all),
    (0x22, not_restarted),
    (0x41, not_to_be_stopped),
    (0x81, not_to_be_restarted),
    (0x82, stopped_and_not_to_be_restarted),
]


@pytest.mark.parametrize(
    ("status", "provoke"),
    [pytest.param(*row, id=f"{row[0]:#04x}-{row[1].__name__}") for row in PROVOKED],
)
def test_every_status(stage: Stage, status: int, provoke: Provoke) -> None:
    provoke(stage)
    (app,) = stage.apps()
    assert app.AppStatus == status


def test_no_bit_is_forgotten() -> None:
    seen = rm.RM_APP_STATUS(0)
    for status, _ in PROVOKED:
        seen |= rm.RM_APP_STATUS(status)
    assert set(seen) == set(rm.RM_APP_STATUS)


def test_who_was_closed_by_its_user_comes_back_once(stage: Stage) -> None:
    closed_by_its_user_and_brought_back(stage)
    (app,) = stage.apps()
    assert app.AppStatus == rm.RmStatusRunning | rm.RmStatusStopped | rm.RmStatusRestarted
    assert len(stage.world.running(EDITOR)) == 1


def test_who_starts_it_again_gets_an_entry_of_its_own(stage: Stage) -> None:
    closed_by_its_user_then(stage)
    again = stage.editor()
    apps = {app.Process: app.AppStatus for app in stage.apps()}
    assert apps.pop(rm.RM_UNIQUE_PROCESS.like(again)) == rm.RmStatusRunning
    assert [*apps.values()] == [rm.RmStatusStoppedOther | rm.RmStatusErrorOnStop]
