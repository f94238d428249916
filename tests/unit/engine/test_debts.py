"""What was closed is a debt until it is paid: late exits, starts that fail, and two installers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from restartmanager import errors
from restartmanager.model import FilterAction, RestartRegistration, Result
from restartmanager.model.journal import JournalStep, Operation
from restartmanager.model.limits import APPLICATION_S
from restartmanager.testing.store import MemoryStore
from restartmanager.testing.world import Temper
from support.simulated import EDITOR, REGISTERED, VIEWER, Installer, library_world

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restartmanager.api.primary import PrimarySession
    from restartmanager.model.journal import JournalEntry

LATE = Temper(obeys_after_s=APPLICATION_S + 10)
VERY_LATE = Temper(obeys_after_s=5 * APPLICATION_S)
STUBBORN = Temper(obeys_after_s=None)


# -- a program that exits after its time -------------------------------------------------------


def test_who_exits_late_comes_back_at_the_end_of_the_session() -> None:
    world = library_world(editor=LATE)
    editor = world.run(EDITOR, registration=REGISTERED)
    installer = Installer(world)
    with (
        pytest.raises(errors.ShutdownError, match="did not exit within"),
        installer.session() as session,
    ):
        session.shutdown()
    assert not world.is_running(editor)
    assert len(world.running(EDITOR)) == 1
    assert installer.store.sessions() == ()


def test_who_exits_when_the_session_has_ended_is_left_to_recovery() -> None:
    world = library_world(editor=VERY_LATE)
    editor = world.run(EDITOR, registration=REGISTERED)
    installer = Installer(world)
    session = installer.session()
    with pytest.raises(errors.ShutdownError):
        session.shutdown()
    (outcome,) = session.restart()
    assert outcome.result is Result.SKIPPED
    assert outcome.message == "it still runs; should it exit after all, recovery brings it back"
    session.end()
    (left,) = installer.store.sessions()
    assert left.disowned
    assert installer.engine().recover() != ()  # it still runs
    assert world.running(EDITOR) == [editor]
    world.time += 10 * APPLICATION_S
    (back,) = installer.engine().recover()
    assert back.result is Result.DONE
    assert len(world.running(EDITOR)) == 1
    assert installer.store.sessions() == ()
    assert installer.engine().recover() == ()


def test_recovery_does_not_wait_again_and_again() -> None:
    world = library_world(editor=STUBBORN)
    world.run(EDITOR, registration=REGISTERED)
    installer = Installer(world)
    with pytest.raises(errors.ShutdownError), installer.session() as session:
        session.shutdown()
    began = world.time
    for _ in range(3):
        installer.engine().recover()
    assert world.time - began < 1


def test_what_would_stay_closed_is_no_debt() -> None:
    world = library_world(editor=STUBBORN)
    world.run(EDITOR)
    installer = Installer(world)
    with pytest.raises(errors.ShutdownError), installer.session() as session:
        session.shutdown()
    assert installer.store.sessions() == ()


def test_a_session_that_leaves_everything_stopped_leaves_no_debt() -> None:
    world = library_world(editor=STUBBORN)
    world.run(EDITOR, registration=REGISTERED)
    installer = Installer(world)
    session = installer.session()
    with pytest.raises(errors.ShutdownError):
        session.shutdown()
    session.end(leave_stopped=True)
    assert installer.store.sessions() == ()


def test_debts_do_not_count_among_the_sessions() -> None:
    world = library_world(editor=STUBBORN)
    world.run(EDITOR, registration=REGISTERED)
    installer = Installer(world)
    for _ in range(70):
        with pytest.raises(errors.ShutdownError), installer.session() as session:
            session.shutdown()
    assert installer.session().affected().applications


# -- a program that cannot do what it is asked -------------------------------------------------


def test_who_is_suspended_is_not_asked_and_keeps_all_open() -> None:
    world = library_world()
    editor, viewer = world.run(EDITOR, registration=REGISTERED), world.run(VIEWER)
    world.suspended[editor] = "it is stopped"
    installer = Installer(world)
    with (
        pytest.raises(errors.ShutdownError, match="it is stopped"),
        installer.session() as session,
    ):
        session.shutdown()
    assert world.signals(editor) == world.signals(viewer) == []
    assert installer.store.sessions() == ()


def test_who_is_suspended_is_left_alone_or_killed_as_the_caller_wishes() -> None:
    world = library_world(editor=STUBBORN)
    editor, viewer = world.run(EDITOR, registration=REGISTERED), world.run(VIEWER)
    world.suspended[editor] = "it is stopped"
    with Installer(world).session() as session:
        results = [outcome.result for outcome in session.shutdown(partial=True).outcomes]
    assert sorted(results) == [Result.DONE, Result.SKIPPED]
    assert world.is_running(editor)
    assert not world.is_running(viewer)
    with Installer(world).session() as session, session.shutdown(force=True) as stopped:
        (outcome,) = stopped.outcomes
    assert "overridden: it is stopped" in outcome.message
    assert len(world.running(EDITOR)) == 1


# -- a program that cannot be started just now -------------------------------------------------


def test_what_stands_in_the_way_of_a_start_may_pass() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    installer = Installer(world)
    with installer.session() as session:
        stopped = session.shutdown()
        world.busy_until[EDITOR] = world.time + 5
        with stopped:
            pass
    assert len(world.running(EDITOR)) == 1


def test_what_could_not_be_started_is_left_to_recovery() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    installer = Installer(world)
    session = installer.session()
    session.shutdown()
    world.busy_until[EDITOR] = world.time + 500
    with pytest.raises(errors.RestartError, match="was not started"):
        session.restart()
    session.end()
    assert world.running(EDITOR) == []
    (left,) = installer.store.sessions()
    (entry,) = installer.store.journal(left.key)
    assert entry.step is JournalStep.START_FAILED
    world.time += 1000
    (back,) = installer.engine().recover()
    assert back.result is Result.DONE
    assert len(world.running(EDITOR)) == 1
    assert installer.store.sessions() == ()


# -- a memory that is lost -----------------------------------------------------------------------


class FailingStore(MemoryStore):
    """A memory that takes nothing more, once it is ``full``."""

    full = False

    def write_entries(self, key: str, entries: Iterable[JournalEntry]) -> None:
        if self.full:
            raise errors.StoreFullError("/memory")
        super().write_entries(key, entries)

    def journal(self, key: str) -> tuple[JournalEntry, ...]:
        if self.full:
            raise errors.StoreFullError("/memory")
        return super().journal(key)


def test_what_is_closed_comes_back_though_the_disk_is_full() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    store = FailingStore()
    with Installer(world, store).session() as session:
        with session.shutdown() as stopped:
            store.full = True
        (outcome,) = stopped.restarted
        store.full = False
    assert outcome.result is Result.DONE
    assert len(world.running(EDITOR)) == 1
    assert store.sessions() == ()


def test_nothing_is_closed_that_cannot_be_written_down() -> None:
    world = library_world()
    editor = world.run(EDITOR, registration=REGISTERED)
    store = FailingStore()
    session = Installer(world, store).session()
    session.affected()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "write_entries", _full)
        with pytest.raises(errors.StoreFullError):
            session.shutdown()
    assert world.signals(editor) == []
    session.end()


def _full(*_: object) -> None:
    raise errors.StoreFullError("/memory")


def test_what_is_closed_comes_back_though_the_memory_is_deleted() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    installer = Installer(world)
    session = installer.session()
    session.shutdown()
    installer.store.delete_session(session.key)
    (outcome,) = session.restart()
    assert outcome.result is Result.DONE
    assert len(world.running(EDITOR)) == 1


# -- two installers ----------------------------------------------------------------------------


def two_installers() -> tuple[Installer, Installer]:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    store = MemoryStore()
    return Installer(world, store), Installer(world, store)


def test_what_two_have_closed_comes_back_once_when_the_last_is_through() -> None:
    one, two = two_installers()
    first, second = one.session(), two.session()
    first.shutdown()
    copy_of_the_debt(one, first, second)
    (outcome,) = first.restart()
    assert outcome.result is Result.SKIPPED
    assert "other installer" in outcome.message
    first.end()
    assert one.world.running(EDITOR) == []
    (outcome,) = second.restart()
    assert outcome.result is Result.DONE
    second.end()
    assert len(one.world.running(EDITOR)) == 1


def test_the_debt_of_a_dead_installer_is_not_waited_for() -> None:
    one, two = two_installers()
    first, second = one.session(), two.session()
    first.shutdown()
    copy_of_the_debt(one, first, second)
    one.world.end(two.me)
    (outcome,) = first.restart()
    assert outcome.result is Result.DONE
    first.end()
    assert one.engine().recover() == ()
    assert len(one.world.running(EDITOR)) == 1


def test_two_debts_of_dead_installers_are_paid_once() -> None:
    one, two = two_installers()
    first, second = one.session(), two.session()
    first.shutdown()
    copy_of_the_debt(one, first, second)
    one.world.end(one.me)
    one.world.end(two.me)
    third = Installer(one.world, one.store)
    results = [outcome.result for outcome in third.engine().recover()]
    assert results.count(Result.DONE) == 1
    assert len(one.world.running(EDITOR)) == 1
    assert one.store.sessions() == ()


def test_what_runs_again_already_is_not_handed_over() -> None:
    """It was started by a try that was cut short, while the other installer still owes it."""
    one, two = two_installers()
    first, second = one.session(), two.session()
    first.shutdown()
    (entry,) = one.store.journal(first.key)
    back = one.world.run(EDITOR, registration=REGISTERED)
    main = entry.application.main_process
    assert main is not None
    one.world.lives[back].replaces = main.identity
    started = replace(entry, step=JournalStep.START_RELEASED, started_as=back)
    copy_of_the_debt(one, first, second)
    one.store.write_entries(first.key, [started])
    for session in (first, second):
        (outcome,) = session.restart()
        assert (outcome.result, outcome.process) == (Result.DONE, back)
        session.end()
    assert one.world.running(EDITOR) == [back]


def copy_of_the_debt(installer: Installer, first: PrimarySession, second: PrimarySession) -> None:
    """Both asked at the same time: the second has seen the same process exit."""
    store = installer.store
    (entry,) = store.journal(first.key)
    store.begin(second.key, Operation.SHUTDOWN, installer.me)
    store.finish(second.key, installer.me)
    store.write_entries(second.key, [replace(entry, sequence=7)])


def test_what_another_has_closed_again_is_the_other_ones_debt() -> None:
    """Recovery, and the look after the start, leave it to that one."""
    one, two = two_installers()
    first, second = one.session(), two.session()
    first.shutdown()
    (entry,) = one.store.journal(first.key)
    (back,) = first.restart()
    assert back.process is not None
    second.shutdown(relaunch="all")
    released = replace(entry, step=JournalStep.START_RELEASED, started_as=back.process)
    one.store.write_entries(first.key, [released])
    one.world.end(one.me)
    (outcome,) = Installer(one.world, one.store).engine().recover()
    assert outcome.message == "another installer has closed it again, and brings it back"
    assert one.world.running(EDITOR) == []
    second.end()
    assert len(one.world.running(EDITOR)) == 1


def test_what_another_has_closed_again_and_brought_back_runs() -> None:
    one, two = two_installers()
    first, second = one.session(), two.session()
    first.shutdown()
    (entry,) = one.store.journal(first.key)
    (back,) = first.restart()
    second.shutdown(relaunch="all")
    second.end()
    released = replace(entry, step=JournalStep.START_RELEASED, started_as=back.process)
    one.store.write_entries(first.key, [released])
    one.world.end(one.me)
    Installer(one.world, one.store).engine().recover()
    assert len(one.world.running(EDITOR)) == 1


# -- in the middle of somebody else's change -------------------------------------------------------


def amid_change(filtered: bool = False) -> tuple[PrimarySession, PrimarySession, Installer]:
    """A session that has closed the editor, one that has closed the viewer meanwhile, for the same
    library, and the installer of the second one."""
    one, two = two_installers()
    first = one.session()
    first.shutdown()
    one.world.run(VIEWER, registration=RestartRegistration((VIEWER,)))
    second = two.session()
    if filtered:
        second.add_filter(FilterAction.NO_SHUTDOWN, executable=EDITOR)
    second.shutdown()
    return first, second, two


def test_nothing_comes_back_in_the_middle_of_the_change_of_another() -> None:
    first, second, two = amid_change()
    (outcome,) = first.restart()
    assert outcome.result is Result.SKIPPED
    assert "is through" in outcome.message
    first.end()
    (left,) = [record for record in two.store.sessions() if record.disowned]
    assert two.store.journal(left.key)[0].step is JournalStep.HELD_BACK
    assert two.world.running(EDITOR) == []
    second.restart()
    assert two.world.running(EDITOR) == []
    second.end()
    assert len(two.world.running(EDITOR)) == 1
    assert two.store.sessions() == ()


def test_two_that_wait_for_each_other_do_not_wait_for_ever() -> None:
    first, second, two = amid_change()
    first.restart()
    second.restart()
    assert len(two.world.running(VIEWER)) == 1
    first.end()
    second.end()
    assert len(two.world.running(EDITOR)) == 1
    assert two.store.sessions() == ()


@pytest.mark.parametrize("why", ["a filter", "the end", "another file"])
def test_a_session_that_would_not_have_closed_it_is_not_waited_for(why: str) -> None:
    first, second, two = amid_change(filtered=why == "a filter")
    if why == "the end":
        second.end()
    if why == "another file":
        (record,) = [r for r in two.store.sessions() if r.key == second.key]
        (entry,) = two.store.journal(second.key)
        two.store.delete_session(second.key)
        two.store.create_session(replace(record, members=()), limit=9)
        two.store.begin(record.key, Operation.SHUTDOWN, two.me)
        two.store.finish(record.key, two.me)
        two.store.write_entries(record.key, [entry])
    (outcome,) = first.restart()
    assert outcome.result is Result.DONE


def test_who_waits_for_a_dead_installer_is_recovered() -> None:
    first, _, two = amid_change()
    first.end()
    two.world.end(two.me)
    third = Installer(two.world, two.store)
    third.engine().recover()
    third.engine().recover()
    assert len(two.world.running(EDITOR)) == len(two.world.running(VIEWER)) == 1
