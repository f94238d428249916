# ruff: noqa: T201 - a report
"""All crash points, and what came of them: ``make crashes``.

Programs first, then the services of a real systemd, for which this runs itself in the sandbox.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from crashes import runs
from crashes.services import service_workshop
from crashes.workshop import Workshop
from support.paths import SANDBOX


def report(subjects: str, make: runs.Maker) -> int:
    """Kill at every point; how much went wrong."""
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for who, kill in (
            ("installer", runs.killed_while_updating),
            ("recovery", runs.killed_while_recovering),
            ("installer beside another", runs.killed_beside_another),
        ):
            count, complaints = kill(Path(folder) / who, 1, make)
            print(f"{subjects}: {who} killed at {count} points: {len(complaints)} complaints")
            print(*complaints, sep="\n", end="\n" if complaints else "")
            wrong += len(complaints)
    return wrong


def main() -> None:
    if sys.argv[1:] == ["services"]:
        sys.exit(report("services", service_workshop) > 0)
    wrong = report("programs", Workshop)
    sandbox = str(SANDBOX)
    inside = [sandbox, "--", sys.executable, "-m", "crashes", "services"]
    sys.exit(wrong > 0 or subprocess.run(inside, check=False).returncode)


if __name__ == "__main__":
    main()
