"""Asking first: the vote, and the methods on which applications are closed; simulated."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from restartmanager import errors
from restartmanager.model import (
    AppType,
    Entry,
    FileResource,
    Home,
    RebootReason,
    Resources,
    RestartBy,
    RestartFlags,
    RestartRegistration,
    Result,
    Signal,
)
from restartmanager.model.answers import Answer, AnswerKind, WindowKind, Windows
from restartmanager.model.identity import boot_id
from restartmanager.testing.channels import Listening, SimulatedChannels
from restartmanager.testing.machine import SimulatedProcesses
from restartmanager.testing.screens import SimulatedScreens
from restartmanager.testing.services import SimulatedServices, Unit
from restartmanager.testing.world import Program, Temper, World
from support.simulated import EDITOR, LIBRARY, REGISTERED, VIEWER, Installer, library_world

if TYPE_CHECKING:
    from collections.abc import Callable

    from restartmanager.api.primary import PrimarySession
    from restartmanager.model import Process, Recipe
    from restartmanager.model.identity import UniqueProcess

VETO = Answer(AnswerKind.NO, "a call is in progress")
SCOPE = "/user.slice/user-7.slice/user@7.service/app.slice/app-gnome-org.example.editor-42.scope"


class Desk:
    """A world with an editor and a viewer, an installer, and what can be asked."""

    def __init__(self, **tempers: Temper) -> None:
        self.world = library_world(**tempers)
        self.channels = SimulatedChannels(self.world)
        self.screens = SimulatedScreens(self.world)
        self.services = SimulatedServices(self.world)
        self.installer = Installer(
            self.world, channels=self.channels, screens=self.screens, services=self.services
        )

    def run(self, executable: str = EDITOR, **options: Any) -> UniqueProcess:
        return self.world.run(executable, **options)

    def listening(self, executable: str = EDITOR, **how: Any) -> tuple[UniqueProcess, Listening]:
        process = self.run(executable)
        return process, self.channels.listens(process, Listening(**how))

    def showing(self, executable: str = EDITOR, question: str = "", **how: Any) -> UniqueProcess:
        process = self.run(executable)
        facts: dict[str, Any] = {"kind": WindowKind.MAIN, "titles": ("letter.txt",), **how}
        self.screens.shows(process, Windows(**facts), question)
        return process

    def session(self) -> PrimarySession:
        return self.installer.session()

    def signals(self, process: UniqueProcess) -> list[Signal]:
        return self.world.signals(process)


# -- the vote ----------------------------------------------------------------------------------


def test_one_no_keeps_all_open_and_those_asked_hear_that_they_go_on() -> None:
    desk = Desk()
    against, _ = desk.listening(query=VETO)
    agreed, heard = desk.listening(VIEWER)
    third = desk.run(VIEWER)
    session = desk.session()
    with pytest.raises(errors.ShutdownError, match="it says no: a call is in progress") as caught:
        session.shutdown()
    results = [outcome.result for outcome in caught.value.outcomes]
    assert sorted(results) == [Result.FAILED, Result.SKIPPED, Result.SKIPPED]
    assert heard.heard == ["query update", "cancelled"]
    for process in (against, agreed, third):
        assert desk.world.is_running(process)
        assert desk.signals(process) == []
    assert desk.installer.store.journal(session.key) == ()


def test_a_no_is_recorded_and_overridden_with_force() -> None:
    desk = Desk()
    process, heard = desk.listening(query=VETO)
    (outcome,) = desk.session().shutdown(force=True).outcomes
    assert outcome.result is Result.DONE
    assert outcome.message == "overridden: it says no: a call is in progress"
    assert heard.heard == ["query forced", "end forced"]
    assert desk.signals(process) == []


def test_partial_leaves_open_who_says_no_and_closes_the_others() -> None:
    desk = Desk()
    against, _ = desk.listening(query=VETO)
    other = desk.run(VIEWER)
    outcomes = {o.application.name: o for o in desk.session().shutdown(partial=True).outcomes}
    assert outcomes["editor"].result is Result.SKIPPED
    assert "a call is in progress" in outcomes["editor"].message
    assert outcomes["viewer"].result is Result.DONE
    assert desk.world.is_running(against)
    assert not desk.world.is_running(other)


def test_who_does_not_answer_in_time_speaks_against_it() -> None:
    desk = Desk()
    process, _ = desk.listening(after_s=None)
    before = desk.world.time
    with pytest.raises(errors.ShutdownError, match="did not answer in time"):
        desk.session().shutdown()
    assert desk.world.time == before + 5
    assert desk.signals(process) == []


def test_a_window_that_hangs_speaks_against_it() -> None:
    desk = Desk()
    process = desk.showing(responds=False)
    with pytest.raises(errors.ShutdownError, match="its windows do not respond"):
        desk.session().shutdown()
    assert desk.signals(process) == []
    (outcome,) = desk.session().shutdown(force=True).outcomes
    assert outcome.message == "overridden: its windows do not respond"
    assert desk.signals(process) == [Signal.TERMINATE]


def test_a_vote_that_is_called_off_touches_nothing() -> None:
    desk = Desk()
    _, slow = desk.listening(after_s=4.0)
    other, quick = desk.listening(VIEWER)
    session = desk.session()
    desk.world.at(1.0, session.cancel)
    with pytest.raises(errors.OperationCancelledError):
        session.shutdown()
    assert slow.heard == ["query update"]
    assert quick.heard == ["query update", "cancelled"]
    assert desk.signals(other) == []
    assert desk.installer.store.journal(session.key) == ()


def test_who_waits_for_a_later_stage_goes_on_when_the_shutdown_is_called_off() -> None:
    desk = Desk(editor=Temper(obeys_after_s=20.0))
    desk.run(EDITOR)
    desk.screens.shows(desk.world.running(EDITOR)[0], Windows(WindowKind.OTHER))
    console = desk.run(VIEWER, terminal=True)
    heard = desk.channels.listens(console, Listening())
    session = desk.session()
    desk.world.at(3.0, session.cancel)
    with pytest.raises(errors.OperationCancelledError):
        session.shutdown()
    assert heard.heard == ["query update", "cancelled"]
    assert desk.world.is_running(console)


def test_services_are_not_asked() -> None:
    desk = Desk()
    unit = Unit(EDITOR)
    desk.services.add("editor.service", unit)
    assert unit.process is not None
    heard = desk.channels.listens(unit.process, Listening(query=VETO))
    (outcome,) = desk.session().shutdown().outcomes
    assert outcome.result is Result.DONE
    assert heard.heard == []


# -- the channel -------------------------------------------------------------------------------


def test_who_has_saved_exits_without_a_signal() -> None:
    desk = Desk()
    process, heard = desk.listening(exits_after_s=4.0)
    (outcome,) = desk.session().shutdown().outcomes
    assert (outcome.result, outcome.message) == (Result.DONE, "")
    assert heard.heard == ["query update", "end update"]
    assert desk.signals(process) == []


def test_who_has_saved_and_stays_gets_a_signal_after_five_seconds() -> None:
    desk = Desk()
    process, _ = desk.listening(exits_after_s=None)
    before = desk.world.time
    assert desk.session().shutdown().outcomes[0].result is Result.DONE
    assert desk.signals(process) == [Signal.TERMINATE]
    assert desk.world.time == before + 5


def test_who_wants_a_signal_gets_it_at_once() -> None:
    desk = Desk()
    process, _ = desk.listening(end=Answer(AnswerKind.SIGNAL))
    before = desk.world.time
    desk.session().shutdown()
    assert desk.signals(process) == [Signal.TERMINATE]
    assert desk.world.time == before


def test_who_dies_when_asked_is_closed_and_comes_back() -> None:
    desk = Desk()
    process, _ = desk.listening(end=Answer(AnswerKind.DIED))
    desk.world.lives[process].registration = REGISTERED
    session = desk.session()
    assert session.shutdown().outcomes[0].result is Result.DONE
    assert session.restart()[0].result is Result.DONE


@pytest.mark.parametrize("kind", [AnswerKind.NONSENSE, AnswerKind.IMPOSTOR])
def test_who_cannot_be_asked_gets_a_signal_and_the_outcome_says_why(kind: AnswerKind) -> None:
    desk = Desk()
    process, _ = desk.listening(query=Answer(kind, "what it says is no answer"))
    (outcome,) = desk.session().shutdown().outcomes
    assert outcome.message == "it could not be asked: what it says is no answer"
    assert desk.signals(process) == [Signal.TERMINATE]


# -- windows -----------------------------------------------------------------------------------


def test_a_window_is_closed_without_a_signal() -> None:
    desk = Desk()
    process = desk.showing()
    (outcome,) = desk.session().shutdown().outcomes
    assert outcome.application.type is AppType.MAIN_WINDOW
    assert outcome.result is Result.DONE
    assert desk.signals(process) == []


def test_one_that_asks_its_user_is_not_closed_and_its_question_is_told() -> None:
    desk = Desk()
    process = desk.showing(question="Save changes?")
    before = desk.world.time
    with pytest.raises(errors.ShutdownError, match=r"it asks its user: Save changes\?"):
        desk.session().shutdown()
    assert desk.world.time == before + 30
    assert desk.signals(process) == []


def test_force_asks_by_signal_before_it_kills_what_asks_its_user() -> None:
    desk = Desk(editor=Temper(obeys_after_s=None))
    process = desk.showing(question="Save changes?")
    (outcome,) = desk.session().shutdown(force=True).outcomes
    assert desk.signals(process) == [Signal.TERMINATE, Signal.KILL]
    assert "killed" in outcome.message


def test_a_program_without_a_main_window_gets_a_signal() -> None:
    desk = Desk()
    process = desk.showing(kind=WindowKind.OTHER, titles=())
    (outcome,) = desk.session().shutdown().outcomes
    assert outcome.application.type is AppType.OTHER_WINDOW
    assert desk.signals(process) == [Signal.TERMINATE]


def test_who_listens_is_not_closed_by_its_window() -> None:
    desk = Desk()
    process = desk.showing(question="Save changes?")
    desk.channels.listens(process, Listening())
    assert desk.session().shutdown().outcomes[0].result is Result.DONE


def test_the_shell_is_left_alone() -> None:
    desk = Desk()
    process = desk.showing(kind=WindowKind.SHELL, titles=())
    session = desk.session()
    (application,) = session.affected().applications
    assert application.type is AppType.SHELL
    assert application.reboot_reasons == RebootReason.CRITICAL_PROCESS
    with pytest.raises(errors.RebootNeededError):
        session.shutdown(force=True)
    assert desk.signals(process) == []


# -- desktop scopes ----------------------------------------------------------------------------


class OneEntry:
    """A desktop that knows one application."""

    def __init__(self, **facts: Any) -> None:
        self._entry = Entry("/usr/share/applications/e.desktop", EDITOR, ("editor",), **facts)

    def find(self, process: Process) -> Entry | None:
        return self._entry if process.cgroup == SCOPE else None


def scene_in_scope(desk: Desk, **facts: Any) -> UniqueProcess:
    """An editor in a scope, and a worker of it that alone uses the library and is nobody's."""
    desk.installer.entries = OneEntry(**facts)
    desk.world.programs[EDITOR] = Program()
    leader = desk.run(EDITOR, cgroup=SCOPE, uid=7)
    desk.run(VIEWER, cgroup=SCOPE, uid=7)
    desk.world.programs[EDITOR] = Program((LIBRARY,))
    return leader


