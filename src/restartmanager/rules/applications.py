"""Applications: which holders belong together, of what type they are, whether they may be stopped.

MachineFacts has what must be known besides the holders::

    >>> from restartmanager.model import Holder, Process
    >>> from restartmanager.model.identity import UniqueProcess
    >>> shell = Process(
    ...     UniqueProcess(42, 7000, "boot"), 1, "bash", "/bin/bash", ("bash",), 1000, 42, 42, True
    ... )
    >>> (application,) = find_applications([Holder(shell, ())], MachineFacts(uid=1001))
    >>> print(application.name, application.reason, sep=": ")
    bash: it belongs to another user (uid 1000)
"""

from __future__ import annotations

import posixpath
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.model import (
    Application,
    AppType,
    Evidence,
    Process,
    RebootReason,
    Required,
)
from restartmanager.rules.interpreters import script_candidates
from restartmanager.rules.policy import Policy
from restartmanager.rules.services import ServiceScene, service_applications, service_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from restartmanager.model import Holder
    from restartmanager.model.answers import Windows
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.logins import Login
    from restartmanager.rules.cgroups import UnitAddress
    from restartmanager.rules.containers import Container


class MachineFacts(NamedTuple):
    """The facts about the machine and the caller that decide about a holder.

    ``parents`` has the ancestors of all holders by their number. ``selves`` are the caller, its
    ancestors, and the other installers of the session. ``units`` has the oldest process of each
    desktop unit that a holder is in. ``own_cgroup`` is the caller's control group. ``logins`` has
    the logins by their scopes.
    """

    uid: int
    selves: frozenset[UniqueProcess] = frozenset()
    parents: Mapping[int, Process] = MappingProxyType({})
    policy: Policy = Policy()
    scene: ServiceScene = ServiceScene({}, {})
    units: Mapping[UnitAddress, Process] = MappingProxyType({})
    own_cgroup: str | None = None
    logins: Mapping[str, Login] = MappingProxyType({})


class _Obstacle(NamedTuple):
    """The reason why a process cannot be stopped, and what it takes instead."""

    type: AppType
    reason: RebootReason
    required: Required
    words: str


def find_applications(holders: Iterable[Holder], facts: MachineFacts) -> tuple[Application, ...]:
    """The applications of these holders, oldest first."""
    everybody = tuple(holders)
    by_pid = {
        holder.process.pid: holder
        for holder in everybody
        if service_of(holder.process, facts.scene) is None
    }
    families: dict[int, list[Holder]] = {}
    leaders: dict[int, Process] = {}
    for holder in by_pid.values():
        leader = _leader_of(holder.process, by_pid, facts)
        leaders[leader.pid] = leader
        families.setdefault(leader.pid, []).append(holder)
    applications = [_application(leaders[pid], family, facts) for pid, family in families.items()]
    applications += service_applications(everybody, facts.scene, facts.policy, facts.uid)
    return tuple(sorted(applications, key=_age))


def pending_kernel(release: str) -> Application:
    """The kernel as an application, where a newer one waits for a reboot."""
    return Application(
        name="the kernel",
        type=AppType.CRITICAL,
        main_process=None,
        reboot_reasons=RebootReason.CRITICAL_PROCESS,
        required=Required.REBOOT,
        reason=f"{release} is installed, and an older one runs",
    )


def with_windows(application: Application, windows: Windows | None) -> Application:
    """The application with the type that the leader's windows give it. The shell is never
    stopped."""
    from restartmanager.model.answers import WindowKind

    if windows is None or application.reboot_reasons:
        return application
    if windows.kind is WindowKind.SHELL:
        obstacle = _Obstacle(
            AppType.SHELL,
            RebootReason.CRITICAL_PROCESS,
            Required.RELOGIN,
            "it is part of the desktop itself",
        )
        return _judged(application, [obstacle])
    if windows.kind is WindowKind.MAIN:
        return replace(application, type=AppType.MAIN_WINDOW)
    if application.type is AppType.MAIN_WINDOW:
        return application
    return replace(application, type=AppType.OTHER_WINDOW)


