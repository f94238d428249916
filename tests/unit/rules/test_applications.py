"""Who belongs together, what it is, and whether it may be stopped: rules over plain facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from restartmanager.api.settings import shipped_policy
from restartmanager.model import (
    AppType,
    Evidence,
    Holder,
    How,
    Process,
    RebootReason,
    Required,
)
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.logins import Login
from restartmanager.rules.applications import (
    MachineFacts,
    desktop_unit,
    find_applications,
    unit_of_desktop,
)
from restartmanager.rules.policy import Policy, Rule

FILE = "/usr/lib/libwidget.so"
SCOPE = "/user.slice/user@1000.service/app.slice/app-gnome-org.example.App-42.scope"
PODMAN = f"/user.slice/user@1000.service/user.slice/libpod-{'ab' * 32}.scope/container"


def process(pid: int, executable: str = "/usr/bin/app", **facts: object) -> Process:
    base = Process(
        identity=UniqueProcess(pid, pid * 10, "boot"),
        parent_pid=1,
        name="app",
        executable=executable,
        arguments=(executable,),
        uid=1000,
        process_group=pid,
        session=pid,
        terminal=False,
    )
    return replace(base, **facts)  # type: ignore[arg-type]


def holder(process: Process) -> Holder:
    return Holder(process, (Evidence(process.pid, FILE, (How.MAPPED,), stale=False),))


def families(holders: list[Process], others: list[Process] | None = None) -> list[set[int]]:
    everybody = {p.pid: p for p in [*holders, *(others or [])]}
    around = MachineFacts(uid=0, parents=everybody)
    found = find_applications([holder(p) for p in holders], around)
    return [{p.pid for p in application.processes} for application in found]


# -- who belongs together ----------------------------------------------------------------------


def test_strangers_are_applications_of_their_own() -> None:
    assert families([process(10), process(20)]) == [{10}, {20}]


def test_a_child_of_the_same_job_is_a_helper() -> None:
    child = process(20, "/usr/bin/helper", parent_pid=10, process_group=10)
    assert families([process(10), child]) == [{10, 20}]


def test_a_shell_and_the_jobs_it_started_are_not_one() -> None:
    shell = process(10, "/bin/bash", terminal=True)
    job = process(20, parent_pid=10, process_group=20)
    assert families([shell, job]) == [{10}, {20}]


def test_a_browsers_workers_belong_to_it_even_when_only_they_use_the_file() -> None:
    main = process(10, "/opt/browser/browser")
    workers = [
        process(pid, "/opt/browser/browser", parent_pid=10 if pid < 15 else 12, process_group=pid)
        for pid in range(11, 22)
    ]
    (family,) = families(workers, [main])
    assert family == {10, *range(11, 22)}


def test_programs_that_share_an_interpreter_are_not_copies_of_one_another() -> None:
    python = "/usr/bin/python3"
    server = process(10, python, arguments=(python, "/srv/server.py"))
    job = process(20, python, arguments=(python, "/srv/job.py"), parent_pid=10)
    assert families([job], [server]) == [{20}]
    worker = process(30, python, arguments=(python, "/srv/server.py"), parent_pid=10)
    assert families([worker], [server]) == [{10, 30}]


def test_a_sandboxed_copy_is_a_helper_and_another_program_in_a_namespace_is_not() -> None:
    main = process(10)
    for executable, expected in (("/usr/bin/app", [{10, 20}]), ("/bin/sh", [{10}, {20}])):
        inside = process(20, executable, parent_pid=10, process_group=10, same_pid_namespace=False)
        assert families([main, inside]) == expected


def test_a_program_in_a_scope_of_its_own_is_no_helper() -> None:
    child = process(20, parent_pid=10, process_group=10, cgroup=SCOPE)
    assert families([process(10), child]) == [{10}, {20}]


def test_the_oldest_process_of_a_scope_leads_all_of_its_users_there() -> None:
    oldest = process(10, "/usr/bin/browser", cgroup=SCOPE)
    others = [process(pid, f"/usr/bin/x{pid}", cgroup=SCOPE) for pid in (20, 30)]
    of_root = process(40, cgroup=SCOPE, uid=0)
    contained = process(50, cgroup=SCOPE.replace("/app-", f"{PODMAN}/app-"))
    unit = desktop_unit(oldest)
    assert unit is not None
    around = MachineFacts(uid=0, units={unit: oldest})
    found = find_applications([holder(p) for p in (*others, of_root, contained)], around)
    assert [{p.pid for p in app.processes} for app in found] == [{10, 20, 30}, {40}, {50}]


def test_a_unit_is_a_desktops_for_the_processes_of_its_own_user_only() -> None:
    """Its user has chosen its name, and what sudo(8) has started there is somebody else's."""
    assert desktop_unit(process(10, cgroup=SCOPE)) is not None
    for uid in (0, 1001):
        other = process(20, cgroup=SCOPE, uid=uid)
        assert desktop_unit(other) is None
        assert unit_of_desktop(other) == desktop_unit(process(10, cgroup=SCOPE))
        (application,) = find_applications([holder(other)], MachineFacts(uid=0))
        assert application.type is not AppType.MAIN_WINDOW
    for system in ("/system.slice/app-gnome-org.example.editor-42.scope", "/app-x@1.service", None):
        assert desktop_unit(process(30, cgroup=system, uid=0)) is None


