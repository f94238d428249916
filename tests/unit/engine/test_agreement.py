"""List, preview, question, progress and outcome agree: nothing is closed of which the list says
that it stays, and nothing stays closed of which it says that it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from restartmanager.cli.transaction import Transaction, Wishes
from restartmanager.errors import ActionError
from restartmanager.model import (
    Affected,
    FilterAction,
    RestartFlags,
    RestartRegistration,
    Result,
    Status,
)
from restartmanager.model.answers import Answer, AnswerKind
from restartmanager.model.preview import PlannedStep
from restartmanager.testing.channels import Listening, SimulatedChannels
from restartmanager.testing.services import SimulatedServices, Unit
from restartmanager.testing.world import Program, Temper, World
from support.simulated import LIBRARY, Installer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restartmanager.api.primary import PrimarySession
    from restartmanager.model import Application, Outcome
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import Progress


class Traits(NamedTuple):
    """One application of a scene."""

    registers: bool
    no_patch: bool
    terminal: bool
    risky: bool
    suspended: bool
    obeys: float | None
    answer: AnswerKind | None
    filter: FilterAction | None


class Wish(NamedTuple):
    """How the shutdown is called."""

    force: bool
    only_registered: bool
    partial: bool
    leave_closed: bool


class Scene(NamedTuple):
    """Applications, services of which each starts again, and the caller's own shell as a user."""

    applications: list[Traits]
    services: int
    own_shell: bool
    wish: Wish
    relaunch: bool


BOOLEANS = st.booleans()
TRAITS = st.builds(
    Traits,
    registers=BOOLEANS,
    no_patch=BOOLEANS,
    terminal=BOOLEANS,
    risky=st.sampled_from([False, False, False, True]),
    suspended=st.sampled_from([False, False, False, True]),
    obeys=st.sampled_from([0.0, 0.0, 1.0, None]),
    answer=st.sampled_from([None, None, AnswerKind.YES, AnswerKind.NO]),
    filter=st.sampled_from([None, None, None, FilterAction.NO_SHUTDOWN, FilterAction.NO_RESTART]),
)
SCENES = st.builds(
    Scene,
    applications=st.lists(TRAITS, max_size=4),
    services=st.integers(0, 2),
    own_shell=st.sampled_from([False, False, False, True]),
    wish=st.builds(Wish, BOOLEANS, BOOLEANS, BOOLEANS, BOOLEANS),
    relaunch=BOOLEANS,
)


class Stage:
    """A scene, set up."""

    def __init__(self, scene: Scene) -> None:
        self.world = World()
        self.world.install(LIBRARY)
        channels = SimulatedChannels(self.world)
        services = SimulatedServices(self.world)
        self.installer = Installer(self.world, services=services, channels=channels)
        self.originals: list[UniqueProcess] = []
        for number, traits in enumerate(scene.applications):
            self._add(f"/usr/bin/app{number}", traits, channels)
        for number in range(scene.services):
            path = f"/usr/sbin/daemon{number}"
            self.world.programs[path] = Program((LIBRARY,))
            services.add(f"daemon{number}.service", Unit(path))
        if scene.own_shell:
            self.world.hold(self.installer.shell, LIBRARY)
        self.session: PrimarySession = self.installer.session()
        for process, traits in zip(self.originals, scene.applications, strict=True):
            if traits.filter is not None:
                self.session.add_filter(traits.filter, process=process)

    def _add(self, path: str, traits: Traits, channels: SimulatedChannels) -> None:
        temper = Temper(obeys_after_s=traits.obeys)
        self.world.programs[path] = Program((LIBRARY,), temper)
        flags = RestartFlags.NO_PATCH if traits.no_patch else RestartFlags(0)
        registration = RestartRegistration((path,), flags) if traits.registers else None
        process = self.world.run(path, registration=registration, terminal=traits.terminal)
        self.originals.append(process)
        if traits.risky:
            self.world.risks[path] = "user 65002 can change it"
        if traits.suspended:
            self.world.suspended[process] = "it is stopped"
        elif traits.answer is not None:
            channels.listens(process, Listening(query=Answer(traits.answer)))

    def runs(self, application: Application) -> bool:
        """Whether it is there, as whichever process."""
        service = application.service
        if service is not None:
            process = self.installer.services.units[service.name].process  # type: ignore[union-attr]
            return process is not None and self.world.is_running(process)
        main = application.main_process
        assert main is not None
        assert main.executable is not None
        return len(self.world.running(main.executable)) == 1