def desktop_unit(process: Process) -> UnitAddress | None:
    """The unit in which the desktop of its own user has started the application of this process,
    or None (systemd, "Desktop Environment Integration").

    Such a unit is a scope, or a service that was made for this one start. A program that is started
    at every login (``@autostart``) is a service like others: its manager can start it again. A
    process of another user in it (sudo(8)) is no part of the application: who made the unit has
    chosen its name, and that means nothing for others.
    """
    unit = unit_of_desktop(process)
    return unit if unit is not None and unit.user == process.uid else None


def unit_of_desktop(process: Process) -> UnitAddress | None:
    """The unit of a desktop, whoever's, that this process is in; None where it is in none."""
    if not process.cgroup or "/app-" not in process.cgroup:
        return None
    from restartmanager.rules.cgroups import unit_at  # seldom needed, and patterns take time

    unit = unit_at(process.cgroup)
    if unit is None or unit.user is None or not unit.name.startswith("app-"):
        return None
    stem, _, kind = unit.name.rpartition(".")
    once = "@" in stem and not stem.endswith("@autostart")
    return unit if kind == "scope" or (kind == "service" and once) else None


# -- who belongs together ----------------------------------------------------------------------


def _leader_of(process: Process, holders: Mapping[int, Holder], facts: MachineFacts) -> Process:
    """The leader of the application that this process belongs to."""
    unit = desktop_unit(process)
    oldest = facts.units.get(unit) if unit is not None else None
    if oldest is not None and oldest.uid == process.uid and not _stands_alone(process, facts):
        return oldest
    leader = process
    while True:
        parent = facts.parents.get(leader.parent_pid)
        if parent is None or not _belongs_to(leader, parent, holders, facts):
            return leader
        leader = parent


def _belongs_to(
    child: Process, parent: Process, holders: Mapping[int, Holder], facts: MachineFacts
) -> bool:
    """Whether a process is a helper of its parent rather than a program of its own.

    Helpers run for the same user. They are either other copies of the parent's program, as the
    workers of a browser are, or part of one job with a parent that uses the same files. Programs
    that merely share an interpreter are not copies of one another.
    """
    if child.uid != parent.uid or desktop_unit(child) != desktop_unit(parent):
        return False
    if _obstacle(parent, facts) or _stands_alone(child, facts):
        return False
    if service_of(parent, facts.scene) is not None:
        return False
    if parent.pid in holders and child.same_pid_namespace:
        return child.process_group == parent.process_group or _same_program(child, parent)
    return _same_program(child, parent)


def _stands_alone(process: Process, facts: MachineFacts) -> bool:
    """Whether a process cannot be a helper: it must not be stopped, or lives in a container. The
    sandbox of a helper is no container, although it may have a pid namespace of its own."""
    return _obstacle(replace(process, same_pid_namespace=True), facts) is not None


def _same_program(child: Process, parent: Process) -> bool:
    if child.executable is None or child.executable != parent.executable:
        return False
    return _script(child) == _script(parent)


def _script(process: Process) -> str | None:
    """The script that the process was started with; None when it is no interpreter."""
    scripts = script_candidates(process.executable, process.arguments)
    return scripts[-1].paths[0] if scripts else None


# -- what an application is --------------------------------------------------------------------


def _application(leader: Process, family: Sequence[Holder], facts: MachineFacts) -> Application:
    members = {holder.process.identity: holder.process for holder in family}
    processes = (leader, *(p for key, p in sorted(members.items(), key=_by_pid) if p != leader))
    helpers = (replace(p, same_pid_namespace=True) for p in processes[1:])
    obstacles = [obstacle for p in (leader, *helpers) if (obstacle := _obstacle(p, facts))]
    application = Application(
        name=_name(leader),
        type=_type(leader),
        main_process=leader,
        processes=processes,
        evidence=_evidence(family),
    )
    return _judged(application, obstacles) if obstacles else application


def _type(leader: Process) -> AppType:
    """The type as far as it is known without looking at displays: what a desktop starts has
    windows."""
    if desktop_unit(leader) is not None:
        return AppType.MAIN_WINDOW
    return AppType.CONSOLE if leader.terminal else AppType.UNKNOWN


