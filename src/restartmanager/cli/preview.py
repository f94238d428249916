"""Previews, shown: the applications below what would be done to them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from restartmanager.cli.output.console import Console
from restartmanager.cli.output.render import application_text
from restartmanager.cli.output.text import fill
from restartmanager.model.escaping import escape
from restartmanager.model.preview import PlannedStep

if TYPE_CHECKING:
    from restartmanager.cli.output.console import Look
    from restartmanager.model.preview import Preview


_HEADINGS = {
    PlannedStep.CLOSE: "Would be closed:",
    PlannedStep.START: "Would be brought back:",
    PlannedStep.RESTART: "Would be restarted by their manager:",
    PlannedStep.RELOAD: "Would be reloaded by their manager:",
    PlannedStep.RENEW: "Would be closed and brought back:",
    PlannedStep.REEXECUTE: "Would run their program anew:",
    PlannedStep.LEAVE: "Would be left alone:",
}


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
    above: PlannedStep | None = None
    for item in preview.steps:
        if item.step is not above:
            above = item.step
            lines.append(_HEADINGS[above])
        name = application_text(item.application)
        text = f"{name}: {escape(item.message)}" if item.message else name
        lines += fill(text, look.width, "  ", "    ")
    return lines or ["Nothing would have to be done."]
