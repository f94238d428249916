"""Services of every temper, stopped and brought back on a real systemd: outcome and status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import restartmanager as rm
from restartmanager import rstrtmgr
from restartmanager.adapters.services.systemd.dbus import Bus
from restartmanager.errors import (
    MissingResourceError,
    RebootNeededError,
    RestartError,
    ShutdownError,
)
from restartmanager.model import AppType, FilterAction, RebootReason, RestartBy, Result, Status
from support.units import library_at, main_pid, maps, state, systemctl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from restartmanager.adapters.services.systemd.dbus import Call, Refusal
    from restartmanager.api.primary import PrimarySession
    from restartmanager.model import Affected, Application, Outcome
    from support.units import Units

BACK = Status.RUNNING | Status.STOPPED | Status.RESTARTED


@pytest.fixture
def session(units: Units) -> Iterator[PrimarySession]:
    """A session that has the library registered."""
    with rm.start_session() as session:
        session.register(files=[units.library])
        yield session


def only(affected: Affected) -> Application:
    (application,) = affected.applications
    return application


def replaced(session: PrimarySession, units: Units, *, force: bool = False) -> Outcome:
    """Replace the library in one transaction; the one outcome of bringing back."""
    with session.shutdown(force=force) as stopped:
        library_at(units.library)
    (outcome,) = stopped.restarted
    return outcome


def wait_for_library(units: Units, name: str) -> None:
    """Until a service that does not tell has its library mapped."""
    deadline = time.monotonic() + 20
    while not maps(main_pid(name), units.library):
        assert time.monotonic() < deadline
        time.sleep(0.02)


# -- tempers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ((), ["Restart=always", "RestartSec=0"]),
        ((), ["Type=notify"]),
        (("--child",), []),
        ((), ["ExecStop=/bin/true", "KillMode=mixed"]),
    ],
    ids=["restart-always", "notify", "child", "exec-stop"],
)
def test_it_is_stopped_meanwhile_and_runs_the_new_library_afterwards(
    units: Units, session: PrimarySession, options: tuple[str, ...], lines: list[str]
) -> None:
    units.start(units.service("calm.service", *options, service=lines))
    before = main_pid("calm.service")
    assert only(session.affected()).type is AppType.SERVICE
    with session.shutdown() as stopped:
        assert state("calm.service") == ["inactive"]
        library_at(units.library)
    (outcome,) = stopped.restarted
    assert outcome.result is Result.DONE
    assert outcome.process is not None
    assert outcome.process.pid == main_pid("calm.service") != before
    assert maps(main_pid("calm.service"), units.library)
    assert only(session.affected()).status == BACK


def test_what_ignores_the_request_is_killed_by_its_manager_when_its_time_is_over(
    units: Units, session: PrimarySession
) -> None:
    units.start(units.service("stubborn.service", "--stubborn", service=["TimeoutStopSec=1"]))
    with session.shutdown() as stopped:
        (outcome,) = stopped.outcomes
        assert outcome.result is Result.DONE
        assert outcome.message == "killed, for it did not stop in time"
        assert outcome.application.status == Status.STOPPED
    assert state("stubborn.service") == ["active"]


def test_what_its_unit_gives_more_time_than_we_is_given_that_time(
    units: Units, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTARTMANAGER_TIMEOUT_S", "0.5")
    units.start(units.service("stubborn.service", "--stubborn", service=["TimeoutStopSec=2"]))
    with rm.start_session() as impatient:
        impatient.register(files=[units.library])
        with impatient.shutdown() as stopped:
            assert stopped.outcomes[0].message == "killed, for it did not stop in time"
        assert state("stubborn.service") == ["active"]


def test_what_its_unit_gives_all_the_time_in_the_world_has_ours(
    units: Units, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is not waited for for ever to come back; its manager has been told to start it."""
    monkeypatch.setenv("RESTARTMANAGER_TIMEOUT_S", "1")
    monkeypatch.setattr("restartmanager.adapters.services.systemd.starts.STILL_STOPPING_S", 0.5)
    never = "TimeoutStopSec=infinity"
    units.start(units.service("stubborn.service", "--stubborn", service=[never], kept=True))
    before = main_pid("stubborn.service")
    with rm.start_session() as impatient:
        impatient.register(files=[units.library])
        with pytest.raises(ShutdownError, match="did not stop in time"):
            impatient.shutdown()
        assert main_pid("stubborn.service") == before
        with pytest.raises(RestartError, match="its manager starts it when it has"):
            impatient.restart()
        systemctl("kill", "--signal=KILL", "stubborn.service")
    while main_pid("stubborn.service") in {0, before}:
        time.sleep(0.05)


