"""From holders to applications: who belongs together, what it is, whether it may be stopped.

Pure: facts in, applications out. The facts beyond the holders themselves come as Surroundings.
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
    RestartBy,
    RestartFlags,
)
from restartmanager.policy import Policy
from restartmanager.scripts import script_candidates
from restartmanager.service_rules import ServiceScene, service_applications, service_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from restartmanager.identity import UniqueProcess
    from restartmanager.model import Holder, RestartRegistration

__all__ = [
    "Surroundings",
    "find_applications",
    "pending_kernel",
    "relaunch_everything",
    "with_registration",
]


class Surroundings(NamedTuple):
    """What must be known about the machine and the caller to judge a holder.

    ``parents`` has the ancestors of all holders by their number; ``selves`` the caller, its
    ancestors, and the other installers of the session.
    """

    uid: int
    selves: frozenset[UniqueProcess] = frozenset()
    parents: Mapping[int, Process] = MappingProxyType({})
    policy: Policy = Policy()
    scene: ServiceScene = ServiceScene({}, {})


class _Verdict(NamedTuple):
    """Why a process cannot be stopped, and what it takes instead."""

    type: AppType
    reason: RebootReason
    required: Required
    words: str


def find_applications(holders: Iterable[Holder], around: Surroundings) -> tuple[Application, ...]:
    """The applications that these holders are, oldest first."""
    everybody = tuple(holders)
    by_pid = {
        holder.process.pid: holder
        for holder in everybody
        if service_of(holder.process, around.scene) is None
    }
    families: dict[int, list[Holder]] = {}
    leaders: dict[int, Process] = {}
    for holder in by_pid.values():
        leader = _leader_of(holder.process, by_pid, around)
        leaders[leader.pid] = leader
        families.setdefault(leader.pid, []).append(holder)
    applications = [_application(leaders[pid], family, around) for pid, family in families.items()]
    applications += service_applications(everybody, around.scene, around.policy, around.uid)
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


def with_registration(
    application: Application, registration: RestartRegistration | None
) -> Application:
    """The application with what it registered about coming back after an update."""
    if registration is None or registration.flags & RestartFlags.NO_PATCH:
        return application
    return replace(application, restart_by=RestartBy.REGISTERED)


def relaunch_everything(application: Application) -> Application:
    """The application as it is when the caller wants all of them back: by the command it was
    started with, where it registered none.

    A program on a terminal is the exception: started without its terminal it would be lost.
    """
    if application.restart_by is not RestartBy.NONE or application.main_process is None:
        return application
    if application.reboot_reasons:
        return application
    if application.type is AppType.CONSOLE:
        return replace(application, reason="it needs its terminal back: start it by hand")
    return replace(application, restart_by=RestartBy.COMMAND)


# -- who belongs together ----------------------------------------------------------------------


def _leader_of(process: Process, holders: Mapping[int, Holder], around: Surroundings) -> Process:
    """The process at the top of those that come and go together with this one."""
    leader = process
    while True:
        parent = around.parents.get(leader.parent_pid)
        if parent is None or not _belongs_to(leader, parent, holders, around):
            return leader
        leader = parent


def _belongs_to(
    child: Process, parent: Process, holders: Mapping[int, Holder], around: Surroundings
) -> bool:
    """Whether a process is a helper of its parent rather than a program of its own.

    Helpers run for the same user. They are either other copies of the parent's program, as the
    workers of a browser are, or part of one job with a parent that uses the same files. Programs
    that merely share an interpreter are not copies of one another.
    """
    if child.uid != parent.uid or _verdict(parent, around) or _verdict(child, around):
        return False
    if service_of(parent, around.scene) is not None:
        return False
    if parent.pid in holders:
        return child.process_group == parent.process_group or _same_program(child, parent)
    return _same_program(child, parent)


def _same_program(child: Process, parent: Process) -> bool:
    if child.executable is None or child.executable != parent.executable:
        return False
    return _script(child) == _script(parent)


def _script(process: Process) -> str | None:
    """The script that the process was started with; None when it is no interpreter."""
    scripts = script_candidates(process.executable, process.arguments)
    return scripts[-1].paths[0] if scripts else None


# -- what an application is --------------------------------------------------------------------


def _application(leader: Process, family: Sequence[Holder], around: Surroundings) -> Application:
    members = {holder.process.identity: holder.process for holder in family}
    processes = (leader, *(p for key, p in sorted(members.items(), key=_by_pid) if p != leader))
    verdicts = [verdict for p in processes if (verdict := _verdict(p, around))]
    application = Application(
        name=_name(leader),
        type=AppType.CONSOLE if leader.terminal else AppType.UNKNOWN,
        main_process=leader,
        processes=processes,
        evidence=_evidence(family),
    )
    return _judged(application, verdicts) if verdicts else application


def _judged(application: Application, verdicts: Sequence[_Verdict]) -> Application:
    reasons = RebootReason.NONE
    for verdict in verdicts:
        reasons |= verdict.reason
    return replace(
        application,
        type=verdicts[0].type,
        reboot_reasons=reasons,
        required=Required.most(verdict.required for verdict in verdicts),
        reason="; ".join(dict.fromkeys(verdict.words for verdict in verdicts)),
    )


def _verdict(process: Process, around: Surroundings) -> _Verdict | None:
    """Why this process cannot be stopped; None when it can. The most telling reason wins."""
    if process.identity in around.selves:
        return _Verdict(
            AppType.CRITICAL,
            RebootReason.DETECTED_SELF,
            Required.RELOGIN,
            "it is this installer, or what the installer was started from",
        )
    rule = around.policy.rule_for(process.executable)
    if process.pid == 1 or process.kernel_thread:
        required = rule.required if rule else Required.REBOOT
        words = "the machine does not run without it"
        return _Verdict(AppType.CRITICAL, RebootReason.CRITICAL_PROCESS, required, words)
    if not process.same_pid_namespace:
        return _Verdict(
            AppType.CONTAINER,
            RebootReason.SESSION_MISMATCH,
            Required.RESTART,
            "it lives in a container: restart the container",
        )
    if rule is not None and rule.type is not None:
        required = rule.required
        if required is Required.MANAGER_REEXEC and _serves_a_manager(process, around):
            required = Required.RELOGIN
        return _Verdict(rule.type, RebootReason.CRITICAL_PROCESS, required, rule.reason)
    if around.uid not in {0, process.uid}:
        return _Verdict(
            AppType.CRITICAL,
            RebootReason.PERMISSION_DENIED,
            Required.RESTART,
            f"it belongs to another user (uid {process.uid})",
        )
    return None


def _serves_a_manager(process: Process, around: Surroundings) -> bool:
    """Whether this is no service manager but a helper of one, which lives as long as the login:
    systemd keeps one to close the session with (pam_systemd(8))."""
    parent = around.parents.get(process.parent_pid)
    return parent is not None and parent.pid != 1 and parent.executable == process.executable


def _name(process: Process) -> str:
    """What a person would call it: the script or the program, not the interpreter."""
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
