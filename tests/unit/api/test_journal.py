"""What Python callers can see of sessions: who has any, what was done, what would be done."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest

import restartmanager as rm
from restartmanager import errors
from restartmanager.api import journal, questions, sessions
from restartmanager.model import RestartFlags, Signal
from restartmanager.model.identity import boot_id
from restartmanager.model.journal import JournalStep, Operation
from restartmanager.model.preview import Preview
from restartmanager.testing.world import Temper
from support.simulated import EDITOR, LIBRARY, REGISTERED, VIEWER, Installer, library_world

if TYPE_CHECKING:
    from pathlib import Path

    from restartmanager.model.identity import UniqueProcess

EARLIER = "0" * 32
"""The name of a boot that is over."""


@pytest.fixture
def installer(monkeypatch: pytest.MonkeyPatch) -> Installer:
    """A simulated machine that the public functions work on, as the installer does."""
    made = Installer(library_world())
    for module in (journal, sessions):
        monkeypatch.setattr(module, "make_engine", made.engine)
    monkeypatch.setattr(questions, "make_inspector", lambda: made.engine().inspector)
    return made


def with_editor(installer: Installer, **options: object) -> UniqueProcess:
    return installer.world.run(EDITOR, registration=REGISTERED)


def steps(preview: Preview) -> list[tuple[str, str]]:
    return [(item.step.value, item.application.name) for item in preview.steps]


# -- sessions ----------------------------------------------------------------------------------


def test_all_sessions_of_the_user_are_listed_with_who_has_them(installer: Installer) -> None:
    own = rm.start_session()
    detached = rm.start_session(expires_after_s=60)
    first, second = rm.sessions()
    assert (first.key, first.owner, first.abandoned) == (own.key, installer.me, False)
    assert (second.key, second.owner, second.expires_at) == (
        detached.key,
        None,
        installer.world.time + 60,
    )
    assert own.key not in repr(first)


def test_a_session_of_a_dead_installer_is_abandoned_and_can_be_read(installer: Installer) -> None:
    with_editor(installer)
    session = installer.session()
    session.shutdown()
    installer.world.end(installer.me)
    (seen,) = rm.sessions()
    assert seen.abandoned
    details = rm.read_session(session.key.upper())
    assert details.session == seen
    assert [file.path for file in details.resources.files] == [LIBRARY]
    assert [entry.step for entry in details.journal] == [JournalStep.STOPPED]
    assert details.journal[0].owed


def test_looking_makes_no_session_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))
    assert rm.sessions() == ()
    assert rm.preview_recovery() == Preview("recover")
    assert list(tmp_path.iterdir()) == []


def test_a_session_that_is_not_there_cannot_be_read(installer: Installer) -> None:
    for key in ("0" * 32, "no key"):
        with pytest.raises(errors.NoSuchSessionError):
            rm.read_session(key)


def test_the_journal_has_no_environments(installer: Installer) -> None:
    with_editor(installer)
    session = installer.session()
    session.shutdown()
    (kept,) = installer.store.journal(session.key)
    assert kept.recipe is not None
    assert "SIMULATED" in repr(asdict(kept))
    for entry in (*session.journal(), *rm.read_session(session.key).journal):
        assert "SIMULATED" not in repr(asdict(entry))
        assert entry.without_recipe() is entry


def test_the_journal_says_what_waits_to_be_brought_back(installer: Installer) -> None:
    with_editor(installer)
    session = installer.session()
    assert session.journal() == ()
    session.shutdown()
    (entry,) = session.journal()
    assert (entry.application.name, entry.step, entry.owed) == ("editor", JournalStep.STOPPED, True)
    session.restart()
    (entry,) = session.journal()
    assert (entry.step, entry.owed) == (JournalStep.STARTED, False)
    assert entry.started_as is not None
    session.end()
    with pytest.raises(errors.SessionEndedError):
        session.journal()


# -- previews ----------------------------------------------------------------------------------


def test_a_shutdown_does_what_its_preview_says(installer: Installer) -> None:
    editor = with_editor(installer)
    installer.world.run(VIEWER)
    session = installer.session()
    session.add_filter(rm.FilterAction.NO_SHUTDOWN, executable=VIEWER)
    preview = session.preview_shutdown()
    assert preview.operation == "shutdown"
    assert steps(preview) == [("close", "editor"), ("leave", "viewer")]
    assert installer.world.is_running(editor)
    assert installer.world.signals(editor) == []
    outcomes = session.shutdown().outcomes
    assert {item.application.name: item.result.value for item in outcomes} == {
        "editor": "done",
        "viewer": "skipped",
    }


def test_the_preview_of_a_shutdown_refuses_what_the_shutdown_refuses(installer: Installer) -> None:
    installer.world.hold(installer.shell, LIBRARY, rm.How.OPEN)
    viewer = installer.world.run(VIEWER)
    session = installer.session()
    with pytest.raises(errors.RebootNeededError):
        session.preview_shutdown()
    with pytest.raises(errors.ShutdownError):
        session.preview_shutdown(partial=True, only_registered=True)
    assert steps(session.preview_shutdown(partial=True)) == [("close", "viewer"), ("leave", "bash")]
    assert installer.world.signals(viewer) == []


def test_what_comes_back_follows_relaunch(installer: Installer) -> None:
    installer.world.run(VIEWER)
    session = installer.session()
    (lost,) = session.preview_shutdown().steps
    (back,) = session.preview_shutdown(relaunch="all").steps
    assert lost.message.startswith("stays closed")
    assert back.message == "comes back by the command it was started with"
    with pytest.raises(errors.UsageError):
        session.preview_shutdown(relaunch="some")  # type: ignore[arg-type]


def test_a_restart_does_what_its_preview_says(installer: Installer) -> None:
    with_editor(installer)
    installer.world.run(VIEWER)
    session = installer.session()
    with pytest.raises(errors.OutOfSequenceError):
        session.preview_restart()
    session.shutdown()
    preview = session.preview_restart()
    assert sorted(steps(preview)) == [("leave", "viewer"), ("start", "editor")]
    assert installer.world.running(EDITOR) == []
    session.restart()
    assert len(installer.world.running(EDITOR)) == 1


def test_a_refresh_does_what_its_preview_says(installer: Installer) -> None:
    with_editor(installer)
    session = installer.session()
    assert session.preview_refresh().idle  # it uses the file that is there
    installer.world.install(LIBRARY)
    assert steps(session.preview_refresh()) == [("renew", "editor")]
    assert steps(session.preview_refresh(everything=True)) == [("renew", "editor")]
    assert steps(rm.preview_refresh()) == [("renew", "editor")]
    session.refresh()
    assert session.preview_refresh(everything=True).idle


def test_a_refresh_of_everything_needs_no_registration(installer: Installer) -> None:
    installer.world.run(VIEWER)
    session = rm.start_session()
    installer.world.install(LIBRARY)
    assert session.preview_refresh() == Preview("refresh")
    assert steps(session.preview_refresh(everything=True)) == [("leave", "viewer")]
    assert steps(session.preview_refresh(everything=True, relaunch="all")) == [("renew", "viewer")]
    assert steps(rm.preview_refresh(relaunch="all")) == [("renew", "viewer")]


def test_the_end_brings_back_what_its_preview_says(installer: Installer) -> None:
    with_editor(installer)
    session = installer.session()
    assert session.preview_end() == Preview("end")
    session.shutdown()
    assert session.preview_end(leave_stopped=True) == Preview("end")
    preview = session.preview_end()
    assert (preview.operation, steps(preview)) == ("end", [("start", "editor")])
    session.end()
    assert len(installer.world.running(EDITOR)) == 1


def test_the_preview_of_the_end_knows_what_the_session_was_told(installer: Installer) -> None:
    with_editor(installer)
    session = installer.session()
    session.shutdown().leave_stopped()
    assert session.preview_end() == Preview("end")


def test_what_could_not_be_brought_back_is_not_tried_again_at_the_end(installer: Installer) -> None:
    with_editor(installer)
    session = installer.session()
    session.shutdown()
    program = installer.world.programs[EDITOR]
    installer.world.programs[EDITOR] = type(program)(program.uses, Temper(starts=False))
    with pytest.raises(errors.RestartError):
        session.restart()
    assert session.preview_end() == Preview("end")
    assert steps(session.preview_restart()) == [("start", "editor")]


def test_recovery_does_what_its_preview_says(installer: Installer) -> None:
    with_editor(installer)
    session = installer.session()
    session.shutdown()
    assert rm.preview_recovery() == Preview("recover")  # its installer lives
    installer.world.end(installer.me)
    preview = rm.preview_recovery()
    assert (preview.operation, steps(preview)) == ("recover", [("start", "editor")])
    assert len(rm.sessions()) == 1
    assert [item.application.name for item in rm.recover()] == ["editor"]
    assert rm.sessions() == ()


# -- calling off -------------------------------------------------------------------------------


def busy_session(installer: Installer, operation: Operation) -> tuple[str, UniqueProcess]:
    """A session without an owner that another process is busy with."""
    key = rm.start_session(expires_after_s=60).key
    worker = installer.world.run("/usr/bin/restartctl")
    assert installer.store.begin(key, operation, worker)
    return key, worker


@pytest.mark.parametrize("operation", [Operation.SHUTDOWN, Operation.RESTART])
def test_who_is_busy_with_a_session_is_interrupted(
    installer: Installer, operation: Operation
) -> None:
    key, worker = busy_session(installer, operation)
    asked = rm.cancel_operation(key)
    assert asked is not None
    assert (asked.key, asked.worker, asked.operation) == (key, worker, operation)
    assert installer.world.signals(worker) == [Signal.INTERRUPT]


def test_a_recovery_is_not_called_off(installer: Installer) -> None:
    key, worker = busy_session(installer, Operation.RECOVERY)
    assert rm.cancel_operation(key) is None
    assert installer.world.signals(worker) == []


def test_nothing_is_called_off_where_nothing_runs_any_more(installer: Installer) -> None:
    key, worker = busy_session(installer, Operation.SHUTDOWN)
    installer.world.end(worker, reuse_pid=True)
    other = installer.world.run("/usr/bin/innocent")
    assert other.pid == worker.pid
    assert rm.cancel_operation(key) is None
    assert installer.world.signals(other) == []
    assert rm.cancel_operation(rm.start_session(expires_after_s=60).key) is None


def test_nobody_interrupts_himself(installer: Installer) -> None:
    key = rm.start_session(expires_after_s=60).key
    assert installer.store.begin(key, Operation.SHUTDOWN, installer.me)
    with pytest.raises(errors.UsageError, match="this very process"):
        rm.cancel_operation(key)
    assert installer.world.signals(installer.me) == []


def test_the_session_of_a_living_installer_is_its_own_to_call_off(installer: Installer) -> None:
    session = rm.start_session()
    with pytest.raises(errors.SessionRoleError):
        rm.cancel_operation(session.key)
    with pytest.raises(errors.NoSuchSessionError):
        rm.cancel_operation("0" * 32)


def test_a_process_that_may_not_be_interrupted_is_an_error(installer: Installer) -> None:
    key = rm.start_session(expires_after_s=60).key
    worker = installer.world.run("/usr/bin/restartctl", uid=7)
    assert installer.store.begin(key, Operation.SHUTDOWN, worker)
    installer.world.uid = 1000
    with pytest.raises(errors.ProcessAccessError):
        rm.cancel_operation(key)


@pytest.mark.parametrize(
    ("flags", "boot", "step", "running"),
    [
        (RestartFlags.NO_REBOOT, EARLIER, "leave", 0),
        (RestartFlags.NO_REBOOT, boot_id(), "start", 1),
        (RestartFlags.NO_CRASH | RestartFlags.NO_HANG, EARLIER, "start", 1),
    ],
    ids=["rebooted", "not-rebooted", "other-flags"],
)
def test_who_wants_no_reboot_to_bring_it_back_stays_closed_after_one(
    installer: Installer, flags: RestartFlags, boot: str, step: str, running: int
) -> None:
    registration = REGISTERED._replace(flags=flags)
    installer.world.run(EDITOR, registration=registration)
    session = installer.session()
    session.shutdown()
    (entry,) = installer.store.journal(session.key)
    main = entry.application.main_process
    assert main is not None
    before = replace(main, identity=main.identity._replace(boot_id=boot))
    of_old = replace(entry, application=replace(entry.application, main_process=before))
    session.end(leave_stopped=True)
    abandoned = rm.start_session(expires_after_s=0)
    installer.store.write_entries(abandoned.key, [of_old])
    preview = rm.preview_recovery()
    assert steps(preview) == [(step, "editor")]
    (outcome,) = rm.recover()
    assert len(installer.world.running(EDITOR)) == running
    if not running:
        assert outcome.message == "it does not want to come back after a reboot"
        assert preview.steps[0].message == f"stays closed: {outcome.message}"
    assert rm.sessions() == ()
