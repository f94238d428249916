"""Commands that do not stay: they hand over, or make a daemon; or they fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import pytest

from restartmanager import errors
from restartmanager.model import Result
from restartmanager.rules.relaunch import HANDED_OVER
from restartmanager.testing.crashing_store import Crash, CrashingStore
from restartmanager.testing.store import MemoryStore
from restartmanager.testing.world import Program, Temper, World
from support.simulated import EDITOR, LIBRARY, REGISTERED, Installer, library_world

if TYPE_CHECKING:
    from restartmanager.model import Outcome
    from restartmanager.ports.store import Store


def ends(status: int | None = 0, *, daemon: bool = False) -> Temper:
    """A program that exits at once, once it is started again."""
    return Temper(lives_s=0.1, status=status, daemon=daemon)


def restarted(
    world: World, again: Temper, relaunch: Literal["registered", "all"] = "registered"
) -> Outcome:
    """What became of the editor, whose program behaves like that from now on."""
    session = Installer(world).session()
    session.shutdown(relaunch=relaunch)
    world.programs[EDITOR] = Program((LIBRARY,), again)
    world.install(LIBRARY)
    (outcome,) = session.restart()
    return outcome


def test_exit_status_0_of_a_registered_command_is_success() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    outcome = restarted(world, ends())
    assert (outcome.result, outcome.message, outcome.process) == (Result.DONE, HANDED_OVER, None)


@pytest.mark.parametrize("status", [1, -15, None])
def test_any_other_exit_status_is_none_and_so_is_an_unknown_one(status: int | None) -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    with pytest.raises(errors.RestartError, match="exited right after its start"):
        restarted(world, ends(status))


def test_a_command_that_it_was_started_with_was_not_made_for_handing_over() -> None:
    world = library_world()
    world.run(EDITOR)
    with pytest.raises(errors.RestartError, match="with status 0"):
        restarted(world, ends(), relaunch="all")


@pytest.mark.parametrize("status", [0, None])
@pytest.mark.parametrize("relaunch", ["registered", "all"])
def test_a_daemon_is_the_application(
    status: int | None, relaunch: Literal["registered", "all"]
) -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED if relaunch == "registered" else None)
    outcome = restarted(world, ends(status, daemon=True), relaunch)
    assert outcome.result is Result.DONE
    assert [outcome.process] == world.running(EDITOR)


def test_a_failure_is_one_whatever_it_leaves_behind() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    with pytest.raises(errors.RestartError, match="with status 2"):
        restarted(world, ends(2, daemon=True))


def test_a_daemon_is_not_made_again_by_recovery() -> None:
    """At whichever write the installer dies."""
    for write in range(20):
        world = library_world()
        world.programs[EDITOR] = Program((LIBRARY,), ends(daemon=True))
        world.run(EDITOR, registration=REGISTERED, temper=Temper())
        store = MemoryStore()
        installer = Installer(world, cast("Store", CrashingStore(store, at=write, after=True)))
        try:
            with installer.session() as session:
                session.shutdown()
        except Crash:
            world.end(installer.me)
        world.pass_time(world.time + 1)
        Installer(world, store).engine().recover()
        world.pass_time(world.time + 1)
        assert len(world.running(EDITOR)) == 1, write