def _judged(application: Application, obstacles: Sequence[_Obstacle]) -> Application:
    reasons = RebootReason.NONE
    for obstacle in obstacles:
        reasons |= obstacle.reason
    return replace(
        application,
        type=obstacles[0].type,
        reboot_reasons=reasons,
        required=Required.most(obstacle.required for obstacle in obstacles),
        reason="; ".join(dict.fromkeys(obstacle.words for obstacle in obstacles)),
    )


def _obstacle(process: Process, facts: MachineFacts) -> _Obstacle | None:
    """The reason why this process cannot be stopped; None when it can. The most telling one
    wins."""
    if process.identity in facts.selves:
        return _Obstacle(
            AppType.CRITICAL,
            RebootReason.DETECTED_SELF,
            Required.RELOGIN,
            "it is this installer, or what the installer was started from",
        )
    rule = facts.policy.rule_for(process.executable)
    if process.pid == 1 or process.kernel_thread:
        required = rule.required if rule else Required.REBOOT
        words = "the machine does not run without it"
        return _Obstacle(AppType.CRITICAL, RebootReason.CRITICAL_PROCESS, required, words)
    surroundings = _surroundings(process, facts)
    if surroundings is not None:
        return surroundings
    if rule is not None and rule.type is not None:
        required = rule.required
        if required is Required.MANAGER_REEXEC and _serves_a_manager(process, facts):
            required = Required.RELOGIN
        return _Obstacle(rule.type, RebootReason.CRITICAL_PROCESS, required, rule.reason)
    if facts.uid not in {0, process.uid}:
        return _Obstacle(
            AppType.CRITICAL,
            RebootReason.PERMISSION_DENIED,
            Required.RESTART,
            f"it belongs to another user (uid {process.uid})",
        )
    return None


def _surroundings(process: Process, facts: MachineFacts) -> _Obstacle | None:
    """The reason that lies in where it lives: in a container, or at the head of a login."""
    container = _container(process, facts)
    if container is not None:
        words = f"it lives in a container: {container.advice}"
        return _Obstacle(AppType.CONTAINER, RebootReason.SESSION_MISMATCH, Required.RESTART, words)
    login = _login_carried_by(process, facts)
    if login is None:
        return None
    words = f"it carries the login of {login.words}"
    return _Obstacle(AppType.CRITICAL, RebootReason.CRITICAL_PROCESS, Required.RELOGIN, words)


def _login_carried_by(process: Process, facts: MachineFacts) -> Login | None:
    """The login that ends with this process: it leads it, or is a part of the leader that runs as
    the user, as sshd has one."""
    if not process.cgroup or not facts.logins:
        return None
    login = facts.logins.get(next((s for s in process.cgroup.split("/") if s in facts.logins), ""))
    here: Process | None = process
    while login is not None and here is not None and here.executable == process.executable:
        if here.pid == login.leader:
            return login
        here = facts.parents.get(here.parent_pid)
    return None


def _container(process: Process, facts: MachineFacts) -> Container | None:
    # Imported here: its patterns take longer to compile than it takes to find nobody.
    from restartmanager.rules.containers import container_of

    return container_of(
        process.cgroup,
        same_pid_namespace=process.same_pid_namespace,
        own_cgroup=facts.own_cgroup,
    )


def _serves_a_manager(process: Process, facts: MachineFacts) -> bool:
    """Whether this is a helper of a service manager that lives as long as the login: systemd keeps
    one to close the session with (pam_systemd(8))."""
    parent = facts.parents.get(process.parent_pid)
    return parent is not None and parent.pid != 1 and parent.executable == process.executable


def _name(process: Process) -> str:
    """The name that a person would use: of the script or the program, not of the interpreter."""
    script = _script(process)
    if script is None or script.startswith(("/dev/", "/proc/")):  # read from a descriptor
        script = None
    path = script or process.executable or process.name
    return posixpath.basename(path.removesuffix("/__main__.py")) or process.name


def _evidence(family: Sequence[Holder]) -> tuple[Evidence, ...]:
    return tuple(sorted(item for holder in family for item in holder.evidence))


def _age(application: Application) -> tuple[int, int]:
    process = application.main_process
    return (process.identity.start_ticks, process.pid) if process else (0, 0)


def _by_pid(item: tuple[UniqueProcess, Process]) -> int:
    return item[0].pid
