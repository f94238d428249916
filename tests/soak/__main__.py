# ruff: noqa: T201 - a report
"""Do the tests ever waver? ``make soak``, with options in SOAK.

The whole suite is run again and again, and after it each test that has wavered before, every second
time beside busy loops. It ends at the first failure, with the log of that run.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from soak.runs import run
from soak.wavered import WAVERED
from support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from soak.runs import Result

_WIDTH = 50
_LINE = f"{{:<{_WIDTH}}} {{:>5}} {{:>7}} {{:>7}} {{:>8}} {{:>8}}"


def main() -> None:
    chosen = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and so tidy up
    chosen.logs.mkdir(parents=True, exist_ok=True)
    print(_LINE.format("run", "load", "passed", "failed", "skipped", "seconds"), flush=True)
    for number, (name, tests, times, loops) in enumerate(_plan(chosen), 1):
        log = chosen.logs / f"{number}.log"
        result = run(tests, log, times=times, loops=loops)
        print(_row(name, loops, result), flush=True)
        if result.failed:
            sys.exit(f"The log of the run that failed: {log}")


def _plan(chosen: argparse.Namespace) -> Iterator[tuple[str, Sequence[str], int, int]]:
    """What to run, how often in a row, and beside how many busy loops."""
    what = " ".join(chosen.within) or "all"
    for number in range(chosen.runs):
        yield f"{number + 1}: {what}", chosen.within, 1, chosen.loops * (number % 2)
    loaded = chosen.repeats // 2
    for test in chosen.tests:
        for times, loops in ((chosen.repeats - loaded, 0), (loaded, chosen.loops)):
            if times:
                yield f"{times}x {test.rpartition('::')[2]}", [test], times, loops


def _row(name: str, loops: int, result: Result) -> str:
    short = name if len(name) <= _WIDTH else name[: _WIDTH - 3] + "..."
    counts = result.passed, result.failed, result.skipped
    return _LINE.format(short, loops, *counts, f"{result.seconds:.0f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("tests", nargs="*", default=WAVERED, help="what is repeated, by its id")
    parser.add_argument("--runs", type=_count, default=6, help="of the suite (6)")
    parser.add_argument("--repeats", type=_count, default=30, help="of each named test (30)")
    parser.add_argument("--loops", type=_count, default=4, help="beside half of the runs (4)")
    parser.add_argument("--within", nargs="+", default=[], help="paths: the suite is only this")
    parser.add_argument("--logs", type=Path, default=ROOT / "build/soak", help="kept (build/soak)")
    return parser.parse_args()


def _count(text: str) -> int:
    if int(text) < 0:
        raise ValueError
    return int(text)


if __name__ == "__main__":
    main()
