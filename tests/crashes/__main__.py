# ruff: noqa: T201 - a report
"""All crash points, and what came of them: ``make crashes``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from crashes import runs


def main() -> None:
    total, wrong = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for what, kill in (
            ("installer", runs.killed_while_updating),
            ("recovery", runs.killed_while_recovering),
        ):
            count, complaints = kill(Path(folder) / what)
            print(f"{what} killed at {count} points: {len(complaints)} complaints")
            print(*complaints, sep="\n", end="\n" if complaints else "")
            total, wrong = total + count, wrong + len(complaints)
    print(f"{total} points, {wrong} complaints")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
