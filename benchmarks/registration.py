"""How long registering takes: ``python -m benchmarks.registration [--write FOLDER]``.

Everything is real: files on disk, looked at one by one, and a session memory that is on disk when
the call returns.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from typing import TYPE_CHECKING

from benchmarks.page import put

import restartmanager as rm

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = 100_000
ROUNDS = 3
_TEXT = """\
## Registering {files:,} files in one call

The fastest of {rounds} runs. `python -m benchmarks.registration` measures it again.

| what | seconds |
|---|--:|
{rows}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how long registering takes.")
    parser.add_argument("--write", metavar="FOLDER", help="the folder of performance.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RESTARTMANAGER_STATE_DIR"] = f"{folder}/state"
        paths = make_files(folder)
        best: dict[str, float] = {}
        for _ in range(ROUNDS):
            for what, seconds in measure(paths).items():
                best[what] = min(seconds, best.get(what, seconds))
    rows = "\n".join(f"| {what} | {seconds:.2f} |" for what, seconds in best.items())
    text = _TEXT.format(files=FILES, rounds=ROUNDS, rows=rows)
    if arguments.write:
        put(os.path.join(arguments.write, "performance.md"), "registration", text)
    print(text)


def make_files(folder: str) -> list[str]:
    """Empty files, a thousand to a directory."""
    paths = []
    for number in range(FILES):
        if number % 1000 == 0:
            os.mkdir(f"{folder}/{number // 1000}")
        path = f"{folder}/{number // 1000}/lib{number}.so"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        paths.append(path)
    return paths


def measure(paths: list[str]) -> dict[str, float]:
    """One session with all of them."""
    session = rm.start_session()
    return {
        "register": seconds(lambda: session.register(files=paths)),
        "register the same again": seconds(lambda: session.register(files=paths)),
        "read them back": seconds(session.resources),
        "list who is affected": seconds(session.affected),
        "end the session": seconds(session.end),
    }


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
