"""Other shapes of an answer: grouped, as a tree, as lines for programs, and again and again."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from restartmanager.cli.output.console import Console
from restartmanager.cli.output.lines import records
from restartmanager.cli.output.render import reservations
from restartmanager.cli.output.tree import group_lines, tree_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from restartmanager.cli.options import Shape
    from restartmanager.cli.output.console import Look
    from restartmanager.cli.output.tree import Wording
    from restartmanager.model import Affected


@dataclass(frozen=True, slots=True)
class View:
    """How an answer is shown. ``plain`` is how it usually is, ``nobody`` what is said where there
    is none."""

    wording: Wording
    plain: Callable[[Affected, Look], list[str]]
    nobody: str
    shape: Shape

    def show(self, ask: Callable[[], Affected]) -> Affected:
        """Ask, and show the answer on standard output; the last answer where it is watched.

        What the answer does not say goes to standard error, below the answer where it is watched.
        """
        if self.shape.interval_s is not None:
            from restartmanager.cli.output.watch import watch

            return watch(ask, self._page, records, self.shape.interval_s, lines=self.shape.lines)
        affected = ask()
        out, notes = Console(sys.stdout), Console(sys.stderr)
        out.lines(records(affected) if self.shape.lines else self._answer(affected, out.look))
        if not self.shape.lines:
            notes.lines(self._remarks(affected, notes.look))
        return affected

    def _answer(self, affected: Affected, look: Look) -> list[str]:
        applications = affected.applications
        if self.shape.tree:
            return tree_lines(applications, self.shape.by, self.wording, look)
        if self.shape.by is not None:
            return group_lines(applications, self.shape.by, self.wording, look)
        return self.plain(affected, look)

    def _remarks(self, affected: Affected, look: Look) -> list[str]:
        silent = not affected.applications and not affected.unexplained
        return [
            *([self.nobody] if silent and self.nobody else []),
            *reservations(affected, look, root=os.geteuid() == 0),
        ]

    def _page(self, affected: Affected, console: Console) -> list[str]:
        look = console.look
        return [*self._answer(affected, look), *self._remarks(affected, look)]
