"""What was measured: of each tool the fastest run, by size of the population and question."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.tools import Measured

__all__ = ["SLOW_RUNS", "SLOW_S", "Results"]

SLOW_S = 2.0
SLOW_RUNS = 2
"""Who takes longer than that is asked so many times only."""


@dataclass(slots=True)
class Results:
    """The best of ``rounds`` runs, in the order in which they were first made."""

    rounds: int
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    """How much else the machine had to do when the measuring began."""
    best: dict[tuple[int, str, str], Measured] = field(default_factory=dict)
    runs: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    missing: set[str] = field(default_factory=set)

    def note(self, size: int, question: str, tool: str, measured: Measured) -> None:
        """One more run."""
        key = size, question, tool
        self.runs[key] += 1
        known = self.best.get(key, measured)
        self.best[key] = Measured(
            min(known.seconds, measured.seconds),
            max(known.kilobytes, measured.kilobytes),
            measured.users,
        )

    def enough(self, size: int, question: str, tool: str) -> bool:
        """Whether it is not worth another run: it has taken too long already, or so long that what
        disturbs for a moment makes no difference."""
        key = size, question, tool
        seconds = self.best.get(key, Measured(0, 0)).seconds
        return seconds == float("inf") or (seconds > SLOW_S and self.runs[key] >= SLOW_RUNS)

    @property
    def sizes(self) -> list[int]:
        """The sizes that were measured."""
        return sorted({size for size, _, _ in self.best})

    def questions(self, size: int) -> list[str]:
        """The questions that were asked at this size."""
        return list(dict.fromkeys(question for at, question, _ in self.best if at == size))

    def answers(self, size: int, question: str) -> dict[str, Measured]:
        """What each tool needed for this question at this size."""
        return {
            tool: found
            for (at, asked, tool), found in self.best.items()
            if (at, asked) == (size, question)
        }

    def series(self) -> dict[str, list[float]]:
        """The times of each tool at all sizes, for the questions that were asked at all."""
        sizes = self.sizes
        pairs = dict.fromkeys((question, tool) for _, question, tool in self.best)
        return {
            tool: [self.best[size, question, tool].seconds for size in sizes]
            for question, tool in pairs
            if all((size, question, tool) in self.best for size in sizes)
        }
