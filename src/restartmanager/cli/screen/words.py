"""What the view says of an application. Pure; what a process chose is escaped, and is never taken
for markup: everything becomes a ``rich.text.Text``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from restartmanager.cli.output.console import Look
from restartmanager.cli.output.outcomes import outcome_words
from restartmanager.cli.output.render import (
    affected_lines,
    count,
    fate_words,
    user_name,
)
from restartmanager.cli.output.text import fill
from restartmanager.cli.screen.choices import Choice
from restartmanager.model import Affected, Result
from restartmanager.model.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from restartmanager.cli.screen.choices import Row
    from restartmanager.model import Application, Outcome


_CHOICES = {
    Choice.CLOSE: ("close", "bold green"),
    Choice.LEAVE: ("leave", "yellow"),
    Choice.LATER: ("later", "bold cyan"),
}
_RESULTS = {
    Result.DONE: ("✓", "green"),
    Result.SKIPPED: ("-", "yellow"),
    Result.FAILED: ("✗", "bold red"),
}


def choice_text(row: Row) -> Text:
    """What was chosen."""
    word, style = _CHOICES[row.choice]
    return Text(word, style if row.running else "dim")


def name_text(application: Application) -> Text:
    """What it is called, and its processes where there is no service to know them by."""
    text = Text(escape(application.name), "bold", no_wrap=True)
    if application.service is None and application.main_process is not None:
        text.append(f" {application.main_process.pid}", "dim")
    return text


def owner(application: Application) -> str:
    """Whose it is."""
    main = application.main_process
    return "" if main is None else user_name(main.uid)


def prospect(row: Row) -> Text:
    """What the choice means for it."""
    application = row.application
    if application.reboot_reasons or (application.restart_obstacle and row.running):
        return Text(fate_words(application), "yellow")
    if row.choice is Choice.LEAVE:
        return Text("goes on using the old files", "yellow")
    if row.choice is Choice.LATER:
        return Text("runs on, and is restarted after the change", "cyan")
    return Text(fate_words(application))


def details(application: Application, outcome: Outcome | None) -> Text:
    """All that is known about it: which files it uses, how, by which processes, and what became
    of it."""
    (first, *rest) = affected_lines(Affected((application,)), Look(), fate=outcome is None)
    text = Text()
    text.append(first, "bold")
    for line in rest:
        text.append(f"\n{line}")
    if outcome is not None:
        text.append("\n  ").append_text(outcome_text(outcome))
    return text


def outcome_text(outcome: Outcome) -> Text:
    """What became of it, with its mark."""
    mark, style = _RESULTS[outcome.result]
    return Text(f"{mark} {outcome_words(outcome)}", style)


def summary(outcomes: Iterable[Outcome], done: str) -> str:
    """How many are done, left alone and failed, in one line."""
    results = [outcome.result for outcome in outcomes]
    parts = [
        f"{results.count(result)} {word}"
        for result, word in (
            (Result.DONE, done),
            (Result.SKIPPED, "left alone"),
            (Result.FAILED, "failed"),
        )
        if result in results
    ]
    return ", ".join(parts) or "nothing had to be done"


def tally(rows: Sequence[Row]) -> str:
    """What going on would do, in one sentence."""
    running = [row for row in rows if row.running]
    by = {choice: sum(row.choice is choice for row in running) for choice in Choice}
    parts = [
        f"{word} {count(by[choice], 'application')}"
        for choice, word in (
            (Choice.CLOSE, "close"),
            (Choice.LATER, "restart later"),
            (Choice.LEAVE, "leave alone"),
        )
        if by[choice]
    ]
    return ", ".join(parts) or "nothing to close"


def left_lines(rows: Iterable[Row], look: Look) -> list[str]:
    """What was left alone, as the outcomes of the others are said when the page has gone."""
    lines: list[str] = []
    for row in rows:
        text = f"{escape(row.application.name)}: left alone, goes on using the old files"
        head, *rest = fill(text, look.width, "  ", "    ")
        lines += [f"{look.neutral()} {head[2:]}", *rest]
    return lines
