"""What an operation would do, without doing it: the same plans, shown instead of carried out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from restartmanager.cli.output.console import Console
from restartmanager.cli.output.records import Planned, Preview
from restartmanager.cli.output.render import application_text, fate_words
from restartmanager.cli.output.text import fill
from restartmanager.model import Status
from restartmanager.model.escaping import escape
from restartmanager.rules.filters import with_masks
from restartmanager.rules.plan import plan_refresh, plan_restart, plan_shutdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from restartmanager.cli.output.console import Look
    from restartmanager.engine.engine import Engine
    from restartmanager.model import Application, Filter, Outcome
    from restartmanager.model.journal import JournalEntry
    from restartmanager.rules.plan import RefreshPlan, ShutdownMode


_HEADINGS = {
    "close": "Would be closed:",
    "start": "Would be brought back:",
    "restart": "Would be restarted by their manager:",
    "reload": "Would be reloaded by their manager:",
    "renew": "Would be closed and brought back:",
    "re-execute": "Would run their program anew:",
    "leave": "Would be left alone:",
}


def of_shutdown(
    applications: Iterable[Application], filters: Sequence[Filter], mode: ShutdownMode
) -> Preview:
    """What a shutdown would do. Raises what it would raise before it touches anything."""
    plan = plan_shutdown(applications, filters, mode)
    closed = [Planned("close", app, fate_words(app)) for stage in plan.stages for app in stage]
    return Preview("shutdown", (*closed, *_left(plan.settled)))


def of_restart(
    journal: Iterable[JournalEntry], filters: Sequence[Filter], operation: str = "restart"
) -> Preview:
    """What a restart would do; ``operation`` is what it would be part of."""
    steps = []
    for entry in plan_restart(journal):
        application = with_masks(entry.application, filters)
        masked = application.status & (Status.RESTART_MASKED | Status.SHUTDOWN_MASKED)
        back = application.restartable and not masked
        steps.append(Planned("start" if back else "leave", application, fate_words(application)))
    return Preview(operation, tuple(steps))


def of_refresh(applications: Iterable[Application], filters: Sequence[Filter]) -> Preview:
    """What a refresh would do."""
    plan = plan_refresh(applications, filters)
    return Preview("refresh", (*_refreshed(plan), *_left(plan.closing.settled)))


def of_recovery(engine: Engine) -> Preview:
    """What a recovery would do."""
    steps: list[Planned] = []
    for record in engine.store.sessions():
        if engine.is_abandoned(record):
            journal, filters = engine.store.journal(record.key), engine.store.filters(record.key)
            steps += of_restart(journal, filters).steps
    return Preview("recover", tuple(steps))


def show(preview: Preview, *, as_json: bool) -> None:
    """Show it on standard output."""
    out = Console(sys.stdout)
    if as_json:
        from restartmanager.cli.output.json_documents import dumps, plan_document

        out.say(dumps(plan_document(preview)))
    else:
        out.lines(preview_lines(preview, out.look))


def preview_lines(preview: Preview, look: Look) -> list[str]:
    """The applications below what would be done to them, in order."""
    lines: list[str] = []
    heading = ""
    for item in preview.steps:
        if item.step != heading:
            heading = item.step
            lines.append(_HEADINGS[heading])
        name = application_text(item.application)
        text = f"{name}: {escape(item.message)}" if item.message else name
        lines += fill(text, look.width, "  ", "    ")
    return lines or ["Nothing would have to be done."]


def _refreshed(plan: RefreshPlan) -> Iterable[Planned]:
    for application in plan.managers:
        yield Planned("re-execute", application)
    for service in plan.services:
        yield Planned("reload" if service.reload_suffices else "restart", service)
    for stage in plan.closing.stages:
        for application in stage:
            yield Planned("renew", application, fate_words(application))


def _left(settled: Iterable[Outcome]) -> Iterable[Planned]:
    return (Planned("leave", item.application, item.message) for item in settled)