def test_a_desktop_unit_is_one_application_led_by_its_oldest_process() -> None:
    desk = Desk()
    leader = scene_in_scope(desk)
    (application,) = desk.session().affected().applications
    assert application.main_process is not None
    assert application.main_process.identity == leader
    assert len(application.processes) == 2
    assert application.type is AppType.MAIN_WINDOW
    assert application.restart_by is RestartBy.DESKTOP


def test_it_comes_back_by_its_entry_in_a_scope_of_its_owners_manager() -> None:
    desk = Desk()
    scene_in_scope(desk)
    with desk.session() as session, session.shutdown():
        assert desk.world.running(EDITOR) == []
    (back,) = desk.world.running(EDITOR)
    assert desk.world.lives[back].facts.uid == 7
    (adopted,) = desk.services.adopted.items()
    name = f"app-gnome-org.example.editor-{back.pid}_{back.start_ticks}.scope"
    assert adopted == (back, (Home(7, "app.slice"), name))
    assert desk.world.running(VIEWER) == []


def test_what_it_registered_counts_before_its_entry() -> None:
    desk = Desk()
    leader = scene_in_scope(desk)
    desk.world.lives[leader].registration = REGISTERED
    assert desk.session().affected().applications[0].restart_by is RestartBy.REGISTERED