def test_force_kills_what_has_not_obeyed_within_our_own_time(
    units: Units, session: PrimarySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTARTMANAGER_TIMEOUT_S", "1")
    units.start(units.service("stubborn.service", "--stubborn", service=["TimeoutStopSec=300"]))
    with rm.start_session() as impatient:
        impatient.register(files=[units.library])
        with impatient.shutdown(force=True) as stopped:
            assert stopped.outcomes[0].message == "killed, for it did not stop in time"
        assert state("stubborn.service") == ["active"]


def test_what_a_service_leaves_running_is_a_program_of_its_own(
    units: Units, session: PrimarySession
) -> None:
    units.start(units.service("leaves.service", "--child", service=["KillMode=process"]))
    found = session.affected().applications
    assert {app.type for app in found} == {AppType.SERVICE, AppType.UNKNOWN}
    with session.shutdown():
        assert session.affected().reboot_reasons is RebootReason.NONE
        running = [app for app in session.affected().applications if app.status & Status.RUNNING]
        assert running == []
    assert maps(main_pid("leaves.service"), units.library)


def test_a_service_that_comes_up_broken_is_an_outcome_with_what_it_said(
    units: Units, session: PrimarySession
) -> None:
    flag = units.folder / "broken"
    units.start(units.service("fragile.service", "--broken-if", str(flag)))
    with pytest.raises(RestartError) as caught, session.shutdown():
        flag.touch()
    (outcome,) = caught.value.outcomes
    assert outcome.result is Result.FAILED
    assert "its program ended with an error" in outcome.message
    assert "the configuration is broken: line 7" in outcome.message
    status = only(session.affected()).status
    assert status & Status.ERROR_ON_RESTART
    assert not status & Status.RUNNING
    flag.unlink()
    (again,) = session.restart()
    assert again.result is Result.DONE
    assert state("fragile.service") == ["active"]
    assert not only(session.affected()).status & Status.ERROR_ON_RESTART


def test_one_that_crashes_again_and_again_is_not_back(
    units: Units, session: PrimarySession
) -> None:
    flag = units.folder / "broken"
    script = f"[ ! -e {flag} ] || exit 3; exec {units.command()}"
    lines = ["[Service]", "Restart=always", "RestartSec=60", f"ExecStart=/bin/sh -c '{script}'"]
    units.start(units.add("loops.service", "\n".join(lines)))
    wait_for_library(units, "loops.service")
    with pytest.raises(RestartError, match="ended with an error"), session.shutdown():
        flag.touch()
    assert only(session.affected()).status & Status.ERROR_ON_RESTART


# -- names -------------------------------------------------------------------------------------


def test_a_masked_one_is_said_to_stay_closed_and_stays_masked(
    units: Units, session: PrimarySession
) -> None:
    units.start(units.service("veiled.service"))
    systemctl("mask", "--runtime", "veiled.service")
    (units.folder / "veil").write_text("")
    mask = Path("/run/systemd/system.control/veiled.service")
    mask.parent.mkdir(exist_ok=True)
    mask.symlink_to("/dev/null")
    systemctl("daemon-reload")
    try:
        application = only(session.affected())
        assert application.restart_by is RestartBy.NONE
        assert "masked" in application.reason
        with pytest.raises(ShutdownError, match="would not come back"):
            session.shutdown(only_registered=True)
        assert state("veiled.service") == ["active"]
        outcome = replaced(session, units)
        assert outcome.result is Result.SKIPPED
        assert only(session.affected()).status == Status.STOPPED
        assert systemctl("show", "--property=LoadState", "--value", "veiled.service") == "masked"
    finally:
        mask.unlink()


def test_an_instance_of_a_template(units: Units, session: PrimarySession) -> None:
    units.service("many@.service")
    units.start("many@one.service", "many@two.service")
    try:
        names = {app.service.name for app in session.affected().applications if app.service}
        assert names == {"many@one.service", "many@two.service"}
        session.add_filter(FilterAction.NO_SHUTDOWN, service="many@two")
        before = main_pid("many@two.service")
        with session.shutdown() as stopped:
            assert state("many@one.service", "many@two.service") == ["inactive", "active"]
            library_at(units.library)
        assert [o.result for o in stopped.outcomes] == [Result.SKIPPED, Result.DONE]
        assert main_pid("many@two.service") == before
    finally:
        systemctl("stop", "many@one.service", "many@two.service")


def test_a_service_is_found_by_an_alias_and_without_using_a_file(units: Units) -> None:
    units.service("real.service", unit=["Description=The real one"])
    alias = Path("/etc/systemd/system/other-name.service")
    alias.symlink_to("real.service")
    units.start("real.service")
    try:
        with rm.start_session() as session:
            session.register(services=["other-name", "no-such-thing"], allow_missing=True)
            affected = session.affected()
            application = only(affected)
            assert application.service is not None
            assert application.service.name == "real.service"
            assert application.service.description == "The real one"
            assert [item.path for item in affected.unexplained] == ["no-such-thing"]
            with session.shutdown():
                assert state("real.service") == ["inactive"]
            assert state("real.service") == ["active"]
    finally:
        alias.unlink()


@pytest.mark.parametrize(
    "name",
    [
        *("no-such-thing", "plain.servic", "plain.socket", "Plain", "plain@one", "/plain"),
        *("many@", "many@.service", "@one", "x" * 249, "a b", "a\nb"),
    ],
)
def test_a_service_that_no_manager_knows_is_refused_and_named(units: Units, name: str) -> None:
    """By itself, whatever it is named beside: a manager that is asked about a template gives no
    answer at all."""
    units.service("plain.service")
    units.service("many@.service")
    units.start()
    with rm.start_session() as session:
        with pytest.raises(MissingResourceError) as caught:
            session.register(services=["plain", name, "many@one"])
        assert caught.value.missing == {"services": (name,)}
        assert session.resources().services == ()
        session.register(services=["plain", name], allow_missing=True)
        (unexplained,) = session.affected().unexplained
        assert unexplained.path == name


def test_every_name_that_a_manager_knows_is_taken(units: Units) -> None:
    """Instances of templates, aliases, services that do not run, and masked ones."""
    units.service("plain.service")
    units.service("many@.service")
    masked = Path("/etc/systemd/system/masked.service")
    masked.symlink_to("/dev/null")
    alias = Path("/etc/systemd/system/other-name.service")
    alias.symlink_to("plain.service")
    names = ["plain", "plain.service", "many@one", "many@two.service", "masked", "other-name"]
    systemctl("daemon-reload")
    try:
        with rm.start_session() as session:
            session.register(services=names)
            assert session.resources().services == tuple(names)
            assert session.affected().unexplained == ()
    finally:
        masked.unlink()
        alias.unlink()
        systemctl("daemon-reload")


# -- what must not be stopped ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["RefuseManualStop=yes"], "refuses to be stopped"),
        (["X-RestartManager=never"], "its own unit file"),
    ],
    ids=["refuses", "declares"],
)
def test_a_unit_that_does_not_want_to_be_stopped_is_not(
    units: Units, session: PrimarySession, lines: list[str], words: str
) -> None:
    units.start(units.service("solid.service", unit=lines))
    before = main_pid("solid.service")
    application = only(session.affected())
    assert application.type is AppType.CRITICAL
    assert application.reboot_reasons is RebootReason.CRITICAL_SERVICE
    with pytest.raises(RebootNeededError, match=words):
        session.shutdown()
    assert main_pid("solid.service") == before
    units.add(
        "solid.service",
        (Path("/etc/systemd/system/solid.service")).read_text().replace("\n".join(lines), ""),
    )
    systemctl("daemon-reload")


