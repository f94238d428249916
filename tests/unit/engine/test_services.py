"""Services in a transaction, on a simulated machine."""

from __future__ import annotations

import pytest

from restartmanager import errors
from restartmanager.model import AppType, FilterAction, RebootReason, Result, Status
from restartmanager.testing.crashing_store import Crash, CrashingStore
from restartmanager.testing.services import SimulatedServices, Unit
from restartmanager.testing.store import MemoryStore
from restartmanager.testing.world import Program, World
from support.simulated import LIBRARY, Installer

DAEMON = "/usr/sbin/daemon"


class Machine:
    """A world in which services use the library."""

    def __init__(self) -> None:
        self.world = World()
        self.world.install(LIBRARY)
        self.world.programs[DAEMON] = Program((LIBRARY,))
        self.services = SimulatedServices(self.world)
        self.store = MemoryStore()

    def add(self, name: str, **temper: object) -> Unit:
        unit = Unit(DAEMON, **temper)  # type: ignore[arg-type]
        self.services.add(name, unit)
        return unit

    def runs(self, unit: Unit) -> bool:
        return unit.process is not None and self.world.is_running(unit.process)

    def installer(self) -> Installer:
        return Installer(self.world, self.store, services=self.services)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_service_is_stopped_and_started_by_its_manager(machine: Machine) -> None:
    web = machine.add("web.service")
    old = web.process
    with machine.installer().session() as session:
        (application,) = session.affected().applications
        assert application.type is AppType.SERVICE
        with session.shutdown() as stopped:
            assert not machine.runs(web)
            machine.world.install(LIBRARY)
        (outcome,) = stopped.restarted
        assert outcome.process == web.process != old
        (application,) = session.affected().applications
        assert application.status == Status.RUNNING | Status.STOPPED | Status.RESTARTED
    assert old is not None
    assert machine.world.signals(old) == []


def test_nothing_starts_it_meanwhile(machine: Machine) -> None:
    web = machine.add("web.service", trigger="web.socket")
    with machine.installer().session() as session, session.shutdown():
        machine.services.knock("web.service")
        assert not machine.runs(web)
    assert machine.runs(web)
    assert web.starts_count == 2


def test_dependents_stop_first_and_start_last(machine: Machine) -> None:
    machine.add("top.service")
    machine.add("middle.service", required_by=("top.service",))
    machine.add("base.service", required_by=("middle.service",))
    with machine.installer().session() as session, session.shutdown() as stopped:
        names = [outcome.application.name for outcome in stopped.outcomes]
        assert names == ["top", "middle", "base"]
    assert [o.application.name for o in stopped.restarted] == ["base", "middle", "top"]


def test_one_that_does_not_stop_is_reported_and_what_stopped_comes_back(machine: Machine) -> None:
    quick = machine.add("quick.service")
    machine.add("stuck.service", stops_after_s=None)
    not_back = pytest.raises(errors.RestartError, match="stuck: it is still being stopped")
    with not_back, machine.installer().session() as session:
        with pytest.raises(errors.ShutdownError, match="did not stop in time"):
            session.shutdown()
        statuses = {app.name: app.status for app in session.affected().applications}
        assert statuses["stuck"] == Status.RUNNING | Status.ERROR_ON_STOP
        assert statuses["quick"] == Status.STOPPED
    assert machine.runs(quick)
    assert quick.starts_count == 2


def test_one_that_does_not_start_is_an_outcome_and_can_be_tried_again(machine: Machine) -> None:
    web = machine.add("web.service")
    session = machine.installer().session()
    session.shutdown()
    web.starts = False
    with pytest.raises(errors.RestartError, match="cannot be started"):
        session.restart()
    assert session.affected().applications[0].status & Status.ERROR_ON_RESTART
    web.starts = True
    assert session.restart()[0].result is Result.DONE


def test_one_that_fails_right_after_its_start_is_not_back(machine: Machine) -> None:
    web = machine.add("web.service")
    session = machine.installer().session()
    session.shutdown()
    web.lives_s = 0.2
    with pytest.raises(errors.RestartError, match="it failed"):
        session.restart()


def test_one_that_refuses_keeps_everything_untouched(machine: Machine) -> None:
    machine.add("web.service", refuses_stop=True)
    other = machine.add("other.service")
    session = machine.installer().session()
    with pytest.raises(errors.RebootNeededError) as caught:
        session.shutdown()
    assert caught.value.reasons is RebootReason.CRITICAL_SERVICE
    assert other.starts_count == 1
    assert machine.runs(other)


