"""How fast the session memory is: ``python benchmarks/store.py [FOLDER]``.

FOLDER should be on the kind of disk that matters; without one a temporary folder is used.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from restartmanager.adapters.store.sqlite import SqliteStore
from restartmanager.model import Application, AppType, FileIdentity, FileResource, Resources
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.journal import JournalEntry, JournalStep, SessionRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KEY = "0" * 32
BOOT = "b" * 32


def files(numbers: Iterable[int]) -> Resources:
    return Resources(
        files=tuple(
            FileResource(
                f"/usr/lib/x86_64-linux-gnu/package-{n // 1000:05}/some/where/{n % 1000:04}.so",
                FileIdentity(2049, n + 1, 1_700_000_000_000_000_000 + n, n, n),
            )
            for n in numbers
        )
    )


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def report(what: str, taken_s: float, count: int) -> None:
    print(f"{what:<52} {taken_s:8.3f} s {count / taken_s:12,.0f} /s")


def repeat(what: str, work: Callable[[], object]) -> None:
    begun = time.perf_counter()
    for _ in range(200):
        work()
    report(f"{what}, 200 times", time.perf_counter() - begun, 200)


def new_store(place: str) -> tuple[str, SqliteStore]:
    folder = tempfile.mkdtemp(dir=place)
    store = SqliteStore(folder)
    store.create_session(SessionRecord(KEY, 1.0, BOOT), limit=64)
    return folder, store


def one_call(place: str, title: str, numbers: list[int]) -> None:
    with new_store(place)[1] as store:
        resources = files(numbers)
        count = len(resources.files)
        report(f"register, {title}", seconds(lambda: store.add_resources(KEY, resources)), count)
        report("  the same again", seconds(lambda: store.add_resources(KEY, resources)), count)
        report("  read back", seconds(lambda: store.resources(KEY)), count)
        report("  delete the session", seconds(lambda: store.delete_session(KEY)), count)


def register(folder: str, number: int, begin_at: float) -> None:
    resources = files(range(number * 5000, (number + 1) * 5000))
    time.sleep(max(0.0, begin_at - time.time()))
    with SqliteStore(folder, busy_timeout_s=60) as store:
        store.add_resources(KEY, resources)


def together(place: str) -> None:
    folder, store = new_store(place)
    begin_at = time.time() + 8
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=register, args=(folder, n, begin_at)) for n in range(20)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    report("register, 20 processes with 5,000 each", time.time() - begin_at, 100_000)
    with store:
        assert len(store.resources(KEY).files) == 100_000


def growth(place: str, title: str, order: list[int]) -> None:
    folder, store = new_store(place)
    with store:
        for begin in range(0, len(order), 5000):
            resources = files(order[begin : begin + 5000])
            taken_s = seconds(lambda batch=resources: store.add_resources(KEY, batch))  # type: ignore[misc]
            if (begin + 5000) % 200_000 == 0 or begin == 0:
                report(f"5,000 more, {title}, up to {begin + 5000:,}", taken_s, 5000)
        size = os.path.getsize(os.path.join(folder, "sessions.db")) / 1e6
        report(f"  read back ({size:.0f} MB)", seconds(lambda: store.resources(KEY)), len(order))
        report("  delete the session", seconds(lambda: store.delete_session(KEY)), len(order))


def small_steps(place: str) -> None:
    with new_store(place)[1] as store:
        application = Application("a", AppType.UNKNOWN, None)
        counter = itertools.count()

        def write_entry() -> None:
            # A new one each time: SQLite writes nothing where nothing changes.
            entry = JournalEntry(next(counter), application, JournalStep.STOPPED, 1.0)
            store.write_entries(KEY, [entry])

        repeat("write one journal entry", write_entry)
        repeat("look at a session", lambda: store.session(KEY))

        def join_from_anew() -> None:
            store.close()
            store.add_member(KEY, UniqueProcess(next(counter), 1, BOOT))

        repeat("open the memory and write once", join_from_anew)


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else None) as place:
        small_steps(place)
        one_call(place, "100,000 files in one call", list(range(100_000)))
        shuffled = list(range(1_000_000))
        random.Random(1).shuffle(shuffled)  # noqa: S311 - any order will do
        one_call(place, "100,000 files of anywhere", shuffled[:100_000])
        together(place)
        growth(place, "in order", list(range(1_000_000)))
        growth(place, "of anywhere", shuffled)


if __name__ == "__main__":
    main()