def test_who_stands_on_one_that_must_not_be_stopped_is_left_alone_as_well(
    units: Units, session: PrimarySession
) -> None:
    units.service("below.service")
    needs = ["Requires=below.service", "After=below.service", "X-RestartManager=never"]
    units.add("top.service", "\n".join(["[Unit]", *needs, "[Service]", "ExecStart=sleep inf"]))
    units.start("below.service", "top.service")
    below = {app.name: app for app in session.affected().applications}["below"]
    assert below.reboot_reasons is RebootReason.CRITICAL_SERVICE
    assert "top.service would stop with it" in below.reason
    with pytest.raises(RebootNeededError):
        session.shutdown()
    assert state("below.service", "top.service") == ["active", "active"]


SELF = """
import json, sys
import ctypes
import restartmanager as rm
from restartmanager import rstrtmgr
ctypes.CDLL(sys.argv[1])
with rm.start_session() as session:
    session.register(files=[sys.argv[1]])
    (app,) = session.affected().applications
    try:
        session.shutdown()
    except rm.RestartManagerError as error:
        kind = type(error).__name__
print(json.dumps([app.service.name, app.type, int(app.reboot_reasons), kind]))
"""


def test_the_unit_that_carries_the_installer_is_itself_and_untouched(units: Units) -> None:
    command = ["systemd-run", "--unit=agent", "--pipe", "--wait", "--quiet", "--collect"]
    done = subprocess.run(
        [*command, sys.executable, "-c", SELF, units.library],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == '["agent.service", "critical", 16, "RebootNeededError"]'


def test_a_service_that_the_installers_own_needs_is_left_alone(units: Units) -> None:
    units.start(units.service("engine.service"))
    command = ["systemd-run", "--unit=agent", "--pipe", "--wait", "--quiet", "--collect"]
    code = SELF.replace("ctypes.CDLL(sys.argv[1])\n", "")
    done = subprocess.run(
        [
            *command,
            "--property=BindsTo=engine.service",
            sys.executable,
            "-c",
            code.replace("(app,) =", "app, *_ ="),
            units.library,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == '["engine.service", "critical", 16, "RebootNeededError"]'
    assert state("engine.service") == ["active"]


# -- crashes and recovery ----------------------------------------------------------------------


def die_over_update(units: Units, patch: str = "") -> None:
    """Have an installer stop the users of the library and die over it: where this Python code
    calls ``die``, at the latest when all are stopped."""
    program = f"""
import os, signal, sys
import restartmanager as rm
from restartmanager import rstrtmgr
from restartmanager.adapters.services.systemd.jobs import Jobs
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
{patch}
session = rm.start_session()
session.register(files=[sys.argv[1]])
session.shutdown()
die()
"""
    done = subprocess.run([sys.executable, "-c", program, units.library], check=False)
    assert done.returncode == -signal.SIGKILL


def test_what_a_dead_installer_left_stopped_is_brought_back_with_its_socket(units: Units) -> None:
    units.service("left.service")
    units.add("left.socket", f"[Socket]\nListenStream={units.folder}/left.sock\n")
    units.start("left.socket", "left.service")
    die_over_update(units)
    assert state("left.service", "left.socket") == ["inactive", "inactive"]
    (outcome,) = rm.recover()
    assert outcome.result is Result.DONE
    assert state("left.service", "left.socket") == ["active", "active"]
    assert rm.recover() == ()


def test_what_still_waits_to_be_stopped_when_the_installer_dies_is_not_lost(units: Units) -> None:
    """It runs while recovery looks, and would be stopped in its turn afterwards."""
    units.service("base.service")
    after = ["After=base.service"]
    units.service("top.service", "--stubborn", unit=after, service=["TimeoutStopSec=2"])
    units.start("base.service", "top.service")
    die_over_update(units, "Jobs.finished = die")
    assert state("base.service", "top.service") == ["active", "deactivating"]
    rm.recover()
    assert state("base.service", "top.service") == ["active", "active"]
    assert systemctl("list-jobs", "--no-legend", "base.service", "top.service") == ""


def test_what_takes_long_to_start_after_it_has_stopped_is_awaited(
    units: Units, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is still being stopped is given up early."""
    monkeypatch.setattr("restartmanager.adapters.services.systemd.starts.STILL_STOPPING_S", 2)
    slow = ["ExecStopPost=/bin/sleep 1", "ExecStartPre=/bin/sleep 1.5"]
    units.start(units.service("slow.service", service=slow))
    die_over_update(units, "Jobs.finished = die")
    assert state("slow.service") == ["deactivating"]
    (outcome,) = rm.recover()
    assert outcome.result is Result.DONE
    assert state("slow.service") == ["active"]


@pytest.mark.parametrize("unhurried", [False, True], ids=["at-once", "unhurried"])
def test_a_socket_whose_service_runs_is_put_back_all_the_same(
    units: Units, monkeypatch: pytest.MonkeyPatch, unhurried: bool
) -> None:
    """For that the service must stop for a moment: its socket could not be started else. Who says
    more to the manager only when it has done what it was told before must not come too late."""
    units.service("web.service")
    units.add("web.socket", f"[Socket]\nListenStream={units.folder}/web.sock\n")
    units.start("web.socket", "web.service")
    die_over_update(units, "Jobs.add = die")
    before = main_pid("web.service")
    systemctl("stop", "web.socket")
    assert state("web.service", "web.socket") == ["active", "inactive"]
    if unhurried:
        call_all = Bus.call_all

        def call_and_wait(bus: Bus, calls: Iterable[Call]) -> list[tuple[Any, ...] | Refusal]:
            answers = call_all(bus, calls)
            while systemctl("list-jobs", "--no-legend"):
                os.sched_yield()
            return answers

        monkeypatch.setattr(Bus, "call_all", call_and_wait)
    rm.recover()
    assert state("web.service", "web.socket") == ["active", "active"]
    assert main_pid("web.service") != before


def test_cancel_leaves_running_what_was_not_stopped(units: Units, session: PrimarySession) -> None:
    units.service("first.service")
    needs = ["Requires=first.service", "After=first.service"]
    units.service("second.service", "--stubborn", unit=needs, service=["TimeoutStopSec=60"])
    units.start("first.service", "second.service")

    def call_off(progress: rm.Progress) -> None:
        if progress.message == "told to stop":
            session.cancel()

    with pytest.raises(rm.RestartManagerError, match="cancelled"):
        session.shutdown(on_event=call_off)
    assert state("first.service") == ["active"]
    systemctl("kill", "--signal=KILL", "second.service")


# -- what could start it, and what else may go wrong -------------------------------------------


def test_the_message_bus_cannot_start_it_meanwhile(units: Units, session: PrimarySession) -> None:
    """It is masked while it is stopped, and only then."""
    name = "org.example.Widget"
    activation = Path("/usr/share/dbus-1/system-services") / f"{name}.service"
    activation.write_text(
        f"[D-BUS Service]\nName={name}\nExec=/bin/false\nUser=root\nSystemdService=widget.service\n"
    )
    units.add(
        "widget.service",
        f"[Unit]\n[Service]\nType=notify\nBusName={name}\nExecStart={units.command()}\n",
        Path("/usr/lib/systemd/system"),
    )
    units.start("widget.service")
    systemctl("reload", "dbus.service")

    def knock() -> str:
        command = ["busctl", "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus"]
        done = subprocess.run(
            [*command, "StartServiceByName", "su", name, "0"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.stderr

    try:
        with session.shutdown():
            assert "masked" in knock()
            assert state("widget.service") == ["inactive"]
            library_at(units.library)
        assert state("widget.service") == ["active"]
        unit_file = systemctl("show", "--property=UnitFileState", "--value", "widget.service")
        assert "masked" not in unit_file
        assert maps(main_pid("widget.service"), units.library)
    finally:
        activation.unlink()


def test_a_timer_does_not_start_it_meanwhile_and_runs_again(
    units: Units, session: PrimarySession
) -> None:
    units.service("hourly.service")
    units.add("hourly.timer", "[Timer]\nOnUnitInactiveSec=10ms\nAccuracySec=1ms\n")
    units.start("hourly.timer", "hourly.service")
    with session.shutdown():
        assert state("hourly.service", "hourly.timer") == ["inactive", "inactive"]
        library_at(units.library)
    assert state("hourly.service", "hourly.timer") == ["active", "active"]


def test_another_unit_that_fails_over_it_is_named(units: Units, session: PrimarySession) -> None:
    units.add("victim.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 3'\n")
    units.service("cause.service")
    units.start("cause.service")
    units.service("cause.service", unit=["Wants=victim.service", "Before=victim.service"])
    named = pytest.raises(RestartError, match=r"victim: its program ended with an error")
    with named as caught, session.shutdown():
        library_at(units.library)
    assert {o.application.name: o.result for o in caught.value.outcomes} == {
        "cause": Result.DONE,
        "victim": Result.FAILED,
    }
    assert state("cause.service") == ["active"]  # by the changed definition, which was read again


def test_services_that_go_together_by_the_policy(units: Units) -> None:
    policy = units.folder / "policy.d"
    policy.mkdir(mode=0o755)
    together = '[[together]]\nservices = ["left.service", "right.service"]\nreason = "a pair"\n'
    (policy / "pair.toml").write_text(together)
    (policy / "pair.toml").chmod(0o644)
    units.service("left.service")
    units.add("right.service", "[Service]\nExecStart=sleep inf\n")
    units.start("left.service", "right.service")
    before = main_pid("right.service")
    code = (
        "import sys, restartmanager as rm\n"
        "with rm.start_session() as session:\n"
        "    session.register(files=[sys.argv[1]])\n"
        "    print(*sorted(a.name for a in session.affected().applications))\n"
        "    with session.shutdown(): pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, units.library],
        env={**os.environ, "RESTARTMANAGER_POLICY_DIR": str(policy)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["left", "right"]
    assert main_pid("right.service") not in {0, before}


def test_names_of_the_windows_list_find_their_services_again(units: Units) -> None:
    """As Windows has them, without an ending, and longer than it has any."""
    long = "a-service-with-a-name-that-tells-all-about-it-and-about-its-purpose-too.service"
    units.service("short.service")
    units.service(long)
    units.start("short.service", long)
    _, handle, _ = rstrtmgr.RmStartSession(0)
    _, again, _ = rstrtmgr.RmStartSession(0)
    try:
        code = rstrtmgr.RmRegisterResources(handle, 0, None, 0, None, 2, ["short", long])
        assert code == rstrtmgr.ERROR_SUCCESS
        names = [info.strServiceShortName for info in rstrtmgr.RmGetList(handle, 9)[3]]
        assert sorted(names) == [long[:63], "short"]
        code = rstrtmgr.RmRegisterResources(again, 0, None, 0, None, 2, names)
        assert code == rstrtmgr.ERROR_SUCCESS
        code = rstrtmgr.RmAddFilter(again, None, None, long[:63], rstrtmgr.RmNoShutdown)
        assert code == rstrtmgr.ERROR_SUCCESS
        assert rstrtmgr.RmShutdown(again, 0, None) == rstrtmgr.ERROR_SUCCESS
        assert state("short.service", long) == ["inactive", "active"]
        assert rstrtmgr.RmRestart(again, 0, None) == rstrtmgr.ERROR_SUCCESS
        assert state("short.service", long) == ["active", "active"]
        statuses = {i.strServiceShortName: i.AppStatus for i in rstrtmgr.RmGetList(again, 9)[3]}
        assert statuses == {"short": 0x0B, long[:63]: 0x41}
    finally:
        rstrtmgr.RmEndSession(handle)
        rstrtmgr.RmEndSession(again)
