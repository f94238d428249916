# ruff: noqa: T201 - a report
"""Feed all parsers: ``make fuzz``; ``--inputs`` says how many altogether, ``--number`` which."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from functools import partial

from fuzzing.campaign import feed_by_name
from fuzzing.parsers import PARSERS


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--inputs", type=int, default=1_200_000)
    arguments.add_argument("--number", type=int, default=int(time.time()))
    chosen = arguments.parse_args()
    work = partial(feed_by_name, -(-chosen.inputs // len(PARSERS)), chosen.number)
    begun = time.monotonic()
    with multiprocessing.Pool() as pool:
        results = list(pool.imap(work, [parser.name for parser in PARSERS]))
    for result in results:
        print(f"{result.parser:22} {result.inputs:9,} inputs, {result.taken:9,} taken")
        print(*result.failures, sep="\n", end="\n" if result.failures else "")
    failures = sum(len(result.failures) for result in results)
    inputs, seconds = sum(result.inputs for result in results), time.monotonic() - begun
    print(
        f"{inputs:,} inputs to {len(results)} parsers, {failures} uncaught ({seconds:.0f} s,",
        end=" ",
    )
    print(f"--number {chosen.number})")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