def test_another_users_child_is_not_a_helper() -> None:
    child = process(20, parent_pid=10, process_group=10, uid=1001)
    assert families([process(10), child]) == [{10}, {20}]


def test_nothing_belongs_to_the_installer_itself() -> None:
    me = process(10)
    child = process(20, parent_pid=10, process_group=10)
    around = MachineFacts(uid=0, selves=frozenset({me.identity}), parents={10: me})
    found = find_applications([holder(me), holder(child)], around)
    assert [application.reboot_reasons for application in found] == [
        RebootReason.DETECTED_SELF,
        RebootReason.NONE,
    ]


# -- what it is --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"executable": "/usr/bin/gedit"}, "gedit"),
        ({"executable": None, "name": "kworker"}, "kworker"),
        (
            {"executable": "/usr/bin/python3.11", "arguments": ("python3", "-u", "/opt/sync.py")},
            "sync.py",
        ),
        ({"executable": "/usr/bin/python3.11", "arguments": ("python3",)}, "python3.11"),
    ],
)
def test_is_named_as_a_person_would_name_it(facts: dict[str, object], name: str) -> None:
    (application,) = find_applications([holder(process(10, **facts))], MachineFacts(uid=0))  # type: ignore[arg-type]
    assert application.name == name


@pytest.mark.parametrize(("terminal", "kind"), [(True, AppType.CONSOLE), (False, AppType.UNKNOWN)])
def test_type_follows_the_terminal(terminal: bool, kind: AppType) -> None:
    (application,) = find_applications(
        [holder(process(10, terminal=terminal))], MachineFacts(uid=0)
    )
    assert application.type is kind


@pytest.mark.parametrize(
    ("unit", "seen"),
    [
        ("user@1000.service/app.slice/app-gnome-org.example.App-42.scope", True),
        ("user@1000.service/app.slice/app-org.kde.kate@0a1b2c.service", True),
        ("user@1000.service/app.slice/app-org.kde.kate@autostart.service", False),
        ("user@1000.service/app.slice/app-server.service", False),
        ("user@1000.service/app.slice/run-42.scope", False),
        ("app-org.kde.kate@0a1b2c.service", False),
        ("app-42.scope", False),
    ],
)
def test_what_a_desktop_has_started_is_seen(unit: str, seen: bool) -> None:
    someone = process(10, cgroup=f"/user.slice/{unit}", terminal=True)
    (application,) = find_applications([holder(someone)], MachineFacts(uid=0))
    assert (application.type is AppType.MAIN_WINDOW) == seen


# -- whether it may be stopped -----------------------------------------------------------------

PROTECTED = Policy(
    ("/usr",), (Rule(AppType.SHELL, frozenset({"panel"}), Required.RELOGIN, "it is the desktop"),)
)


@pytest.mark.parametrize(
    ("facts", "uid", "reason", "kind"),
    [
        ({"pid": 1}, 0, RebootReason.CRITICAL_PROCESS, AppType.CRITICAL),
        ({"kernel_thread": True}, 0, RebootReason.CRITICAL_PROCESS, AppType.CRITICAL),
        ({"same_pid_namespace": False}, 0, RebootReason.SESSION_MISMATCH, AppType.CONTAINER),
        ({"executable": "/usr/bin/panel"}, 0, RebootReason.CRITICAL_PROCESS, AppType.SHELL),
        ({"executable": "/home/x/panel"}, 0, RebootReason.NONE, AppType.UNKNOWN),
        ({}, 1001, RebootReason.PERMISSION_DENIED, AppType.CRITICAL),
        ({}, 1000, RebootReason.NONE, AppType.UNKNOWN),
        ({}, 0, RebootReason.NONE, AppType.UNKNOWN),
    ],
)
def test_reasons(facts: dict[str, object], uid: int, reason: RebootReason, kind: AppType) -> None:
    someone = process(facts.pop("pid", 10), **facts)  # type: ignore[arg-type]
    around = MachineFacts(uid=uid, policy=PROTECTED)
    (application,) = find_applications([holder(someone)], around)
    assert application.reboot_reasons == reason
    assert application.type is kind
    assert bool(application.reason) == bool(reason)


