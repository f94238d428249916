"""Who finds the users of a file fastest: ``python -m benchmarks.detection [--write FOLDER]``.

All tools are measured side by side on the same processes, in turns, and of each the fastest run
counts: what disturbs makes a run slower, never faster. Run it as root: an ordinary user sees less,
and so is faster. Without FOLDER the tables are printed; with it, the part between the markers in
FOLDER/performance.md and the picture FOLDER/performance.svg are made anew.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from typing import TYPE_CHECKING

from benchmarks.installed import install
from benchmarks.population import Population
from benchmarks.questions import (
    COMMON,
    FREE,
    FREE_FILES,
    MANY,
    MANY_FILES,
    MANY_USED,
    MORE_FILES,
    RARE,
    REPLACED,
)
from benchmarks.report import print_report, write_report
from benchmarks.results import Results
from benchmarks.tools import compiled_reader, stale_tools, who_tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.tools import Tool

_BUILD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build")

SIZES = (100, 800, 3000)
MAIN_SIZE = 800
"""Where all questions are asked; at the other sizes only those that show the growth."""


def measure(results: Results, size: int, folder: str, programs: str, *, everything: bool) -> None:
    """Ask on a population of this size."""
    reader = compiled_reader(folder)
    free = [made(os.path.join(folder, "free", f"lib{number}.so")) for number in range(FREE)]
    many = [made(os.path.join(folder, "many", f"lib{number}.so")) for number in range(MANY)]
    used = many[:: MANY // MANY_USED] if everything else []
    more = [made(os.path.join(folder, "more", f"lib{number}.so")) for number in range(MANY - 1)]
    with Population(size, folder, opened=used) as population:
        questions = {RARE: [population.rare]}
        if everything:
            questions |= {COMMON: [population.common], FREE_FILES: free}
            questions |= {MORE_FILES: [*more, population.rare], MANY_FILES: many}
        for _ in range(results.rounds):
            for question, paths in questions.items():
                ask(results, size, question, who_tools(reader, programs), paths)
        os.replace(made(f"{population.common}.new"), population.common)
        for _ in range(results.rounds):
            ask(results, size, REPLACED, stale_tools(programs), [])


def ask(
    results: Results, size: int, question: str, tools: Sequence[Tool], paths: Sequence[str]
) -> None:
    for tool in tools:
        if not tool.there:
            results.missing.add(tool.name)
        elif not results.enough(size, question, tool.name):
            results.note(size, question, tool.name, tool.run(paths))


def made(path: str) -> str:
    """A small file at this path."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"x" * 100)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure who finds the users of a file fastest.")
    parser.add_argument("--write", metavar="FOLDER", help="the folder of performance.md")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="K")
    arguments = parser.parse_args()
    results = Results(rounds=arguments.rounds)
    main_size = MAIN_SIZE if MAIN_SIZE in arguments.sizes else max(arguments.sizes)
    with tempfile.TemporaryDirectory() as environment:
        programs = install(environment)
        for size in sorted(arguments.sizes):
            # Not below /tmp: what is replaced there is nothing that any tool would name.
            os.makedirs(_BUILD, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=_BUILD) as folder:
                measure(results, size, folder, programs, everything=size == main_size)
    if arguments.write:
        write_report(results, main_size, arguments.write)
    else:
        print_report(results, main_size)


if __name__ == "__main__":
    main()