def by_key(outcomes: Iterable[Outcome]) -> dict[str, Outcome]:
    return {outcome.application.key: outcome for outcome in outcomes}


def is_kept_closed(application: Application) -> bool:
    return bool(application.status & Status.RESTART_MASKED) or not application.restartable


@given(scene=SCENES)
def test_what_is_said_is_what_happens(scene: Scene) -> None:
    stage = Stage(scene)
    session, wish = stage.session, scene.wish._asdict()
    relaunch: Literal["registered", "all"] = "all" if scene.relaunch else "registered"
    listed = {a.key: a for a in session.affected(relaunch=relaunch).applications}
    refusal = None
    planned = {}
    try:
        preview = session.preview_shutdown(**wish, relaunch=relaunch)
        planned = {item.application.key: item.step for item in preview.steps}
    except ActionError as error:
        refusal = error
    events: list[Progress] = []
    failure = None
    try:
        outcomes = session.shutdown(**wish, relaunch=relaunch, on_event=events.append).outcomes
    except ActionError as error:
        failure, outcomes = error, error.outcomes
    if refusal is not None:
        assert (type(failure), failure and failure.message) == (type(refusal), refusal.message)
        assert session.journal() == ()
        assert all(map(stage.runs, listed.values()))
        return
    assert planned.keys() == listed.keys()
    results = by_key(outcomes)
    reported = {e.application.key: e.result for e in events if e.application and e.result}
    assert reported.items() <= {key: each.result for key, each in results.items()}.items()
    closed = {
        key: outcome
        for key, outcome in results.items()
        if outcome.result is Result.DONE and outcome.application.status & Status.STOPPED
    }
    assert closed.keys() <= reported.keys()
    for key, application in listed.items():
        if planned[key] is PlannedStep.LEAVE:
            assert key not in closed
        assert stage.runs(application) == (key not in closed)
        left = application.status & Status.SHUTDOWN_MASKED or application.reboot_reasons
        assert not (left and key in closed)
    comes_back_as_listed(stage, listed, closed)
    if failure is None and not any(traits.filter for traits in scene.applications):
        the_question_says_so(scene, listed, closed)


def comes_back_as_listed(
    stage: Stage, listed: dict[str, Application], closed: dict[str, Outcome]
) -> None:
    planned = {p.application.key: p.step for p in stage.session.preview_restart().steps}
    events: list[Progress] = []
    back = by_key(stage.session.restart(on_event=events.append))
    reported = {e.application.key: e.result for e in events if e.application and e.result}
    assert reported == {key: outcome.result for key, outcome in back.items()}
    for key in closed:
        stays = is_kept_closed(listed[key])
        assert planned[key] is (PlannedStep.LEAVE if stays else PlannedStep.START)
        assert back[key].result is (Result.SKIPPED if stays else Result.DONE)
        assert stage.runs(listed[key]) == (not stays)


def the_question_says_so(
    scene: Scene, listed: dict[str, Application], closed: dict[str, Outcome]
) -> None:
    """What ``restartctl run`` asks before it closes anything."""
    wishes = Wishes(
        partial=scene.wish.partial,
        leave_closed=scene.wish.leave_closed,
        only_registered=scene.wish.only_registered,
    )
    transaction = Transaction(["true"], wishes)
    affected = Affected(tuple(listed.values()))
    assert transaction._refusal(affected) is None
    asked_about = transaction._closing(affected)
    assert {application.key for application in asked_about} >= closed.keys()
    closing = [application for application in asked_about if application.key in closed]
    if not scene.wish.partial:  # else who says no is left out
        assert closing == asked_about
    assert Transaction._lost(closing) == sum(is_kept_closed(listed[key]) for key in closed)