def test_an_entry_that_wants_a_terminal_does_not_count() -> None:
    desk = Desk()
    scene_in_scope(desk, terminal=True)
    assert desk.session().affected().applications[0].restart_by is RestartBy.NONE


@pytest.mark.parametrize("relaunch", ["registered", "all"])
def test_an_entry_in_doubt_does_not_count_and_that_is_said(relaunch: Any) -> None:
    desk = Desk()
    scene_in_scope(desk, doubt="it is another's")
    with desk.session() as session:
        (application,) = session.affected(relaunch=relaunch).applications
        with session.shutdown(relaunch=relaunch) as stopped:
            pass
    if relaunch == "all":
        assert (application.restart_by, application.reason) == (RestartBy.COMMAND, "")
        assert stopped.restarted[0].result is Result.DONE
        assert {back.pid for back in desk.world.running(EDITOR)}
    else:
        assert (application.restart_by, application.reason) == (RestartBy.NONE, "it is another's")
        assert stopped.restarted[0].message == "it is another's"
        assert desk.world.running(EDITOR) == []


class ChangingEntry(OneEntry):
    """A desktop whose entry is another one as soon as it was asked for."""

    def find(self, process: Process) -> Entry | None:
        found, self._entry = self._entry, replace(self._entry, doubt="it runs another program")
        return found if process.cgroup == SCOPE else None


