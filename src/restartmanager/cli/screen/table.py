"""The list of applications as a table that fits the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import DataTable

from restartmanager.cli.screen import words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from restartmanager.cli.screen.choices import Row


_WIDE = 76
"""From here on there is room for what kind each is and whose."""


class Applications(DataTable[Text]):
    """One line for each application; ``now`` says what happens to it, or would."""

    def __init__(self, now: Callable[[Row], Text]) -> None:
        super().__init__(cursor_type="row", zebra_stripes=True)
        self._now = now
        self._rows: Sequence[Row] = ()
        self._wide: bool | None = None

    def show(self, rows: Sequence[Row], width: int) -> None:
        """Show these, on so many columns of the terminal."""
        same = self._wide == (width >= _WIDE) and [r.key for r in rows] == [
            r.key for r in self._rows
        ]
        self._rows = rows
        if not same:
            self._rebuild(wide=width >= _WIDE)
        for row in rows:
            self.update_cell(row.key, "choice", words.choice_text(row))
            self.update_cell(row.key, "now", self._now(row), update_width=True)

    @property
    def under_cursor(self) -> Row | None:
        """The one that is looked at."""
        return self._rows[self.cursor_row] if self.cursor_row < len(self._rows) else None

    def _rebuild(self, *, wide: bool) -> None:
        at = self.cursor_row
        self._wide = wide
        self.clear(columns=True)
        self.add_column("Choice", key="choice", width=6)
        self.add_column("Application", key="name")
        if wide:
            self.add_column("Type", key="type")
            self.add_column("Owner", key="owner")
        self.add_column("What happens", key="now")
        for row in self._rows:
            application = row.application
            facts = [Text(application.type), Text(words.owner(application))] if wide else []
            self.add_row(Text(), words.name_text(application), *facts, Text(), key=row.key)
        self.move_cursor(row=min(at, max(0, len(self._rows) - 1)))
