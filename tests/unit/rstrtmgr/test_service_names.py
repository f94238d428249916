"""Names of services go round trip: what RmGetList tells finds the same service again."""

from __future__ import annotations

import itertools

import pytest

from restartmanager import rstrtmgr as rm
from restartmanager.rstrtmgr import service_names
from restartmanager.testing.services import Unit
from restartmanager.testing.world import Program
from support.simulated import LIBRARY
from unit.rstrtmgr.stage import Stage, register

DAEMON = "/usr/sbin/daemon"
LONG = "a-service-with-a-name-that-tells-all-about-it-and-about-its-purpose-too"


@pytest.fixture(autouse=True)
def _as_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_names, "_cut", {})


def add(stage: Stage, *names: str) -> None:
    """Services that use nothing."""
    for name in names:
        stage.services.add(name, Unit(DAEMON))


def short_names(handle: int) -> list[str]:
    code, _, _, infos, _ = rm.RmGetList(handle, 100)
    assert code == rm.ERROR_SUCCESS
    return [info.strServiceShortName for info in infos]


def fresh() -> int:
    """The handle of another session."""
    code, handle, _ = rm.RmStartSession(0)
    assert code == rm.ERROR_SUCCESS
    return handle


@pytest.mark.parametrize("name", ["web", "web.service"])
def test_a_registered_service_is_listed_as_it_was_called(stage: Stage, name: str) -> None:
    add(stage, "web.service")
    assert register(stage.handle, services=[name]) == rm.ERROR_SUCCESS
    assert short_names(stage.handle) == [name]


@pytest.mark.parametrize("name", ["web", "web.service"])
def test_a_filter_is_listed_as_its_service_was_called(stage: Stage, name: str) -> None:
    add(stage, "web.service")
    code = rm.RmAddFilter(stage.handle, None, None, name, rm.RmNoShutdown)
    assert code == rm.ERROR_SUCCESS
    needed = 32 + 2 * (len(name) + 1)
    assert rm.RmGetFilterList(stage.handle, needed - 1)[:2] == (rm.ERROR_MORE_DATA, needed)
    code, size, (found,) = rm.RmGetFilterList(stage.handle, needed)
    assert (code, size, found.strServiceShortName) == (rm.ERROR_SUCCESS, needed, name)
    assert rm.RmRemoveFilter(stage.handle, None, None, found.strServiceShortName) == 0
    assert rm.RmGetFilterList(stage.handle, 0) == (rm.ERROR_SUCCESS, 0, [])


def test_a_service_that_nobody_named_has_its_full_name(stage: Stage) -> None:
    stage.world.programs[DAEMON] = Program((LIBRARY,))
    add(stage, "web.service")
    assert short_names(stage.handle) == ["web.service"]


@pytest.mark.parametrize("ending", ["", ".service"])
def test_what_the_list_tells_finds_the_service_again(stage: Stage, ending: str) -> None:
    full = LONG + ending
    add(stage, full)
    assert register(stage.handle, services=[full]) == rm.ERROR_SUCCESS
    (short,) = short_names(stage.handle)
    assert short == full[: rm.CCH_RM_MAX_SVC_NAME]
    again = fresh()
    assert register(again, services=[short]) == rm.ERROR_SUCCESS
    assert short_names(again) == [short]
    code = rm.RmAddFilter(again, None, None, short, rm.RmNoShutdown)
    assert code == rm.ERROR_SUCCESS
    (info,) = rm.RmGetList(again, 100)[3]
    assert info.AppStatus == rm.RmStatusRunning | rm.RmStatusShutdownMasked
    assert rm.RmRemoveFilter(again, None, None, short) == rm.ERROR_SUCCESS


def test_a_name_that_could_be_several_is_refused(stage: Stage) -> None:
    """Rather none than the wrong one."""
    twins = [f"{LONG}-{number}.service" for number in (1, 2)]
    add(stage, *twins)
    assert register(stage.handle, services=twins) == rm.ERROR_SUCCESS
    (short,) = set(short_names(stage.handle))
    again = fresh()
    assert register(again, services=[short]) == rm.ERROR_BAD_ARGUMENTS
    for call in (
        rm.RmAddFilter(again, None, None, short, rm.RmNoShutdown),
        rm.RmRemoveFilter(again, None, None, short),
    ):
        assert call == rm.ERROR_BAD_ARGUMENTS
    assert register(again, services=twins[:1]) == rm.ERROR_SUCCESS


def test_sessions_do_not_share_what_they_call_a_service(stage: Stage) -> None:
    add(stage, "web.service")
    for handle, name in itertools.product([stage.handle, fresh()], ["web", "web.service"]):
        assert register(handle, services=[name]) == rm.ERROR_SUCCESS
        assert short_names(handle) == [name]