def test_an_entry_counts_for_what_runs_when_it_is_closed() -> None:
    desk = Desk()
    scene_in_scope(desk)
    desk.installer.entries = ChangingEntry()
    (application,) = desk.session().affected().applications
    assert application.restart_by is RestartBy.NONE
    assert application.restart_obstacle == "it runs another program"


class TwoUsers(SimulatedProcesses):
    """Every process has its own user as effective one, and is root's."""

    def recipe(self, process: Process, registration: RestartRegistration | None) -> Recipe:
        return replace(super().recipe(process, registration), uid=0)


def test_what_has_the_rights_of_two_users_does_not_come_back_by_an_entry() -> None:
    """A daemon of root's that acts for its user just now would come back as root."""
    desk = Desk()
    scene_in_scope(desk)
    engine = desk.installer.engine()
    processes = TwoUsers(desk.world, desk.installer.me)
    inspector = replace(engine.inspector, processes=processes)
    library = Resources(files=(FileResource(LIBRARY, None),))
    found = inspector.who_uses(library, obstacles=True)
    (application,) = found.applications
    assert "with the rights of user 7, and would come back as 0" in application.restart_obstacle


def test_what_comes_back_for_another_user_has_no_name_of_the_scopes_maker() -> None:
    desk = Desk()
    desk.run(EDITOR, cgroup=SCOPE, uid=0, registration=REGISTERED)
    with desk.session() as session, session.shutdown():
        pass
    (back,) = desk.world.running(EDITOR)
    name = f"restartmanager-{back.pid}_{back.start_ticks}.scope"
    assert desk.services.adopted == {back: (Home(0, "app.slice"), name)}


def test_what_would_lose_its_limits_is_not_started() -> None:
    """The manager that should give them again does not answer. It is told, and still owed."""
    desk = Desk()
    process = desk.run(EDITOR, registration=REGISTERED)
    desk.services.homes[process] = Home(99, "app.slice", limits="{}")
    with desk.session() as session:
        with pytest.raises(errors.RestartError, match="under its limits again"), session.shutdown():
            pass
        assert desk.world.running(EDITOR) == []


def test_without_limits_it_comes_back_where_the_installer_is() -> None:
    desk = Desk()
    process = desk.run(EDITOR, registration=REGISTERED)
    desk.services.homes[process] = Home(99, "app.slice")
    with desk.session() as session, session.shutdown():
        pass
    assert len(desk.world.running(EDITOR)) == 1
    assert desk.services.adopted == {}


def test_a_home_that_it_cannot_have_is_an_obstacle() -> None:
    desk = Desk()
    process = desk.run(EDITOR, registration=REGISTERED)
    desk.services.homes[process] = Home(None, "", obstacle="only root may put it back")
    with desk.session() as session:
        (application,) = session.affected().applications
        assert application.restart_obstacle == "only root may put it back"
        with pytest.raises(errors.CannotComeBackError):
            session.shutdown()
    assert desk.world.running(EDITOR) == [process]


