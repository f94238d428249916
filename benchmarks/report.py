"""What the benchmark found, as Markdown and as a picture."""

from __future__ import annotations

import importlib
import math
import os
import platform
import re
import subprocess
from typing import TYPE_CHECKING

from benchmarks.page import put
from benchmarks.questions import COMMON, MANY, MANY_FILES, MORE_FILES, RARE
from benchmarks.results import SLOW_RUNS, SLOW_S
from benchmarks.tools import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.results import Results

__all__ = ["print_report", "write_report"]

_OURS = ("restartctl who", "restartctl stale")
_INTRODUCTION = """\
## Finding who uses a file

All tools are measured side by side on the same processes, in turns; of each the fastest of {rounds}
runs counts, of {slow_runs} where one takes more than {slow:.0f} seconds. The processes are real:
servers that map libraries of this machine and fork children, about 200 mappings and a dozen
descriptors each. We are installed as `pip install` does it, in an environment of our own. *reading
only, in C* reads the files of `/proc` that a tool has to read which goes through all of it, and
compares nothing. *the call*, *the kernel iterators alone* and *the loop* are timed in a fresh
interpreter without its start, *the call* as the second question that it asks; all others are whole
commands. Memory is the most that a run had; what needs less than the program that measures
({floor} MB) cannot be told apart. `make bench` does it again.

{environment}
"""


def print_report(results: Results, main_size: int) -> None:
    """Show it."""
    print(_text(results, main_size, picture=False))


def write_report(results: Results, main_size: int, folder: str) -> None:
    """Put it between the markers of performance.md, and draw the picture."""
    path = os.path.join(folder, "performance.md")
    part = _text(results, main_size, picture=_draw(results, f"{folder}/performance.svg"))
    put(path, "detection", part)


def _text(results: Results, main_size: int, *, picture: bool) -> str:
    floor = min(found.kilobytes for found in results.best.values()) // 1024
    lines = [
        _INTRODUCTION.format(
            rounds=results.rounds,
            slow_runs=SLOW_RUNS,
            slow=SLOW_S,
            floor=floor,
            environment=_environment(results.load),
        ),
        f"### {main_size:,} processes\n",
    ]
    for question in results.questions(main_size):
        lines += _question(results, main_size, question)
    lines += _more_files(results, main_size)
    if len(results.sizes) > 1:
        lines += _growth(results, picture=picture)
    if results.missing:
        lines += ["", f"Not installed, so not measured: {', '.join(sorted(results.missing))}."]
    return "\n".join(lines) + "\n"


def _question(results: Results, size: int, question: str) -> Iterator[str]:
    answers = results.answers(size, question)
    ours = next((tool for tool in answers if tool in _OURS), None)
    yield f"**{question[0].upper()}{question[1:]}**\n"
    yield f"| | seconds | {f'times {ours}' if ours else ''} | memory | users found |"
    yield "|---|--:|--:|--:|--:|"
    for tool, found in answers.items():
        ratio = found.seconds / answers[ours].seconds if ours else math.inf
        cells = (
            tool,
            _seconds(found.seconds),
            f"{ratio:.2f}" if math.isfinite(ratio) else "",
            f"{found.kilobytes // 1024} MB",
            "" if found.users is None else str(found.users),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def _more_files(results: Results, size: int) -> Iterator[str]:
    """What it costs to ask about many files instead of one."""
    yield f"**{MANY:,} files against one, with as many users**\n"
    yield f"| | users | one file | {MANY:,} files | times |"
    yield "|---|--:|--:|--:|--:|"
    for one, many, users in ((RARE, MORE_FILES, 3), (COMMON, MANY_FILES, 100)):
        for tool in ("restartmanager, the call", "restartctl who"):
            few, more = (results.answers(size, asked)[tool].seconds for asked in (one, many))
            yield f"| {tool} | {users} | {few:.3f} | {more:.3f} | {more / few:.2f} |"
    yield ""


def _growth(results: Results, *, picture: bool) -> Iterator[str]:
    sizes = results.sizes
    yield "### Growth\n"
    yield "One file with three users, and what runs replaced code, by the number of processes.\n"
    if picture:
        yield "![Seconds by the number of processes](performance.svg)\n"
    yield f"| | {' | '.join(f'{size:,}' for size in sizes)} | each further process |"
    yield f"|---|{'--:|' * (len(sizes) + 1)}"
    for tool, times in results.series().items():
        each = (times[-1] - times[0]) / (sizes[-1] - sizes[0]) * 1e3
        cells = [_seconds(seconds) for seconds in times]
        cells.append(f"{each:.3f} ms" if math.isfinite(each) else "")
        yield f"| {tool} | {' | '.join(cells)} |"


def _seconds(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else f"more than {LIMIT_S:.0f}"


def _environment(load: float) -> str:
    release = ".".join(platform.release().split("-")[0].split(".")[:2])
    versions = []
    for name, option in (("fuser", "-V"), ("lsof", "-v")):
        try:
            done = subprocess.run([name, option], capture_output=True, text=True, check=False)
        except OSError:
            continue
        found = re.search(r"\d+\.\d[\d.]*", done.stdout + done.stderr)
        versions.append(f"{name} {found[0]}" if found else name)
    who = "root" if os.geteuid() == 0 else "an ordinary user"
    machine = f"Linux {release} on {platform.machine()}, {os.cpu_count()} processors"
    parts = (machine, f"Python {platform.python_version()}", *versions, f"run as {who}")
    busy = f"The load of the machine was {load:.1f} when it began."
    return f"Measured on {', '.join(parts)}.\n{busy}"


def _draw(results: Results, path: str) -> bool:
    """The growth as a picture; False where there is none, or matplotlib is not installed."""
    sizes = results.sizes
    if len(sizes) < 2:
        return False
    try:
        matplotlib = importlib.import_module("matplotlib")
    except ImportError:
        return False
    matplotlib.use("svg")
    # Words stay words: the picture is smaller, and can be read by machines.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "restartmanager"})
    pyplot = importlib.import_module("matplotlib.pyplot")
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    for tool, times in results.series().items():
        ours = tool.startswith("restart")
        axes.plot(sizes, times, marker="o", markersize=4, linewidth=2.5 if ours else 1, label=tool)
    axes.set(xscale="log", yscale="log", xlabel="processes", ylabel="seconds")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    ticks = [tick for tick in (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30) if _within(tick, results)]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(visible=True, linewidth=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    return True


def _within(tick: float, results: Results) -> bool:
    times = [time for times in results.series().values() for time in times if math.isfinite(time)]
    return min(times) / 3 <= tick <= max(times) * 3
