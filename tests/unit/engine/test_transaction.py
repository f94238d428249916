"""The transaction from register to end, on a simulated machine."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from restartmanager import errors
from restartmanager.api.secondary import JoinedSession
from restartmanager.model import (
    FilterAction,
    How,
    RebootReason,
    RestartBy,
    RestartFlags,
    RestartRegistration,
    Result,
    Signal,
    Status,
)
from restartmanager.model.identity import UniqueProcess, boot_id
from restartmanager.model.journal import SessionRecord
from restartmanager.testing.machine import SimulatedScanner
from restartmanager.testing.services import SimulatedServices, Unit
from restartmanager.testing.world import Program, Temper, World
from support.simulated import EDITOR, LIBRARY, REGISTERED, VIEWER, Installer, library_world

if TYPE_CHECKING:
    from collections.abc import Callable

    from restartmanager.model import Resources, Sighting

STUBBORN = Temper(obeys_after_s=None)


# -- the list ----------------------------------------------------------------------------------


def test_lists_who_uses_a_registered_file_and_nobody_else() -> None:
    world = library_world()
    editor = world.run(EDITOR)
    world.run("/usr/bin/other")
    (application,) = Installer(world).session().affected().applications
    assert application.main_process is not None
    assert application.main_process.identity == editor
    assert application.name == "editor"
    assert application.status is Status.RUNNING
    assert [item.path for item in application.evidence] == [LIBRARY]


def test_the_list_is_computed_anew_by_every_call() -> None:
    world = library_world()
    session = Installer(world).session()
    assert session.affected().applications == ()
    world.run(EDITOR)
    assert len(session.affected().applications) == 1


def test_a_user_of_the_replaced_file_is_still_found() -> None:
    world = library_world()
    world.run(EDITOR)
    session = Installer(world).session()
    world.install(LIBRARY)
    (application,) = session.affected().applications
    assert application.evidence[0].stale


def test_an_empty_session_has_an_empty_list() -> None:
    engine = Installer(library_world()).engine()
    assert engine.affected(engine.start().key, relaunch_all=False).applications == ()


def test_a_service_that_nobody_can_be_asked_about_is_said_so() -> None:
    session = Installer(library_world()).session()
    session.register(services=["nginx"], allow_missing=True)
    (unexplained,) = session.affected().unexplained
    assert unexplained.path == "nginx"
    assert "no service manager" in unexplained.reason


# -- shutdown and restart ----------------------------------------------------------------------


def test_what_registered_comes_back_under_a_new_process() -> None:
    world = library_world()
    old = world.run(EDITOR, registration=REGISTERED)
    with Installer(world).session() as session:
        with session.shutdown() as stopped:
            assert not world.is_running(old)
            world.install(LIBRARY)
        (outcome,) = stopped.restarted
        assert outcome.result is Result.DONE
        (application,) = session.affected().applications
        assert application.status == Status.RUNNING | Status.STOPPED | Status.RESTARTED
        assert application.main_process is not None
        assert application.main_process.identity == outcome.process != old
        assert application.main_process.arguments == REGISTERED.command
        assert not application.evidence[0].stale


def test_what_did_not_register_stays_closed() -> None:
    world = library_world()
    world.run(EDITOR)
    with Installer(world).session() as session:
        with session.shutdown() as stopped:
            pass
        (outcome,) = stopped.restarted
        assert outcome.result is Result.SKIPPED
        assert "did not register" in outcome.message
        assert world.running(EDITOR) == []


def test_relaunch_all_brings_it_back_by_its_own_command() -> None:
    world = library_world()
    world.run(EDITOR, "report.txt")
    with Installer(world).session() as session, session.shutdown(relaunch="all"):
        assert world.running(EDITOR) == []
    (editor,) = world.running(EDITOR)
    assert world.lives[editor].facts.arguments == (EDITOR, "report.txt")


def test_relaunch_all_leaves_programs_on_a_terminal_to_their_user() -> None:
    world = library_world()
    world.run(EDITOR, terminal=True)
    with Installer(world).session() as session, session.shutdown(relaunch="all") as stopped:
        pass
    assert world.running(EDITOR) == []
    assert "terminal" in stopped.restarted[0].message


def test_no_patch_means_not_after_an_update() -> None:
    world = library_world()
    registration = RestartRegistration((EDITOR,), RestartFlags.NO_PATCH)
    world.run(EDITOR, registration=registration)
    session = Installer(world).session()
    assert session.affected().applications[0].restart_by is RestartBy.NONE


def test_everything_comes_back_after_an_exception_too() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    with (
        pytest.raises(ZeroDivisionError),
        Installer(world).session() as session,
        session.shutdown(),
    ):
        raise ZeroDivisionError
    assert len(world.running(EDITOR)) == 1


def test_leave_stopped_is_obeyed() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    with Installer(world).session() as session, session.shutdown() as stopped:
        stopped.leave_stopped()
    assert world.running(EDITOR) == []


def test_ending_brings_back_what_is_owed_unless_told_otherwise() -> None:
    for leave, count in ((False, 1), (True, 0)):
        world = library_world()
        world.run(EDITOR, registration=REGISTERED)
        session = Installer(world).session()
        session.shutdown()
        session.end(leave_stopped=leave)
        assert len(world.running(EDITOR)) == count


def test_last_stopped_comes_back_first() -> None:
    world = library_world()
    for path in (EDITOR, VIEWER):
        world.run(path, registration=RestartRegistration((path,)), terminal=path == EDITOR)
    with Installer(world).session() as session:
        stopped = session.shutdown()
        restarted = session.restart()
        assert [o.application.name for o in restarted] == [
            o.application.name for o in reversed(stopped.outcomes)
        ]


def test_restart_before_shutdown_is_out_of_sequence() -> None:
    with pytest.raises(errors.OutOfSequenceError):
        Installer(library_world()).session().restart()


def test_an_empty_shutdown_succeeds_and_unlocks_restart() -> None:
    session = Installer(library_world()).session()
    assert session.shutdown().outcomes == ()
    assert session.restart() == ()


def test_what_cannot_be_started_is_an_outcome_with_a_reason() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    session = Installer(world).session()
    session.shutdown()
    world.programs[EDITOR] = Program((LIBRARY,), Temper(starts=False))
    with pytest.raises(errors.RestartError, match="cannot be run") as caught:
        session.restart()
    assert caught.value.outcomes[0].failed
    assert session.affected().applications[0].status & Status.ERROR_ON_RESTART


def test_a_failed_restart_may_be_tried_again() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    session = Installer(world).session()
    session.shutdown()
    world.programs[EDITOR] = Program((LIBRARY,), Temper(starts=False))
    with pytest.raises(errors.RestartError):
        session.restart()
    world.programs[EDITOR] = Program((LIBRARY,))
    assert session.restart()[0].result is Result.DONE
    status = session.affected().applications[0].status
    assert status == Status.RUNNING | Status.STOPPED | Status.RESTARTED


def test_what_exits_right_after_its_start_did_not_come_back() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    session = Installer(world).session()
    session.shutdown()
    world.programs[EDITOR] = Program((LIBRARY,), Temper(lives_s=0.1))
    with pytest.raises(errors.RestartError, match="right after its start"):
        session.restart()


def test_what_comes_back_on_the_old_file_is_reported() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    session = Installer(world).session()
    old = world.files[LIBRARY]
    session.shutdown()
    world.install(LIBRARY)
    world.files["/opt/old.so"] = old
    world.programs[EDITOR] = Program(("/opt/old.so",))
    with pytest.raises(errors.RestartError, match="still uses the old files"):
        session.restart()


@pytest.mark.parametrize("boot", ["0" * 32, boot_id()], ids=["an earlier boot", "this boot"])
def test_nobody_uses_old_files_of_an_earlier_boot(boot: str) -> None:
    """A file system may have the number by then that another one had when files were registered."""
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    installer = Installer(world)
    session = installer.session()
    session.shutdown()
    (entry,) = installer.store.journal(session.key)
    resources = installer.store.resources(session.key)
    session.end(leave_stopped=True)
    record = SessionRecord("a key", 1.0, boot, owner=UniqueProcess(4, 5, boot))
    installer.store.create_session(record, limit=9)
    installer.store.add_resources(record.key, resources)
    installer.store.write_entries(record.key, [entry])
    world.files["/opt/other.so"] = world.files[LIBRARY]
    world.install(LIBRARY)
    world.programs[EDITOR] = Program(("/opt/other.so",))
    (outcome,) = installer.engine().recover()
    assert outcome.failed == (boot == boot_id())


def test_a_second_shutdown_of_what_came_back_is_one_entry() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    with Installer(world).session() as session:
        for _ in range(2):
            session.shutdown()
            for life in world.lives.values():
                life.registration = REGISTERED
            session.restart()
            for identity in world.running(EDITOR):
                world.lives[identity].registration = REGISTERED
        (application,) = session.affected().applications
        assert application.status & Status.RESTARTED
    assert len(world.running(EDITOR)) == 1


# -- what does not obey ------------------------------------------------------------------------


def test_what_ignores_the_request_survives_without_force() -> None:
    world = library_world(editor=STUBBORN)
    editor = world.run(EDITOR)
    session = Installer(world).session()
    before = world.time
    with pytest.raises(errors.ShutdownError, match="did not exit within 30 seconds"):
        session.shutdown()
    assert world.is_running(editor)
    assert world.signals(editor) == [Signal.TERMINATE]
    assert world.time == before + 30
    status = session.affected().applications[0].status
    assert status == Status.RUNNING | Status.ERROR_ON_STOP


def test_force_kills_but_asks_first() -> None:
    world = library_world(editor=STUBBORN)
    editor = world.run(EDITOR)
    outcomes = Installer(world).session().shutdown(force=True).outcomes
    assert world.signals(editor) == [Signal.TERMINATE, Signal.KILL]
    assert "killed" in outcomes[0].message


def test_what_obeys_late_is_waited_for() -> None:
    world = library_world(editor=Temper(obeys_after_s=29.0))
    world.run(EDITOR)
    assert Installer(world).session().shutdown().outcomes[0].result is Result.DONE


def test_applications_of_a_kind_are_closed_side_by_side() -> None:
    world = library_world(editor=Temper(obeys_after_s=20.0), viewer=Temper(obeys_after_s=20.0))
    for path in (EDITOR, VIEWER, EDITOR):
        world.run(path)
    before = world.time
    Installer(world).session().shutdown()
    assert world.time == before + 20


def test_a_partial_failure_can_still_be_restarted() -> None:
    world = library_world(viewer=STUBBORN)
    world.run(EDITOR, registration=REGISTERED)
    world.run(VIEWER)
    with Installer(world).session() as session:
        with pytest.raises(errors.ShutdownError) as caught:
            session.shutdown()
        assert sorted(o.result for o in caught.value.outcomes) == [Result.DONE, Result.FAILED]
        session.restart()
    assert len(world.running(EDITOR)) == 1


def test_what_has_gone_by_itself_was_stopped_by_somebody_else() -> None:
    world = library_world()
    installer = Installer(world)
    editor = world.run(EDITOR, registration=REGISTERED)
    session = installer.session()
    session._engine.inspector.scanner = Vanishing(world, lambda: world.end(editor))
    (outcome,) = session.shutdown().outcomes
    assert outcome.application.status == Status.STOPPED_OTHER
    assert session.restart() == ()
    assert world.running(EDITOR) == []


class Vanishing(SimulatedScanner):
    """A scanner whose findings are out of date the moment they are reported."""

    def __init__(self, world: World, happens: Callable[[], object]) -> None:
        super().__init__(world)
        self._happens = happens

    def find_holders(self, resources: Resources) -> Sighting:
        sighting = super().find_holders(resources)
        self._happens()
        return sighting


# -- what must not be stopped ------------------------------------------------------------------


def test_a_reboot_reason_means_that_nothing_is_touched() -> None:
    world = library_world()
    installer = Installer(world)
    editor = world.run(EDITOR)
    session = installer.session()
    session.register(processes=[installer.me])
    affected = session.affected()
    assert affected.reboot_reasons == RebootReason.DETECTED_SELF
    with pytest.raises(errors.RebootNeededError, match="installer"):
        session.shutdown()
    assert world.signals(editor) == []


@pytest.mark.parametrize("who", ["shell", "me"])
def test_the_caller_and_its_ancestors_are_self(who: str) -> None:
    world = library_world()
    installer = Installer(world)
    session = installer.session()
    session.register(processes=[getattr(installer, who)])
    assert session.affected().reboot_reasons == RebootReason.DETECTED_SELF


def test_other_installers_of_the_session_are_self() -> None:
    world = library_world()
    installer = Installer(world)
    session = installer.session()
    secondary = world.run(EDITOR)
    engine = installer.engine(secondary)
    joined = JoinedSession(engine, engine.join(session.key).key)
    assert session.affected().reboot_reasons == RebootReason.DETECTED_SELF
    joined.end()
    assert session.affected().reboot_reasons == RebootReason.NONE


def test_another_users_process_is_a_reason() -> None:
    world = library_world()
    world.uid = 1000
    world.run(EDITOR, uid=1001)
    session = Installer(world).session()
    (application,) = session.affected().applications
    assert application.reboot_reasons == RebootReason.PERMISSION_DENIED
    assert "1001" in application.reason


def test_partial_closes_what_can_be_closed_and_reports_the_rest() -> None:
    world = library_world()
    installer = Installer(world)
    editor = world.run(EDITOR)
    session = installer.session()
    session.register(processes=[installer.me])
    outcomes = session.shutdown(partial=True).outcomes
    assert not world.is_running(editor)
    assert {o.application.name: o.result for o in outcomes} == {
        "editor": Result.DONE,
        "installer": Result.SKIPPED,
    }


def test_only_registered_is_all_or_nothing() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    world.run(VIEWER)
    session = Installer(world).session()
    with pytest.raises(errors.ShutdownError, match="would not come back"):
        session.shutdown(only_registered=True)
    assert len(world.running(EDITOR)) == len(world.running(VIEWER)) == 1
    world.end(world.running(VIEWER)[0])
    assert session.shutdown(only_registered=True).outcomes[0].result is Result.DONE


def test_a_reused_pid_is_never_signalled() -> None:
    world = library_world()
    installer = Installer(world)
    session = installer.session()
    victim = world.run("/usr/bin/innocent")
    forged = UniqueProcess(victim.pid, victim.start_ticks - 1, victim.boot_id)
    session.register(processes=[forged])
    assert session.affected().applications == ()
    session.shutdown(force=True)
    assert world.signals(victim) == []


def test_a_pid_reused_between_list_and_signal_is_left_alone() -> None:
    world = library_world(editor=Temper(obeys_after_s=1.0))
    world.run(EDITOR)
    second = world.run(VIEWER, terminal=True)
    innocents: list[UniqueProcess] = []

    def swap() -> None:
        world.end(world.running(EDITOR)[0], reuse_pid=True)
        innocents.append(world.run("/usr/bin/innocent"))

    world.lives[second].program = Program((LIBRARY,), Temper(obeys_after_s=5.0))
    world.at(0.5, swap)
    Installer(world).session().shutdown()
    assert world.signals(innocents[0]) == []


# -- filters -----------------------------------------------------------------------------------


def test_no_shutdown_leaves_it_alive_and_shows_the_mask() -> None:
    world = library_world()
    editor = world.run(EDITOR, registration=REGISTERED)
    session = Installer(world).session()
    session.add_filter(FilterAction.NO_SHUTDOWN, executable=EDITOR)
    assert session.shutdown().outcomes[0].result is Result.SKIPPED
    assert world.is_running(editor)
    assert session.affected().applications[0].status == Status.RUNNING | Status.SHUTDOWN_MASKED


def test_no_restart_stops_it_and_leaves_it_closed() -> None:
    world = library_world()
    editor = world.run(EDITOR, registration=REGISTERED)
    session = Installer(world).session()
    session.add_filter(FilterAction.NO_RESTART, process=editor)
    session.shutdown()
    assert session.restart()[0].result is Result.SKIPPED
    assert world.running(EDITOR) == []
    assert session.affected().applications[0].status == Status.STOPPED | Status.RESTART_MASKED


def test_a_later_filter_on_the_same_target_takes_its_place() -> None:
    session = Installer(library_world()).session()
    session.add_filter(FilterAction.NO_SHUTDOWN, service="nginx")
    session.add_filter(FilterAction.NO_RESTART, service="nginx")
    assert [item.action for item in session.filters()] == [FilterAction.NO_RESTART]
    session.remove_filter(service="nginx")
    with pytest.raises(errors.FilterNotFoundError):
        session.remove_filter(service="nginx")


def test_a_filtered_self_does_not_stand_in_the_way() -> None:
    world = library_world()
    installer = Installer(world)
    session = installer.session()
    session.register(processes=[installer.me])
    session.add_filter(FilterAction.NO_SHUTDOWN, process=installer.me)
    assert session.affected().reboot_reasons == RebootReason.NONE
    assert session.shutdown().outcomes[0].result is Result.SKIPPED


def test_a_filter_has_exactly_one_target() -> None:
    session = Installer(library_world()).session()
    with pytest.raises(errors.UsageError):
        session.add_filter(FilterAction.NO_RESTART)
    with pytest.raises(errors.UsageError):
        session.add_filter(FilterAction.NO_RESTART, executable=EDITOR, service="x")


# -- cancel and progress -----------------------------------------------------------------------


def test_cancel_leaves_alone_what_was_not_yet_stopped() -> None:
    world = library_world(editor=STUBBORN)
    editor = world.run(EDITOR, terminal=True)
    session = Installer(world).session()
    world.at(3.0, session.cancel)
    with pytest.raises(errors.OperationCancelledError):
        session.shutdown(force=True)
    assert world.is_running(editor)
    assert world.signals(editor) == [Signal.TERMINATE]


def test_what_obeys_only_after_the_cancelling_is_brought_back_too() -> None:
    world = library_world(editor=Temper(obeys_after_s=10.0))
    world.run(EDITOR, registration=REGISTERED)
    session = Installer(world).session()
    world.at(3.0, session.cancel)
    with pytest.raises(errors.OperationCancelledError):
        session.shutdown()
    assert session.restart()[0].result is Result.DONE
    assert len(world.running(EDITOR)) == 1


def test_cancel_from_the_first_progress_report_touches_nothing() -> None:
    world = library_world()
    editor = world.run(EDITOR)
    session = Installer(world).session()
    with pytest.raises(errors.OperationCancelledError):
        session.shutdown(on_progress=lambda _: session.cancel())
    assert world.signals(editor) == []


def test_cancel_with_nothing_running_does_nothing() -> None:
    Installer(library_world()).session().cancel()


def test_progress_strictly_increases_to_100() -> None:
    world = library_world()
    for path in (EDITOR, VIEWER, EDITOR):
        world.run(path, registration=RestartRegistration((path,)))
    session = Installer(world).session()
    for operation in (session.shutdown, session.restart):
        seen: list[int] = []
        operation(on_progress=seen.append)
        assert seen[0] == 0
        assert seen[-1] == 100
        assert seen == sorted(set(seen))


def test_a_failing_progress_callback_harms_nobody() -> None:
    world = library_world()
    editor = world.run(EDITOR)

    def fails(percent: int) -> None:
        raise ZeroDivisionError

    Installer(world).session().shutdown(on_progress=fails)
    assert not world.is_running(editor)


def test_a_second_operation_at_the_same_time_is_refused() -> None:
    world = library_world(editor=Temper(obeys_after_s=5.0))
    world.run(EDITOR)
    session = Installer(world).session()
    caught: list[BaseException] = []

    def again() -> None:
        try:
            session.shutdown()
        except errors.SessionBusyError as error:
            caught.append(error)

    world.at(1.0, again)
    session.shutdown()
    assert len(caught) == 1


# -- roles, keys, life and death ---------------------------------------------------------------


def test_a_joined_session_can_register_and_leave_only() -> None:
    public = {name for name in dir(JoinedSession) if not name.startswith("_")}
    assert public == {"key", "environ", "register", "end"}


def test_both_installers_resources_count() -> None:
    world = library_world()
    world.install("/etc/app.conf")
    installer = Installer(world)
    session = installer.session()
    engine = installer.engine(world.run("/usr/bin/secondary"))
    JoinedSession(engine, engine.join(session.key).key).register(files=["/etc/app.conf"])
    assert [file.path for file in session.resources().files] == [LIBRARY, "/etc/app.conf"]


@pytest.mark.parametrize("key", ["0" * 32, "nonsense", "0" * 31, "../../etc/passwd"])
def test_a_wrong_key_is_no_session(key: str) -> None:
    with pytest.raises(errors.NoSuchSessionError):
        Installer(library_world()).engine().join(key)


def test_a_key_is_32_hexadecimal_digits_in_either_case() -> None:
    installer = Installer(library_world())
    session = installer.session()
    assert len(session.key) == 32
    assert installer.engine().join(session.key.upper()).key == session.key


def test_an_ended_session_says_so() -> None:
    installer = Installer(library_world())
    session = installer.session()
    engine = installer.engine()
    joined = JoinedSession(engine, engine.join(session.key).key)
    session.end()
    session.end()
    for call in (session.affected, session.restart, session.cancel, session.resources):
        with pytest.raises(errors.SessionEndedError):
            call()
    with pytest.raises(errors.SessionEndedError):
        joined.register(files=[LIBRARY])
    joined.end()


def test_the_65th_session_is_refused_and_an_ended_one_makes_room() -> None:
    engine = Installer(library_world()).engine()
    keys = [engine.start().key for _ in range(64)]
    with pytest.raises(errors.SessionLimitError):
        engine.start()
    engine.end(keys[0])
    engine.start()


def test_a_dead_installers_applications_come_back_at_the_next_start() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    installer = Installer(world)
    session = installer.session()
    session.shutdown()
    world.end(installer.me)
    survivor = Installer(world, installer.store).engine()
    (outcome,) = survivor.recover()
    assert outcome.result is Result.DONE
    assert len(world.running(EDITOR)) == 1
    assert installer.store.sessions() == ()
    assert survivor.recover() == ()


def test_a_living_installers_session_is_left_alone() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    installer = Installer(world)
    installer.session().shutdown()
    assert Installer(world, installer.store).engine().recover() == ()
    assert world.running(EDITOR) == []


def test_nobody_can_join_an_abandoned_session() -> None:
    world = library_world()
    installer = Installer(world)
    key = installer.session().key
    world.end(installer.me)
    with pytest.raises(errors.NoSuchSessionError):
        Installer(world, installer.store).engine().join(key)


def test_a_session_without_owner_lives_until_it_expires() -> None:
    world = library_world()
    installer = Installer(world)
    engine = installer.engine()
    record = engine.start(expires_after_s=60)
    world.end(installer.me)
    assert not engine.is_abandoned(record)
    world.pass_time(world.time + 61)
    assert engine.is_abandoned(record)


def test_the_key_is_not_in_the_repr() -> None:
    session = Installer(library_world()).session()
    assert session.key not in repr(session)


@pytest.mark.parametrize(
    "wrong",
    [
        {"files": "/etc/passwd"},
        {"files": [""]},
        {"files": ["a\0b"]},
        {"files": [None]},
        {"services": "nginx"},
        {"processes": [7]},
        {"trees": ["/no/such/tree"]},
        {"files": [LIBRARY, "/no/such/file"]},
        {"packages": ["no-such-package"]},
        {"services": ["no-such-service"]},
    ],
)
def test_wrong_resources_are_refused_and_nothing_is_registered(wrong: dict[str, list[str]]) -> None:
    session = Installer(library_world()).session()
    before = session.resources()
    with pytest.raises(errors.UsageError):
        session.register(**wrong)  # type: ignore[arg-type]
    assert session.resources() == before


def test_all_bad_names_of_a_call_are_named_at_once() -> None:
    session = Installer(library_world()).session()
    with pytest.raises(errors.MissingResourceError) as caught:
        session.register(
            files=["/a", LIBRARY, "/a"], trees=["/t"], packages=["p", "p"], services=["s"]
        )
    assert caught.value.message == (
        "No file '/a' exists, no directory '/t' exists, no package 'p' is installed and "
        "no service 's' is known here."
    )
    assert caught.value.missing == {
        "files": ("/a",),
        "trees": ("/t",),
        "packages": ("p",),
        "services": ("s",),
    }


def test_what_only_comes_with_the_change_may_be_named_by_both_roles() -> None:
    world = library_world()
    installer = Installer(world)
    session = installer.session()
    engine = installer.engine(world.run("/usr/bin/secondary"))
    joined = JoinedSession(engine, engine.join(session.key).key)
    names = {"trees": ["/t"], "packages": ["p"], "services": ["s"]}
    for role in (session, joined):
        with pytest.raises(errors.MissingResourceError):
            role.register(files=["/a"], **names)  # type: ignore[arg-type]
        role.register(files=["/a"], **names, allow_missing=True)  # type: ignore[arg-type]
    found = session.resources()
    assert [file.path for file in found.files] == [LIBRARY, "/a"]
    assert [tree.path for tree in found.trees] == ["/t"]
    assert found.services == ("s",)


def test_a_file_that_came_with_the_change_is_known_to_be_used() -> None:
    world = library_world()
    session = Installer(world).session()
    session.register(files=["/usr/lib/new.so"], allow_missing=True)
    world.install("/usr/lib/new.so")
    user = world.run("/usr/bin/user")
    world.hold(user, "/usr/lib/new.so", How.MAPPED)
    assert [app.name for app in session.affected().applications] == ["user"]


def test_a_service_is_registered_by_any_of_its_names_only() -> None:
    world = library_world()
    services = SimulatedServices(world)
    services.add("nginx.service", Unit("/usr/sbin/nginx"))
    session = Installer(world, services=services).session()
    session.register(services=["nginx"])
    with pytest.raises(errors.MissingResourceError, match="No service 'ngnix' is known here"):
        session.register(services=["nginx", "ngnix"])
    assert session.resources().services == ("nginx",)


def test_a_cancel_from_another_thread_reaches_the_operation() -> None:
    world = library_world(editor=STUBBORN)
    editor = world.run(EDITOR)
    session = Installer(world).session()

    def from_thread() -> None:
        thread = threading.Thread(target=session.cancel)
        thread.start()
        thread.join()

    world.at(1.0, from_thread)
    with pytest.raises(errors.OperationCancelledError):
        session.shutdown()
    assert world.is_running(editor)