@pytest.mark.parametrize("name", ["web", "web.service", "httpd.service"])
def test_a_filter_knows_a_service_by_any_name(machine: Machine, name: str) -> None:
    web = machine.add("web.service", aliases=frozenset({"httpd.service"}))
    session = machine.installer().session()
    session.add_filter(FilterAction.NO_SHUTDOWN, service=name)
    (outcome,) = session.shutdown().outcomes
    assert outcome.result is Result.SKIPPED
    assert machine.runs(web)
    session.remove_filter(service=name)
    assert session.filters() == ()


def test_one_that_must_not_come_back_stays_stopped(machine: Machine) -> None:
    web = machine.add("web.service", trigger="web.socket")
    session = machine.installer().session()
    session.add_filter(FilterAction.NO_RESTART, service="web")
    session.shutdown()
    (outcome,) = session.restart()
    assert outcome.result is Result.SKIPPED
    machine.services.knock("web.service")
    assert not machine.runs(web)


def test_somebody_else_started_it_first(machine: Machine) -> None:
    web = machine.add("web.service")
    session = machine.installer().session()
    session.shutdown()
    machine.world.install(LIBRARY)
    machine.services._run(web)
    (outcome,) = session.restart()
    assert (outcome.result, outcome.message) == (Result.DONE, "it was running already")
    assert web.starts_count == 2


def test_somebody_else_started_it_with_the_old_files(machine: Machine) -> None:
    web = machine.add("web.service")
    session = machine.installer().session()
    session.shutdown()
    machine.services._run(web)
    machine.world.install(LIBRARY)
    with pytest.raises(errors.RestartError, match="still uses the old files"):
        session.restart()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", range(14))
def test_a_crash_at_any_write_loses_no_service(machine: Machine, write: int, after: bool) -> None:
    units = [machine.add(f"{name}.service", trigger=f"{name}.socket") for name in ("a", "b")]
    units.append(machine.add("base.service", required_by=("a.service",)))
    crashing = CrashingStore(machine.store, at=write, after=after)
    installer = Installer(machine.world, crashing, services=machine.services)  # type: ignore[arg-type]
    try:
        session = installer.session()
        session.shutdown()
        machine.world.install(LIBRARY)
        session.restart()
        session.end()
    except Crash:
        machine.world.end(installer.me)
    machine.installer().engine().recover()
    assert all(machine.runs(unit) for unit in units)
    assert not any(unit.held for unit in units)
    assert machine.store.sessions() == ()


# -- in place ----------------------------------------------------------------------------------


def test_refresh_restarts_what_uses_the_old_files_only(machine: Machine) -> None:
    old = machine.add("old.service")
    session = machine.installer().session()
    machine.world.install(LIBRARY)
    new = machine.add("new.service")
    (outcome,) = session.refresh()
    assert outcome.application.name == "old"
    assert (old.starts_count, new.starts_count) == (2, 1)


def test_refresh_leaves_alone_what_would_stay_closed(machine: Machine) -> None:
    machine.world.programs["/usr/bin/editor"] = Program((LIBRARY,))
    editor = machine.world.run("/usr/bin/editor")
    session = machine.installer().session()
    machine.world.install(LIBRARY)
    (outcome,) = session.refresh()
    assert outcome.result is Result.SKIPPED
    assert "stay closed" in outcome.message
    assert machine.world.is_running(editor)


def test_refresh_goes_on_after_a_failure_and_reports_it(machine: Machine) -> None:
    broken = machine.add("broken.service")
    sound = machine.add("sound.service")
    session = machine.installer().session()
    machine.world.install(LIBRARY)
    broken.starts = False
    with pytest.raises(errors.RefreshError) as caught:
        session.refresh()
    results = {o.application.name: o.result for o in caught.value.outcomes}
    assert results == {"broken": Result.FAILED, "sound": Result.DONE}
    assert machine.runs(sound)


def test_refresh_everything_needs_no_registration(machine: Machine) -> None:
    old = machine.add("old.service")
    machine.world.install(LIBRARY)
    engine = machine.installer().engine()
    from restartmanager.api.primary import PrimarySession

    session = PrimarySession(engine, engine.start().key)
    (outcome,) = session.refresh(everything=True)
    assert outcome.result is Result.DONE
    assert old.starts_count == 2
