"""What one question to the in-use probe costs, for 1, 1,000 and 10,000 files.

    python benchmarks/probe.py [FOLDER]

Takes the files below FOLDER (/usr) in the order they are found; the best of five rounds counts.
"""

from __future__ import annotations

import itertools
import os
import stat
import sys
import time
from collections import Counter

from restartmanager.adapters.proc.files import identity_of
from restartmanager.adapters.proc.trees import Tree
from restartmanager.adapters.scan.leases import LeaseProbe
from restartmanager.adapters.scan.proc_scan import ProcScanner
from restartmanager.model import FileResource, Resources

COUNTS = (1, 1_000, 10_000)
ROUNDS = 5


def regular_files(folder: str, count: int) -> tuple[FileResource, ...]:
    with Tree(folder) as tree:
        found = (
            FileResource(path, identity_of(facts))
            for path, facts in tree.walk()
            if stat.S_ISREG(facts.st_mode)
        )
        return tuple(itertools.islice(found, count))


def asking(files: tuple[FileResource, ...]) -> tuple[float, Counter[str]]:
    best, verdicts = float("inf"), Counter[str]()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answers = LeaseProbe().ask(files)
        best = min(best, time.perf_counter() - began)
        verdicts = Counter(map(str, answers.values()))
    return best, verdicts


def scanning(files: tuple[FileResource, ...]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ProcScanner().find_holders(Resources(files=files))
        best = min(best, time.perf_counter() - began)
    return best


def main(folder: str) -> None:
    why = LeaseProbe().why_unavailable()
    if why is not None:
        sys.exit(f"The probe gives no answers here: {why}.")
    processes = sum(name.isdigit() for name in os.listdir("/proc"))
    print(f"{processes} processes, files below {folder}")
    print(f"{'files':>7} {'ms':>9} {'µs/file':>9} {'scan, ms':>9}  answers")
    for count in COUNTS:
        files = regular_files(folder, count)
        seconds, verdicts = asking(files)
        answers = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
        print(
            f"{len(files):>7} {seconds * 1e3:>9.2f} {seconds / len(files) * 1e6:>9.1f} "
            f"{scanning(files) * 1e3:>9.1f}  {answers}"
        )


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["/usr"]))
