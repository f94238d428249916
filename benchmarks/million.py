"""A million registrations by eight processes at once: ``python -m benchmarks.million``.

Every process registers its share in calls of ``--batch`` files, in an order that has nothing to do
with their names. In the end every file must be there once. ``--write FOLDER`` puts the figures into
the page ``reliability.md`` of that folder.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from benchmarks.page import put
from benchmarks.store import KEY, files

from restartmanager.adapters.store.sqlite import SqliteStore
from restartmanager.model.journal import SessionRecord

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

PROCESSES = 8
PARTS = 10

_TEXT = """\
{count:,} files by {processes} processes at once, in calls of {batch:,} files, in random order:
**{lost} lost**, {doubled} doubled; {seconds:.0f} seconds together, {size:.0f} MB on disk.

| registered so far | µs for each further file |
|---|--:|
{rows}
"""


def register(folder: str, numbers: list[int], batch: int, together: Barrier) -> list[float]:
    """Register all these; when each call was done."""
    done = []
    with SqliteStore(folder, busy_timeout_s=300) as store:
        together.wait()
        for begin in range(0, len(numbers), batch):
            store.add_resources(KEY, files(numbers[begin : begin + batch]))
            done.append(time.monotonic())
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--write", metavar="FOLDER", help="the folder of reliability.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text, wrong = measure(folder, arguments.count, arguments.batch)
    if arguments.write:
        put(os.path.join(arguments.write, "reliability.md"), "million", text)
    print(text)
    sys.exit(wrong > 0)


def measure(folder: str, count: int, batch: int) -> tuple[str, int]:
    """The report, and how many files are lost or doubled."""
    with SqliteStore(folder + "/state") as store:
        store.create_session(SessionRecord(KEY, 1.0, "b" * 32), limit=64)
        begun, done = register_together(folder + "/state", count, batch)
        found = [file.path for file in store.resources(KEY).files]
    lost, doubled = count - len(set(found)), len(found) - len(set(found))
    size = os.path.getsize(folder + "/state/sessions.db") / 1e6
    text = _TEXT.format(
        count=count,
        processes=PROCESSES,
        batch=batch,
        lost=lost,
        doubled=doubled,
        seconds=done[-1] - begun,
        size=size,
        rows="\n".join(rows(begun, done, count)),
    )
    return text, lost + doubled


def register_together(folder: str, count: int, batch: int) -> tuple[float, list[float]]:
    """When it began, and when each call of any process was done."""
    numbers = list(range(count))
    random.Random(1).shuffle(numbers)  # noqa: S311 - any order will do
    spawn = multiprocessing.get_context("spawn")
    with spawn.Manager() as manager, spawn.Pool(PROCESSES) as pool:
        together = manager.Barrier(PROCESSES + 1)
        shares = [numbers[share::PROCESSES] for share in range(PROCESSES)]
        work = [(folder, share, batch, together) for share in shares]
        running = pool.starmap_async(register, work, chunksize=1)
        together.wait()
        begun = time.monotonic()
        return begun, sorted(done for each in running.get() for done in each)


def rows(begun: float, done: list[float], count: int) -> list[str]:
    """One row for each tenth of the files."""
    found = []
    for part in range(PARTS):
        first, last = len(done) * part // PARTS, len(done) * (part + 1) // PARTS
        from_s = done[first - 1] if first else begun
        each_us = (done[last - 1] - from_s) / (count / PARTS) * 1e6
        found.append(f"| {count * (part + 1) // PARTS:,} | {each_us:.1f} |")
    return found


if __name__ == "__main__":
    main()
