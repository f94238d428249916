"""Asking again and again: a page that is drawn anew, or a line for all that comes and goes."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from restartmanager.cli.output.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable

    from restartmanager.model import Affected


def watch(
    ask: Callable[[], Affected],
    page: Callable[[Affected, Console], list[str]],
    records: Callable[[Affected], list[str]],
    interval_s: float,
    *,
    lines: bool,
) -> Affected:
    """Ask until somebody interrupts it; the last answer.

    A terminal shows the newest page. Elsewhere, and where ``lines`` are wanted, each use that has
    come is a line with ``+`` before it, and each that has gone one with ``-``, a tab between.
    """
    out = Console(sys.stdout)
    before: list[str] = []
    drawn: list[str] | None = None
    affected = ask()
    try:
        while True:
            if lines or not out.overwrites:
                now = records(affected)
                out.lines(f"-\t{line}" for line in before if line not in now)
                out.lines(f"+\t{line}" for line in now if line not in before)
                before = now
            elif (shown := page(affected, out)) != drawn:
                out.redraw(shown)
                drawn = shown
            time.sleep(interval_s)
            affected = ask()
    except KeyboardInterrupt:
        return affected
