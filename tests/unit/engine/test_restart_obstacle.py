"""What could not come back although it should is known before anything is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from restartmanager.engine.recipes import with_recipe
from restartmanager.errors import (
    CannotComeBackError,
    NotRestartableError,
    ProcessAccessError,
    ProcessError,
    ProcessGoneError,
    RestartError,
    ShutdownError,
)
from restartmanager.model import Application, AppType, FilterAction, RestartBy, Result, Status
from restartmanager.ports.machine import NoEntries
from restartmanager.testing.machine import SimulatedProcesses
from restartmanager.testing.services import SimulatedServices
from support.simulated import EDITOR, LIBRARY, REGISTERED, VIEWER, Installer, library_world

if TYPE_CHECKING:
    from restartmanager.model import Process, Recipe, RestartRegistration
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.testing.world import World

RISK = "user 65002 can change '/usr/bin'"
WHY = f"it could not come back: {RISK}"


def risky_world() -> tuple[World, UniqueProcess, UniqueProcess]:
    """An editor that somebody else could exchange, and a viewer that nobody could."""
    world = library_world()
    world.risks[EDITOR] = RISK
    editor = world.run(EDITOR, registration=REGISTERED)
    return world, editor, world.run(VIEWER)


def test_the_list_says_it() -> None:
    world, _, _ = risky_world()
    editor, viewer = Installer(world).session().affected().applications
    assert (editor.restart_obstacle, editor.restart_by) == (RISK, RestartBy.NONE)
    assert not editor.restartable
    assert viewer.restart_obstacle == ""


@pytest.mark.parametrize("force", [False, True])
def test_a_shutdown_touches_nothing(force: bool) -> None:
    world, editor, viewer = risky_world()
    session = Installer(world).session()
    for attempt in (session.shutdown, session.preview_shutdown):
        with pytest.raises(CannotComeBackError, match="could not come back: editor") as raised:
            attempt(force=force)
        (failed,) = raised.value.outcomes
        assert (failed.result, failed.message) == (Result.FAILED, WHY)
    assert world.signals(editor) == world.signals(viewer) == []
    session.end()
    assert world.running(EDITOR) == [editor]


def test_who_needs_not_come_back_is_closed_as_ever() -> None:
    world, editor, _ = risky_world()
    world.lives[editor].registration = None
    with Installer(world).session() as session:
        assert session.affected().applications[0].restart_obstacle == ""
        session.shutdown().leave_stopped()
        assert world.running(EDITOR) == []
    world.run(EDITOR)
    with Installer(world).session() as session:
        listed = session.affected(relaunch="all").applications
        assert [app.restart_obstacle for app in listed] == [RISK]
        with pytest.raises(CannotComeBackError):
            session.shutdown(relaunch="all")


def test_partial_leaves_it_open() -> None:
    world, editor, viewer = risky_world()
    with Installer(world).session() as session:
        planned = session.preview_shutdown(partial=True).steps
        assert [(item.step.value, item.message) for item in planned][1] == ("leave", WHY)
        outcomes = session.shutdown(partial=True).outcomes
        assert {o.application.name: (o.result, o.message) for o in outcomes} == {
            "editor": (Result.SKIPPED, WHY),
            "viewer": (Result.DONE, ""),
        }
        assert world.is_running(editor)
        assert not world.is_running(viewer)


def test_leave_closed_closes_it_for_good() -> None:
    world, editor, _ = risky_world()
    with Installer(world).session() as session:
        (planned, _) = session.preview_shutdown(leave_closed=True).steps
        assert (planned.step.value, planned.message) == ("close", f"could not come back: {RISK}")
        with session.shutdown(leave_closed=True) as stopped:
            assert not world.is_running(editor)
        outcomes = {outcome.application.name: outcome for outcome in stopped.restarted}
        assert (outcomes["editor"].result, outcomes["editor"].message) == (Result.SKIPPED, WHY)
    assert world.running(EDITOR) == []


@pytest.mark.parametrize("action", FilterAction)
def test_a_filter_means_that_it_was_asked_for(action: FilterAction) -> None:
    world, editor, _ = risky_world()
    with Installer(world).session() as session:
        session.add_filter(action, executable=EDITOR)
        session.shutdown().leave_stopped()
        assert world.is_running(editor) is (action is FilterAction.NO_SHUTDOWN)


def test_nothing_is_stopped_unless_everything_comes_back() -> None:
    """Whoever wants both gets neither."""
    world, editor, _ = risky_world()
    with Installer(world).session() as session:
        with pytest.raises(ShutdownError):
            session.shutdown(only_registered=True, leave_closed=True, relaunch="all")
        assert world.is_running(editor)


def test_a_refresh_leaves_it_alone() -> None:
    world, editor, _ = risky_world()
    with Installer(world).session() as session:
        world.install(LIBRARY)
        for everything in (False, True):
            (left, _) = session.preview_refresh(everything=everything).steps
            assert (left.step.value, left.message) == ("leave", WHY)
            outcomes = session.refresh(everything=everything)
            messages = {o.application.name: (o.result, o.message) for o in outcomes}
            assert messages["editor"] == (Result.SKIPPED, WHY)
    assert world.is_running(editor)


class Later(dict[str, str]):
    """A risk that is there from the second look on."""

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        looked = self.pop("looked", "")
        self["looked"] = "yes"
        return RISK if looked and key == EDITOR else default


def test_what_comes_up_while_others_are_asked_is_not_closed_either() -> None:
    world, editor, viewer = risky_world()
    world.risks = Later()
    with Installer(world).session() as session:
        with pytest.raises(ShutdownError) as raised:
            session.shutdown()
        by_name = {outcome.application.name: outcome for outcome in raised.value.outcomes}
        assert by_name["editor"].message == f"left open: {WHY}"
        assert by_name["editor"].application.status & Status.RUNNING
        assert world.is_running(editor)
        assert not world.is_running(viewer)
    assert world.running(EDITOR) == [editor]


def test_what_comes_up_while_it_is_closed_keeps_it_closed() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    with Installer(world).session() as session:
        session.shutdown()
        world.risks[EDITOR] = RISK
        with pytest.raises(RestartError, match="was not started: user 65002 can change"):
            session.restart()
        assert world.running(EDITOR) == []
        world.risks.clear()
        (outcome,) = session.restart()
        assert outcome.result is Result.DONE
    assert len(world.running(EDITOR)) == 1


class Unreadable(SimulatedProcesses):
    """Processes for which there is no recipe."""

    error: ProcessError

    def recipe(self, process: Process, registration: RestartRegistration | None) -> Recipe:
        raise self.error


@pytest.mark.parametrize(
    ("error", "obstacle"),
    [
        (NotRestartableError(7, "it runs in a sandbox"), "it runs in a sandbox"),
        (ProcessAccessError(7, "see it"), "there is no permission to see it"),
        (ProcessError("It is odd."), "It is odd"),
        (ProcessGoneError(7), ""),
    ],
)
def test_why_there_is_no_recipe(error: ProcessError, obstacle: str) -> None:
    world = library_world()
    editor = world.run(EDITOR)
    processes = Unreadable(world, editor)
    processes.error = error
    facts = processes.describe(editor)
    for way in (RestartBy.COMMAND, RestartBy.REGISTERED):
        application = Application("editor", AppType.UNKNOWN, facts, restart_by=way)
        found, recipe = with_recipe(application, processes, SimulatedServices(world), NoEntries())
        assert (found.restart_obstacle, recipe) == (obstacle, None)
        assert found.restart_by is (RestartBy.NONE if obstacle else way)
    gone = Application("editor", AppType.UNKNOWN, facts, restart_by=RestartBy.DESKTOP)
    found, _ = with_recipe(gone, processes, SimulatedServices(world), NoEntries())
    assert found.restart_obstacle == "its desktop entry has gone"