@pytest.mark.parametrize("apart", [True, False])
def test_a_container_is_named_with_the_advice_what_to_do(apart: bool) -> None:
    inside = process(10, cgroup=PODMAN, same_pid_namespace=not apart)
    (application,) = find_applications([holder(inside)], MachineFacts(uid=0))
    assert application.type is AppType.CONTAINER
    assert application.reboot_reasons == RebootReason.SESSION_MISMATCH
    words = "it lives in a container: restart the container (as user 1000): podman restart abab"
    assert application.reason.startswith(words)


def test_the_container_of_the_caller_is_none() -> None:
    around = MachineFacts(uid=0, own_cgroup=PODMAN)
    (application,) = find_applications([holder(process(10, cgroup=PODMAN))], around)
    assert not application.reboot_reasons


def test_reasons_of_all_members_count() -> None:
    parent = process(10)
    inside = process(20, parent_pid=10, process_group=10, same_pid_namespace=False)
    found = find_applications([holder(parent), holder(inside)], MachineFacts(uid=0))
    assert [application.reboot_reasons for application in found] == [
        RebootReason.NONE,
        RebootReason.SESSION_MISMATCH,
    ]


@pytest.mark.parametrize(
    ("executable", "required"),
    [
        ("/usr/bin/dbus-daemon", Required.SOFT_REBOOT),
        ("/usr/lib/systemd/systemd-logind", Required.REBOOT),
        ("/usr/bin/gnome-shell", Required.RELOGIN),
    ],
)
def test_the_shipped_policy_protects(executable: str, required: Required) -> None:
    rule = shipped_policy().rule_for(executable)
    assert rule is not None
    assert rule.required is required


def test_the_shipped_policy_lets_ordinary_programs_be_stopped() -> None:
    for executable in ("/usr/bin/gedit", "/usr/sbin/nginx", "/home/x/dbus-daemon", None):
        assert shipped_policy().rule_for(executable) is None


# -- logins ------------------------------------------------------------------------------------


LOGIN = Login("7", 50, "session-7.scope", "ann", "pts/0", "192.0.2.7")


def in_session(pid: int, executable: str, **facts: object) -> Process:
    cgroup = "/user.slice/user-1000.slice/session-7.scope"
    return process(pid, executable, cgroup=cgroup, **facts)


def test_who_carries_a_login_is_named_with_it() -> None:
    """As sshd before 9.8: one process of root's, and one of the user's, of the same program."""
    leader = in_session(50, "/usr/sbin/sshd", uid=0)
    of_user = in_session(51, "/usr/sbin/sshd", parent_pid=50)
    shell = in_session(52, "/bin/bash", parent_pid=51, terminal=True)
    listener = process(49, "/usr/sbin/sshd", uid=0, cgroup="/system.slice/ssh.service")
    everybody = [listener, leader, of_user, shell]
    around = MachineFacts(uid=0, parents={p.pid: p for p in everybody}, logins={LOGIN.scope: LOGIN})
    found = find_applications(map(holder, everybody), around)
    reasons = {app.main_process.pid: app.reason for app in found if app.main_process}
    carries = "it carries the login of ann (pts/0, from 192.0.2.7)"
    assert reasons == {49: "", 50: carries, 51: carries, 52: ""}
    required = {app.main_process.pid: app.required for app in found if app.main_process}
    assert (required[50], required[52]) == (Required.RELOGIN, Required.RESTART)


def test_what_outlives_its_login_carries_none() -> None:
    """The leader has gone, and its number may be another's, in another place."""
    stray = in_session(60, "/usr/bin/app")
    other = process(50, "/usr/bin/app", cgroup="/system.slice/cron.service")
    around = MachineFacts(uid=0, parents={60: stray, 50: other}, logins={LOGIN.scope: LOGIN})
    assert not any(a.reason for a in find_applications(map(holder, [stray, other]), around))
