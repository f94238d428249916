"""What runs replaced code, as text for people: by cure, the worst last. Pure, as ``render`` is."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from restartmanager.cli.output.render import application_lines, count, pid_words, use_texts
from restartmanager.cli.output.text import fill
from restartmanager.model import How, RebootReason, Required
from restartmanager.model.escaping import escape
from restartmanager.model.preview import PlannedStep

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from restartmanager.cli.output.console import Look
    from restartmanager.model import Affected, Application, Ignored
    from restartmanager.model.preview import Preview


_CURES = {
    Required.NONE: "Nothing more is needed for",
    Required.RESTART: "Restart",
    Required.RELOGIN: "Log out and in again for",
    Required.MANAGER_REEXEC: "Re-execute the service manager for",
    Required.SOFT_REBOOT: "Soft-reboot the machine for",
    Required.REBOOT: "Reboot the machine for",
}
_RESTARTED = {
    PlannedStep.REEXECUTE: "Run their program anew:",
    PlannedStep.RELOAD: "Reloaded by their manager:",
    PlannedStep.RESTART: "Restarted by their manager:",
    PlannedStep.RENEW: "Closed and brought back:",
}
_INDENT = "  "


def stale_lines(affected: Affected, look: Look) -> list[str]:
    """A block for each application below the cure that it takes, and what to do next."""
    lines: list[str] = []
    for cure, words in _CURES.items():
        blocks = [_block(app, look) for app in affected.applications if app.required is cure]
        if blocks:
            heading = f"{words} {'this' if len(blocks) == 1 else 'these'}:"
            lines += [*fill(heading, look.width), *chain.from_iterable(blocks), ""]
    return lines + fill(_next(affected.applications), look.width)


def ignored_lines(ignored: Sequence[Ignored], look: Look) -> list[str]:
    """The replaced files that the policy leaves out, below its reason for each."""
    if not ignored:
        return ["The policy leaves nothing out."]
    lines = ["The policy leaves these out:"]
    for reason in dict.fromkeys(item.reason for item in ignored):
        lines += fill(f"{escape(reason)}:", look.width, _INDENT)
        for item in ignored:
            if item.reason == reason:
                text = f"{escape(item.path)} ({pid_words(item.pids)})"
                lines += fill(text, look.width, _INDENT * 2, _INDENT * 3)
    return lines


def refresh_lines(preview: Preview, look: Look) -> list[str]:
    """What would be restarted, how, and what is left alone for which reason."""
    lines: list[str] = []
    for step, heading in _RESTARTED.items():
        called = [_called(item.application) for item in preview.steps if item.step is step]
        if called:
            lines += [heading, *fill(", ".join(called), look.width, _INDENT)]
    left = [item for item in preview.steps if item.step is PlannedStep.LEAVE]
    if left:
        lines.append("Left alone:")
        for item in left:
            text = f"{_called(item.application)}: {escape(item.message)}"
            lines += fill(text, look.width, _INDENT, _INDENT * 2)
    return lines


def _called(application: Application) -> str:
    pid = "" if application.main_process is None else f" ({application.main_process.pid})"
    return escape(application.name) + (pid if application.service is None else "")


def _block(application: Application, look: Look) -> list[str]:
    texts = use_texts(application, run_words, "replaced")
    if text := _remark(application):
        texts.append(text)
    return application_lines(application, texts, look, indent=_INDENT)


def run_words(path: str, how: Sequence[How]) -> str:
    """What a process does with a replaced file."""
    return f"runs the old {'script ' if How.SCRIPT in how else ''}{escape(path)}"


def _remark(application: Application) -> str:
    """What more there is to know about its cure."""
    if application.required is Required.MANAGER_REEXEC:
        return f"re-executed by '{_reexecution(application)}'"
    if application.reboot_reasons & RebootReason.DETECTED_SELF:
        return "this very command was started from it"
    return escape(application.reason)


def _reexecution(application: Application) -> str:
    """The command for the system's manager, or for a user's own, who is to run it."""
    main = application.main_process
    user = "" if main is None or main.pid == 1 else "--user "
    return f"systemctl {user}daemon-reexec"


# -- what to do next ---------------------------------------------------------------------------


def _next(applications: Sequence[Application]) -> str:
    """One sentence for all of them: what takes the machine down comes alone, for it cures
    everything, and what ends the caller's own session comes last."""
    if not applications:
        return "Nothing runs replaced code."
    needed = {application.required for application in applications}
    if Required.REBOOT in needed:
        return "Next: reboot the machine, which cures everything."
    if Required.SOFT_REBOOT in needed:
        return "Next: 'systemctl soft-reboot', which cures everything; so does a reboot."
    return f"Next: {', then '.join(_steps(applications)) or 'nothing'}."


def _steps(applications: Iterable[Application]) -> Iterable[str]:
    by_cure: dict[Required, list[Application]] = {cure: [] for cure in Required}
    for application in applications:
        by_cure[application.required].append(application)
    if restarts := by_cure[Required.RESTART]:
        able = any(item.restartable and not item.reboot_reasons for item in restarts)
        by = " with 'restartctl stale --restart'" if able else ""
        yield f"restart {count(len(restarts), 'application')}{by}"
    if managers := by_cure[Required.MANAGER_REEXEC]:
        yield " and ".join(dict.fromkeys(f"run '{_reexecution(item)}'" for item in managers))
    if by_cure[Required.RELOGIN]:
        yield "log out and in again"
