"""What is on the page: a list, what was chosen, what happens, and what Enter would do."""

from __future__ import annotations

import time
from enum import Enum, auto
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import App
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Footer, ProgressBar, Static

from restartmanager.cli.output.live import Waiting
from restartmanager.cli.output.render import count
from restartmanager.cli.screen import words
from restartmanager.cli.screen.choices import Choice
from restartmanager.cli.screen.table import Applications
from restartmanager.model import Result
from restartmanager.model.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from restartmanager.cli.screen.choices import Row
    from restartmanager.model import Affected, Outcome


class Phase(Enum):
    """How far it has come."""

    LOOKING = auto()
    CHOOSING = auto()
    CLOSING = auto()
    CLOSED = auto()
    """The files can be changed now."""
    RETURNING = auto()
    OVER = auto()


_TITLES = {
    Phase.LOOKING: "Looking who uses what will be changed...",
    Phase.CHOOSING: "Nobody uses what will be changed",
    Phase.CLOSING: "Closing",
    Phase.CLOSED: "All is closed: change the files now, and then go on",
    Phase.RETURNING: "Bringing back",
    Phase.OVER: "Done",
}


class Page(App[None]):
    """What can be seen, and what it is made of; a derived class changes that, and draws.

    ``phase`` is how far it has come and ``agreed`` whether the change may be made, or was;
    ``closed`` and ``returned`` have what became of each.
    """

    CSS = """
    #title { text-style: bold; padding: 0 1; height: auto; }
    Applications { height: 1fr; overflow-x: hidden; }
    #about { height: auto; max-height: 40%; padding: 0 1; border-top: solid $primary; }
    ProgressBar { padding: 0 1; width: 100%; }
    ProgressBar Bar { width: 1fr; }
    #status { padding: 0 1; height: auto; }
    """
    ENABLE_COMMAND_PALETTE = False
    TITLE = "Files in use"

    def __init__(self, *, command: Sequence[str], force: bool) -> None:
        super().__init__()
        self.agreed = False
        self.closed: tuple[Outcome, ...] = ()
        self.returned: tuple[Outcome, ...] = ()
        self.phase = Phase.LOOKING
        self._command = command
        self._force = force
        self._rows: list[Row] = []
        self._affected: Affected | None = None
        self._outcomes: dict[str, Outcome] = {}
        self._waiting = Waiting(force=force)
        self._note = ""

    @property
    def left(self) -> list[Row]:
        """What was left alone although it uses the files."""
        return [row for row in self._rows if row.running and row.choice is Choice.LEAVE]

    @property
    def _still_open(self) -> bool:
        """Whether something is not closed that was to be: it failed, or has said no."""
        return any(outcome.result is not Result.DONE for outcome in self.closed)

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield Static(id="title")
        yield Applications(self._now)
        with VerticalScroll(id="about", can_focus=False):
            yield Static(id="details")
        yield ProgressBar(total=100, show_eta=False)
        yield Static(id="status")
        yield Footer(show_command_palette=False)

    def on_resize(self) -> None:
        """Make it fit."""
        self._draw()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show what is known about the one under the cursor."""
        del event
        self._draw_details()

    def _draw(self) -> None:
        self.query_one("#title", Static).update(Text(self._title()))
        self.query_one(Applications).show(self._rows, self.size.width)
        bar = self.query_one(ProgressBar)
        bar.display = self.phase in {Phase.CLOSING, Phase.RETURNING}
        self.query_one("#status", Static).update(Text(self._status()))
        self._draw_details()
        self.refresh_bindings()

    def _draw_details(self) -> None:
        row = self.query_one(Applications).under_cursor
        known = self._outcomes
        text = Text() if row is None else words.details(row.application, known.get(row.key))
        self.query_one("#details", Static).update(text)

    def _now(self, row: Row) -> Text:
        """What happens to it right now, has happened, or would."""
        outcome = self._outcomes.get(row.key)
        if outcome is not None:
            return words.outcome_text(outcome)
        now = time.monotonic()
        if (message := self._waiting.message(row.key)) is not None:
            left = self._waiting.left_s(row.key, now)
            return Text(message + ("" if left is None else f", {left:.0f} s left"), "bold")
        return words.prospect(row)

    def _title(self) -> str:
        running = sum(row.running for row in self._rows)
        match self.phase:
            case Phase.CHOOSING if running:
                uses = "uses" if running == 1 else "use"
                return f"{count(running, 'application')} {uses} what will be changed"
            case Phase.CLOSED if self._still_open:
                return "Not everything could be closed"
            case Phase.OVER if not self.agreed:
                return "Called off"
        return _TITLES[self.phase]

    def _status(self) -> str:
        match self.phase:
            case Phase.CHOOSING:
                force = "; by force what does not exit in time" if self._force else ""
                hidden = 0 if self._affected is None else self._affected.not_inspectable
                unseen = f"{count(hidden, 'process', 'processes')} could not be looked into. "
                return f"{self._note}{unseen if hidden else ''}Enter: {self._next()}{force}."
            case Phase.CLOSED if self._still_open:
                return f"Enter: {self._next()} all the same. F: close the rest by force."
            case Phase.CLOSED:
                return "Enter: bring everything back."
            case Phase.OVER:
                return f"{words.summary(self.returned, 'came back or restarted')}."
        return ""

    def _next(self) -> str:
        """What Enter does."""
        then = f", then run {escape(self._command[0])}" if self._command else ""
        if self.phase is Phase.CLOSED:
            return then.removeprefix(", then ") or "change the files"
        return words.tally(self._rows) + then
