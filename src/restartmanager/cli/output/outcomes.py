"""Outcomes as text for people: what became of each application, and what happens right now.

Whatever came from a process goes through ``escape`` here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.cli.output.text import fill
from restartmanager.model import Result, Status, Step
from restartmanager.model.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restartmanager.cli.output.console import Look
    from restartmanager.model import Outcome
    from restartmanager.model.progress import Progress


def outcome_lines(outcomes: Iterable[Outcome], look: Look) -> list[str]:
    """One line for each application that was acted on, or left alone."""
    lines: list[str] = []
    for outcome in outcomes:
        mark = {
            Result.DONE: look.good(),
            Result.SKIPPED: look.neutral(),
            Result.FAILED: look.bad(),
        }[outcome.result]
        name = escape(outcome.application.name)
        head, *rest = fill(f"{name}: {outcome_words(outcome)}", look.width, "  ", "    ")
        lines += [f"{mark} {head[2:]}", *rest]
    return lines


def outcome_words(outcome: Outcome) -> str:
    """What became of it, as the rest of a sentence about it."""
    message = escape(outcome.message)
    if outcome.result is Result.FAILED:
        return message or "it failed"
    if outcome.result is Result.SKIPPED:
        return f"left alone ({message})" if outcome.step is Step.STOP else _left(outcome, message)
    if outcome.step is Step.START:
        return f"back as process {outcome.process.pid}" if outcome.process else "back"
    main = outcome.application.main_process
    was = f" (was process {main.pid})" if main else ""
    return f"closed{was}" + (f"; {message}" if message else "")


def _left(outcome: Outcome, message: str) -> str:
    if outcome.application.status & Status.RUNNING:
        return message
    return f"stays closed ({message})" if message else "stays closed"


def progress_line(progress: Progress) -> str:
    """What happens right now, in one line."""
    name = progress.application.name if progress.application else ""
    about = f"{escape(name)}: " if name else ""
    return f"[{progress.percent:3d}%] {about}{escape(progress.message)}"
