"""How long things take to start: ``python -m benchmarks.startup [--write FOLDER]``.

Of the package as it is installed. Of so many runs the fastest counts; what the interpreter
itself takes is shown beside them.

``python -m benchmarks.startup --beside CHECKOUT`` compares with another checkout, such as the
commit before: both are installed, their runs take turns, and the median of the ratios of
neighbouring runs is shown. What disturbs the machine then disturbs both.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

from benchmarks.installed import clean_environment, install
from benchmarks.page import put

if TYPE_CHECKING:
    from collections.abc import Sequence

RUNS = 40
_TEXT = """\
## Starting

The fastest of {runs} runs, of the package as `pip install` puts it into an environment of its own.
`python -m benchmarks.startup` measures it again; the import times are those of `-X importtime`.

| what | ms |
|---|--:|
{rows}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how long things take to start.")
    parser.add_argument("--write", metavar="FOLDER", help="the folder of performance.md")
    parser.add_argument("--beside", metavar="CHECKOUT", help="another checkout to compare with")
    arguments = parser.parse_args()
    if arguments.beside:
        print(compared(arguments.beside))
        return
    with tempfile.TemporaryDirectory() as folder:
        environment = clean_environment() | {"RESTARTMANAGER_STATE_DIR": f"{folder}/state"}
        found = rows(install(f"{folder}/installed"), environment)
        text = _TEXT.format(runs=RUNS, rows="\n".join(found))
    if arguments.write:
        put(os.path.join(arguments.write, "performance.md"), "startup", text)
    print(text)


def compared(checkout: str) -> str:
    """A table of both, with the median of the ratios of neighbouring runs."""
    with tempfile.TemporaryDirectory() as folder:
        environment = clean_environment() | {"RESTARTMANAGER_STATE_DIR": f"{folder}/state"}
        before = install(f"{folder}/before", os.path.abspath(checkout))
        now = install(f"{folder}/now")
        lines = ["| what | before, ms | now, ms | ratio |", "|---|--:|--:|--:|"]
        for what, program, *arguments in (
            ("`import restartmanager`", "python", "-c", "import restartmanager"),
            ("`import restartmanager.app`", "python", "-c", "import restartmanager.app"),
            ("`restartctl --help`", "restartctl", "--help"),
            ("`restartctl who FILE`, nobody uses it", "restartctl", "who", __file__),
            ("`restartctl who FILE`, its users are shown", "restartctl", "who", libc()),
            ("`restartctl stale`", "restartctl", "stale"),
        ):
            pairs = [
                (
                    once([f"{before}/{program}", *arguments], environment),
                    once([f"{now}/{program}", *arguments], environment),
                )
                for _ in range(RUNS + 1)
            ][1:]
            ratio = statistics.median(new / old for old, new in pairs)
            old, new = (1000 * statistics.median(times) for times in zip(*pairs, strict=True))
            lines.append(f"| {what} | {old:.1f} | {new:.1f} | {ratio:.3f} |")
    return "\n".join(lines)


def libc() -> str:
    """The C library of this process: a file that nearly everybody uses."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return next(line.split()[-1] for line in maps if "libc.so" in line or "libc-" in line)


def rows(programs: str, environment: dict[str, str]) -> list[str]:
    python, command = [f"{programs}/python"], [f"{programs}/restartctl"]
    found = {
        "the interpreter alone, `python -c pass`": wall([*python, "-c", "pass"], environment),
        "`import restartmanager`": imported(python, "restartmanager", environment),
        "`import restartmanager.app`": imported(python, "restartmanager.app", environment),
        "`restartctl --help`, whole command": wall([*command, "--help"], environment),
        "`restartctl who FILE`, whole command": wall([*command, "who", __file__], environment),
    }
    return [f"| {what} | {ms:.1f} |" for what, ms in found.items()]


def wall(command: Sequence[str], environment: dict[str, str]) -> float:
    """The whole command, in milliseconds."""
    return 1000 * min([once(command, environment) for _ in range(RUNS + 1)][1:])


def once(command: Sequence[str], environment: dict[str, str]) -> float:
    """One run of the whole command, in seconds."""
    begun = time.perf_counter()
    subprocess.run(command, env=environment, capture_output=True, check=False)
    return time.perf_counter() - begun


def imported(python: Sequence[str], module: str, environment: dict[str, str]) -> float:
    """What the import takes beyond the interpreter's own start, in milliseconds."""
    command = [*python, "-X", "importtime", "-c", f"import {module}"]
    times = []
    for _ in range(RUNS + 1):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        last = done.stderr.strip().splitlines()[-1]  # the line of the module that was asked for
        parent = [line for line in done.stderr.splitlines() if line.endswith("| restartmanager")]
        lines = {last, *parent}
        times.append(sum(int(line.split("|")[1]) for line in lines) / 1000)
    return min(times[1:])


if __name__ == "__main__":
    main()