def test_another_users_process_in_a_scope_is_one_of_its_own() -> None:
    desk = Desk()
    scene_in_scope(desk)
    stranger = desk.run(VIEWER, cgroup=SCOPE, uid=0)
    found = {
        app.main_process.identity: len(app.processes)
        for app in desk.session().affected().applications
        if app.main_process is not None
    }
    assert found[stranger] == 1


# -- bringing back -----------------------------------------------------------------------------


@pytest.mark.parametrize("relaunch", ["registered", "all"])
def test_a_program_on_a_terminal_is_reported_with_its_command(relaunch: Any) -> None:
    desk = Desk()
    desk.world.run(EDITOR, "my letter.txt", terminal=True)
    with desk.session() as session, session.shutdown(relaunch=relaunch) as stopped:
        pass
    words = f"it needs its terminal back: start it there with {EDITOR} 'my letter.txt'"
    assert stopped.restarted[0].message == words


class Recording(SimulatedProcesses):
    """Remembers by which recipes it started something."""

    recipes: ClassVar[list[Recipe]] = []

    def start(
        self,
        recipe: Recipe,
        on_created: Callable[[UniqueProcess], object],
        *,
        replaced: UniqueProcess | None = None,
    ) -> UniqueProcess:
        self.recipes.append(recipe)
        return super().start(recipe, on_created, replaced=replaced)


OF_OLD = {"A": "1", "DISPLAY": ":0", "XAUTHORITY": "/old", "XDG_DATA_DIRS": "/x"}
OF_NOW = {"DISPLAY": ":7", "SECRET": "x", "XDG_RUNTIME_DIR": "/run/user/0"}


@pytest.mark.parametrize(
    ("uid", "boot", "expected"),
    [
        (
            0,
            "0" * 32,
            {"A": "1", "XDG_DATA_DIRS": "/x", "DISPLAY": ":7"} | {"XDG_RUNTIME_DIR": "/run/user/0"},
        ),
        (7, "0" * 32, OF_OLD),
        (0, boot_id(), OF_OLD),
    ],
    ids=["the caller's", "another user's", "of this boot"],
)
def test_after_a_reboot_the_display_is_the_one_of_now(
    uid: int, boot: str, expected: dict[str, str]
) -> None:
    desk = Desk()
    desk.run(registration=REGISTERED)
    session = desk.session()
    session.shutdown()
    store = desk.installer.store
    (entry,) = store.journal(session.key)
    main = entry.application.main_process
    assert entry.recipe is not None
    assert main is not None
    before = replace(main, identity=main.identity._replace(boot_id=boot))
    application = replace(entry.application, main_process=before)
    recipe = replace(entry.recipe, environment=tuple(OF_OLD.items()), uid=uid)
    survivor = Installer(desk.world, store, variables=OF_NOW)
    engine = replace(survivor.engine(), processes=Recording(desk.world, survivor.me))
    session.end(leave_stopped=True)
    key = engine.start(expires_after_s=0).key
    store.write_entries(key, [replace(entry, application=application, recipe=recipe)])
    engine.recover()
    assert dict(Recording.recipes[-1].environment) == expected


def test_no_patch_leaves_the_entry() -> None:
    """Who does not want to come back after an update does not, whatever the desktop says."""
    desk = Desk()
    leader = scene_in_scope(desk)
    registration = RestartRegistration((EDITOR,), RestartFlags.NO_PATCH)
    desk.world.lives[leader].registration = registration
    assert desk.session().affected().applications[0].restart_by is RestartBy.NONE


# -- a browser ---------------------------------------------------------------------------------


def test_twelve_processes_some_of_them_sandboxed_are_one_application() -> None:
    desk = Desk()
    world: World = desk.world
    main = desk.run(EDITOR, registration=REGISTERED)
    for number in range(11):
        worker = desk.run(EDITOR, parent=main)
        life = world.lives[worker]
        life.facts = replace(
            life.facts, process_group=worker.pid, same_pid_namespace=number % 2 == 0
        )
    with desk.session() as session:
        (application,) = session.affected().applications
        assert len(application.processes) == 12
        assert application.reboot_reasons == RebootReason.NONE
        with session.shutdown():
            assert world.running(EDITOR) == []
    assert len(world.running(EDITOR)) == 1
