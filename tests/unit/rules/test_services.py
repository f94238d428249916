"""Services as applications: who is part of one, what stops with it, whether it may stop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from restartmanager.api.settings import shipped_policy
from restartmanager.model import (
    Application,
    AppType,
    Evidence,
    Holder,
    How,
    Process,
    RebootReason,
    Required,
    RestartBy,
    Service,
    ServiceFacts,
    ServiceState,
    Treatment,
)
from restartmanager.model.identity import UniqueProcess
from restartmanager.rules.applications import MachineFacts, find_applications
from restartmanager.rules.policy import Companions, Policy, ServiceRule
from restartmanager.rules.services import ServiceScene

LIBRARY = "/usr/lib/libwidget.so"
WEB = Service("systemd", "web.service")
DATABASE = Service("systemd", "database.service")
MINE = Service("systemd", "mine.service", user=1000)


def process(pid: int, executable: str = "/usr/sbin/daemon", **facts: object) -> Process:
    base = Process(
        identity=UniqueProcess(pid, pid * 10, "boot"),
        parent_pid=1,
        name="daemon",
        executable=executable,
        arguments=(executable,),
        uid=0,
        process_group=pid,
        session=pid,
        terminal=False,
    )
    return replace(base, **facts)  # type: ignore[arg-type]


def holder(process: Process) -> Holder:
    return Holder(process, (Evidence(process.pid, LIBRARY, (How.MAPPED,), stale=False),))


def facts(service: Service, main: Process | None = None, **known: object) -> ServiceFacts:
    base = ServiceFacts(
        service,
        ServiceState.ACTIVE,
        aliases=frozenset({service.name}),
        main=main.identity if main else None,
    )
    return base._replace(**known)  # type: ignore[arg-type]


def listed(  # noqa: PLR0917 - the facts of a scene
    holders: list[Process],
    owners: dict[Process, Service],
    known: list[ServiceFacts],
    policy: Policy | None = None,
    uid: int = 0,
    own: frozenset[Service] = frozenset(),
    registered: frozenset[Service] = frozenset(),
) -> dict[str, Application]:
    scene = ServiceScene(
        owners={process.identity: service for process, service in owners.items()},
        facts={item.service: item for item in known},
        registered=registered,
        own=own,
        mains={process.identity: process for process in owners},
    )
    around = MachineFacts(uid=uid, policy=policy or Policy(), scene=scene)
    found = find_applications([holder(p) for p in holders], around)
    return {application.name: application for application in found}


# -- who is part of it -------------------------------------------------------------------------


def test_a_service_is_one_application_with_its_main_process_first() -> None:
    main, worker = process(10), process(11, parent_pid=10)
    found = listed([worker], {main: WEB, worker: WEB}, [facts(WEB, main)])
    web = found["web"]
    assert web.type is AppType.SERVICE
    assert web.service == WEB
    assert web.main_process == main
    assert web.processes == (main, worker)
    assert web.restart_by is RestartBy.UNIT
    assert web.restartable
    assert not web.reboot_reasons


def test_what_survives_the_stop_of_a_service_is_a_program_of_its_own() -> None:
    main, left = process(10), process(11, "/usr/bin/session")
    found = listed([main, left], {main: WEB, left: WEB}, [facts(WEB, main, ends_all=False)])
    assert set(found) == {"web", "session"}
    assert found["web"].processes == (main,)
    assert found["session"].service is None


def test_what_lives_in_a_container_of_a_service_is_not_the_service() -> None:
    main, inner = process(10), process(11, "/app", same_pid_namespace=False)
    found = listed([inner], {main: WEB, inner: WEB}, [facts(WEB, main)])
    assert found["app"].type is AppType.CONTAINER


def test_a_service_without_facts_is_left_to_its_processes() -> None:
    main = process(10)
    assert listed([main], {main: WEB}, [])["daemon"].service is None


def test_a_registered_service_is_listed_although_it_uses_nothing() -> None:
    found = listed([], {}, [facts(WEB)], registered=frozenset({WEB}))
    assert found["web"].evidence == ()
    assert found["web"].reason == ""


@pytest.mark.parametrize("state", [ServiceState.INACTIVE, ServiceState.FAILED])
def test_what_does_not_run_is_not_listed(state: ServiceState) -> None:
    assert listed([], {}, [facts(WEB, state=state)], registered=frozenset({WEB})) == {}


# -- what stops with it ------------------------------------------------------------------------


def test_who_depends_on_it_is_listed_and_knows_what_it_needs() -> None:
    main = process(10)
    known = [facts(DATABASE, main, dependents=(WEB,)), facts(WEB)]
    found = listed([main], {main: DATABASE}, known)
    assert found["web"].needs == (DATABASE,)
    assert found["web"].reason == "it needs database.service"
    assert found["database"].needs == ()


def test_companions_are_listed_with_the_reason() -> None:
    main = process(10)
    policy = Policy(together=(Companions(frozenset({"web.service", "database.service"}), "r"),))
    found = listed([main], {main: DATABASE}, [facts(DATABASE, main), facts(WEB)], policy)
    assert "goes together" in found["web"].reason


# -- whether it may be stopped -----------------------------------------------------------------


def rule(treatment: Treatment, *names: str) -> Policy:
    return Policy(services=(ServiceRule(names, treatment, Required.SOFT_REBOOT, "because"),))


def test_the_policy_protects_by_any_name() -> None:
    main = process(10)
    known = facts(WEB, main, aliases=frozenset({"web.service", "httpd.service"}))
    web = listed([main], {main: WEB}, [known], rule(Treatment.NEVER, "http*.service"))["web"]
    assert web.type is AppType.CRITICAL
    assert web.reboot_reasons is RebootReason.CRITICAL_SERVICE
    assert (web.required, web.reason) == (Required.SOFT_REBOOT, "because")


def test_a_protected_program_protects_its_service() -> None:
    bus = Service("systemd", "my-bus.service")
    main = process(10, "/usr/bin/dbus-daemon")
    found = listed([main], {main: bus}, [facts(bus, main)], shipped_policy())
    assert found["my-bus"].reboot_reasons is RebootReason.CRITICAL_SERVICE
    assert found["my-bus"].required is Required.SOFT_REBOOT


def test_the_service_of_the_installer_is_itself() -> None:
    main = process(10)
    web = listed([main], {main: WEB}, [facts(WEB, main)], own=frozenset({WEB}))["web"]
    assert web.reboot_reasons is RebootReason.DETECTED_SELF


def test_what_the_installers_own_service_needs_is_out_of_reach_as_well() -> None:
    main = process(10)
    known = [facts(DATABASE, main, dependents=(WEB,)), facts(WEB)]
    found = listed([main], {main: DATABASE}, known, own=frozenset({WEB}))
    assert found["database"].reboot_reasons is RebootReason.DETECTED_SELF
    assert "web.service would stop with it" in found["database"].reason


@pytest.mark.parametrize(
    ("uid", "service", "allowed"),
    [(0, WEB, True), (0, MINE, True), (1000, MINE, True), (1000, WEB, False), (7, MINE, False)],
)
def test_only_root_and_its_owner_may_stop_a_service(
    uid: int, service: Service, allowed: bool
) -> None:
    main = process(10, uid=uid)
    (found,) = listed([main], {main: service}, [facts(service, main)], uid=uid).values()
    denied = found.reboot_reasons is RebootReason.PERMISSION_DENIED
    assert denied is not allowed
    assert found.type is AppType.SERVICE


def test_a_unit_that_declares_it_is_not_stopped() -> None:
    main = process(10)
    web = listed([main], {main: WEB}, [facts(WEB, main, wish=Treatment.NEVER)])["web"]
    assert web.reboot_reasons is RebootReason.CRITICAL_SERVICE


def test_a_manager_that_would_refuse_is_taken_at_its_word() -> None:
    main = process(10)
    known = facts(WEB, main, unstoppable="it says no", obstacle=RebootReason.PERMISSION_DENIED)
    web = listed([main], {main: WEB}, [known])["web"]
    assert (web.reboot_reasons, web.reason) == (RebootReason.PERMISSION_DENIED, "it says no")


def test_what_cannot_be_started_again_says_so_beforehand() -> None:
    main = process(10)
    web = listed([main], {main: WEB}, [facts(WEB, main, unstartable="it is masked")])["web"]
    assert not web.restartable
    assert web.reason == "it is masked"
    assert not web.reboot_reasons


@pytest.mark.parametrize(
    ("wish", "policy", "reloads"),
    [
        (None, Policy(), False),
        (Treatment.RELOAD, Policy(), True),
        (None, rule(Treatment.RELOAD, "web.service"), True),
        (Treatment.RESTART, rule(Treatment.RELOAD, "web.service"), False),
    ],
)
def test_the_unit_knows_better_than_the_policy_whether_a_reload_suffices(
    wish: Treatment | None, policy: Policy, reloads: bool
) -> None:
    main = process(10)
    web = listed([main], {main: WEB}, [facts(WEB, main, wish=wish)], policy)["web"]
    assert web.reload_suffices is reloads


@pytest.mark.parametrize(
    "name",
    [
        "dbus.service", "systemd-logind.service", "user@1000.service", "getty@tty1.service",
        "gdm.service", "NetworkManager.service", "docker.service", "libvirtd.service",
        "corosync.service", "multipathd.service", "unattended-upgrades.service", "auditd.service",
    ],
)  # fmt: skip
def test_the_shipped_policy_protects_services(name: str) -> None:
    found = shipped_policy().service_rule([name])
    assert found is not None
    assert found.treatment is Treatment.NEVER


@pytest.mark.parametrize("name", ["nginx.service", "ssh.service", "cron.service"])
def test_the_shipped_policy_lets_ordinary_services_be_stopped(name: str) -> None:
    assert shipped_policy().service_rule([name]) is None


# -- what lives in it ------------------------------------------------------------------------------


def with_inside(main: Process, *inside: Process) -> Application:
    scene = ServiceScene(
        owners={main.identity: WEB},
        facts={WEB: facts(WEB, main)},
        mains={main.identity: main},
        inside={WEB: inside},
    )
    around = MachineFacts(uid=0, policy=shipped_policy(), scene=scene)
    (found,) = find_applications([holder(main)], around)
    return found


@pytest.mark.parametrize(
    "program", ["/usr/bin/tmux", "/usr/bin/conmon", "/usr/bin/containerd-shim-runc-v2"]
)
def test_a_service_in_which_somebodys_work_lives_is_left_alone(program: str) -> None:
    found = with_inside(process(10), process(11), process(12, program, name="a guest"))
    assert found.reboot_reasons is RebootReason.CRITICAL_SERVICE
    assert found.reason.startswith("a guest (process 12) would end with it: ")


@pytest.mark.parametrize("program", ["/usr/bin/dbus-daemon", "/home/ann/tmux", "/usr/sbin/daemon"])
def test_other_programs_in_a_service_keep_nothing_from_stopping_it(program: str) -> None:
    assert not with_inside(process(10), process(12, program)).reboot_reasons


def test_what_would_be_broken_off_is_left_alone() -> None:
    main = process(10)
    web = listed([main], {main: WEB}, [facts(WEB, main, busy="its job is running")])["web"]
    assert web.reboot_reasons is RebootReason.CRITICAL_SERVICE
    assert (web.required, web.reason) == (Required.RESTART, "its job is running")
