"""From holders to applications: who belongs together, what it is, whether it may be stopped.

Pure: facts in, applications out. The facts beyond the holders themselves come as Surroundings.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from restartmanager import filters as filter_rules
from restartmanager.model import (
    Application,
    AppType,
    Evidence,
    Process,
    RebootReason,
    Required,
    RestartBy,
    RestartFlags,
    Status,
)
from restartmanager.policy import Policy
from restartmanager.scripts import script_candidates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from restartmanager.identity import UniqueProcess
    from restartmanager.journal import JournalEntry
    from restartmanager.model import Filter, Holder, RestartRegistration

__all__ = [
    "Surroundings",
    "find_applications",
    "merge_history",
    "pending_kernel",
    "relaunch_everything",
    "with_registration",
]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What must be known about the machine and the caller to judge a holder.

    ``parents`` has the ancestors of all holders by their number; ``selves`` the caller, its
    ancestors, and the other installers of the session.
    """

    uid: int
    selves: frozenset[UniqueProcess] = frozenset()
    parents: Mapping[int, Process] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Why a process cannot be stopped, and what it takes instead."""

    type: AppType
    reason: RebootReason
    required: Required
    words: str


def find_applications(holders: Iterable[Holder], around: Surroundings) -> tuple[Application, ...]:
    """The applications that these holders are, oldest first."""
    by_pid = {holder.process.pid: holder for holder in holders}
    families: dict[int, list[Holder]] = {}
    leaders: dict[int, Process] = {}
    for holder in by_pid.values():
        leader = _leader_of(holder.process, by_pid, around)
        leaders[leader.pid] = leader
        families.setdefault(leader.pid, []).append(holder)
    applications = [_application(leaders[pid], family, around) for pid, family in families.items()]
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


def merge_history(
    current: Sequence[Application],
    journal: Iterable[JournalEntry],
    alive: Mapping[UniqueProcess, Process],
    filters: Sequence[Filter] = (),
) -> tuple[Application, ...]:
    """The list as it is shown: what is affected now, and what the session has acted on before.

    ``alive`` has those processes of the journal that still run. An application that came back is
    one entry under its new process.
    """
    remaining = {application.key: application for application in current}
    by_process = {p.identity: a.key for a in current for p in a.processes}
    merged = []
    for entry in _latest(journal):
        keys = [entry.application.key]
        if entry.started_as is not None:
            keys.append(by_process.get(entry.started_as, ""))
        found = [remaining.pop(key) for key in keys if key in remaining]
        merged.append(_with_history(entry, found[-1] if found else None, alive))
    return tuple(_masked(application, filters) for application in (*merged, *remaining.values()))


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
    if rule is not None:
        return _Verdict(rule.type, RebootReason.CRITICAL_PROCESS, rule.required, rule.reason)
    if around.uid not in {0, process.uid}:
        return _Verdict(
            AppType.CRITICAL,
            RebootReason.PERMISSION_DENIED,
            Required.RESTART,
            f"it belongs to another user (uid {process.uid})",
        )
    return None


def _name(process: Process) -> str:
    """What a person would call it: the script or the program, not the interpreter."""
    script = _script(process)
    if script is None or script.startswith(("/dev/", "/proc/")):  # read from a descriptor
        script = None
    path = script or process.executable or process.name
    return posixpath.basename(path.removesuffix("/__main__.py")) or process.name


def _evidence(family: Sequence[Holder]) -> tuple[Evidence, ...]:
    return tuple(sorted(item for holder in family for item in holder.evidence))


# -- what was done before ----------------------------------------------------------------------


def _latest(journal: Iterable[JournalEntry]) -> list[JournalEntry]:
    """The entries without those whose new process was itself stopped later on."""
    entries = list(journal)
    stopped = {e.application.main_process.identity for e in entries if e.application.main_process}
    return [entry for entry in entries if entry.started_as not in stopped]


def _with_history(
    entry: JournalEntry, current: Application | None, alive: Mapping[UniqueProcess, Process]
) -> Application:
    """One application of the journal, as it is now."""
    history = entry.application.status & ~Status.RUNNING
    if current is not None:
        reason = entry.message or current.reason
        return replace(current, status=current.status | history, reason=reason)
    now = alive.get(entry.started_as) if entry.started_as else None
    if now is not None:
        return replace(
            entry.application,
            status=history | Status.RUNNING,
            main_process=now,
            processes=(now,),
            evidence=(),
            required=Required.NONE,
            reason=entry.message,
        )
    main = entry.application.main_process
    running = main is not None and main.identity in alive
    return replace(
        entry.application,
        status=history | (Status.RUNNING if running else Status.UNKNOWN),
        evidence=entry.application.evidence if running else (),
        reason=entry.message,
    )


def _masked(application: Application, filters: Sequence[Filter]) -> Application:
    return replace(
        application, status=application.status | filter_rules.masks(application, filters)
    )


def _age(application: Application) -> tuple[int, int]:
    process = application.main_process
    return (process.identity.start_ticks, process.pid) if process else (0, 0)


def _by_pid(item: tuple[UniqueProcess, Process]) -> int:
    return item[0].pid
