"""How long calls take beside another checkout: ``python -m benchmarks.calls --beside CHECKOUT``.

Both are installed, and each has one program that asks the same questions of the same processes, in
turns. The median of the ratios of neighbouring calls is shown: what disturbs the machine then
disturbs both. The first call of each, which loads the program, does not count (``startup`` has it).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
from typing import TYPE_CHECKING, Self

from benchmarks.installed import clean_environment, install
from benchmarks.population import Population

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS = 40
PROCESSES = 400
FILES = 100
_ASKER = """
import sys, time
import restartmanager as rm
rare, common, free, *files = sys.argv[1:]
def calls(**how):
    with rm.start_session() as session:
        session.register(files=[*files, common])
        session.affected(**how)
questions = {
    "free": lambda: rm.who_uses(free),
    "rare": lambda: rm.who_uses(rare),
    "common": lambda: rm.who_uses(common),
    "stale": rm.stale,
    "calls": calls,
    "all": lambda: calls(relaunch="all"),
}
for line in sys.stdin:
    begun = time.perf_counter()
    questions[line.strip()]()
    print(time.perf_counter() - begun, flush=True)
"""
_QUESTIONS = {
    "free": "`who_uses` a file that nobody uses",
    "rare": "`who_uses` a file that three use",
    "common": "`who_uses` a file that a hundred use",
    "stale": "`stale`",
    "calls": f"a session: {FILES} files and one that a hundred use, their users, the end",
    "all": 'the same, with `affected(relaunch="all")`',
}


class Asker:
    """A program that asks with one installation; it ends with the context."""

    def __init__(self, programs: str, paths: Sequence[str], state: str) -> None:
        self._asks = subprocess.Popen(
            [f"{programs}/python", "-c", _ASKER, *paths],
            env=clean_environment() | {"RESTARTMANAGER_STATE_DIR": state},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # what it asks about is not of its own job
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._asks.communicate()

    def ask(self, question: str) -> float:
        """How many seconds the answer takes."""
        assert self._asks.stdin is not None
        assert self._asks.stdout is not None
        self._asks.stdin.write(f"{question}\n")
        self._asks.stdin.flush()
        return float(self._asks.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure calls beside another checkout.")
    parser.add_argument("--beside", metavar="CHECKOUT", required=True)
    print(compared(parser.parse_args().beside))


def compared(checkout: str) -> str:
    """A table of both."""
    with tempfile.TemporaryDirectory() as folder:
        before = install(f"{folder}/before", os.path.abspath(checkout))
        now = install(f"{folder}/now")
        files = [f"{folder}/file-{number}" for number in range(FILES + 1)]
        for path in files:
            with open(path, "wb") as file:
                file.write(b"x")
        with Population(PROCESSES, folder) as population:
            paths = [population.rare, population.common, *files]
            with (
                Asker(before, paths, f"{folder}/state-before") as old,
                Asker(now, paths, f"{folder}/state-now") as new,
            ):
                lines = [row(question, old, new) for question in _QUESTIONS]
    head = f"| on {PROCESSES} processes | before, ms | now, ms | ratio |"
    return "\n".join([head, "|---|--:|--:|--:|", *lines])


def row(question: str, old: Asker, new: Asker) -> str:
    pairs = [(old.ask(question), new.ask(question)) for _ in range(ROUNDS + 1)][1:]
    ratio = statistics.median(now / before for before, now in pairs)
    before, now = (1000 * statistics.median(times) for times in zip(*pairs, strict=True))
    return f"| {_QUESTIONS[question]} | {before:.1f} | {now:.1f} | {ratio:.3f} |"


if __name__ == "__main__":
    main()
