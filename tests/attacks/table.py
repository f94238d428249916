"""The attacks on the rules of docs/explanation/security.md, and the table in which that page counts
them.

A test that a rule names is a promise; each of its cases is an attack, or a fault, that would break
it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from support.paths import DOCS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["PAGE", "Figures", "collected", "figures", "promises", "rows", "total", "with_figures"]

PAGE = DOCS / "explanation" / "security.md"

_RULE = re.compile(r"^### (\d+)\.(.*?)(?=^##)", re.MULTILINE | re.DOTALL)
_PROMISE = re.compile(r"^- `(tests/[\w/]+\.py::\w+)`$", re.MULTILINE)
_CASE = re.compile(r"^((tests/[\w/]+\.py)::(?:\w+::)*?(\w+))(?:\[.*)?$", re.MULTILINE)
_ROW = re.compile(r"^\| (\d+|all) \| (.*) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


class Figures(NamedTuple):
    """What a row of the table counts: attacks, promises that were held, and promises that broke."""

    tried: int
    held: int
    broken: int


def promises(text: str) -> dict[int, tuple[str, ...]]:
    """The tests that each rule of the page names."""
    return {int(rule): tuple(_PROMISE.findall(body)) for rule, body in _RULE.findall(text)}


def collected(tests: Iterable[str]) -> dict[str, Counter[str]]:
    """The number of cases of each of these tests, as pytest collects them, by its names: one that
    belongs to several classes has several. None is run."""
    cases = {test: Counter[str]() for test in tests}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n0"]
    command += sorted({test.partition("::")[0] for test in cases})
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)
    for name, file, function in _CASE.findall(done.stdout):
        if (test := f"{file}::{function}") in cases:
            cases[test][name] += 1
    return cases


def figures(
    text: str, cases: Mapping[str, Counter[str]], broken: frozenset[str] = frozenset()
) -> dict[str, Figures]:
    """The figures of each row of the table, by what stands in its first column."""
    found = {}
    for rule, tests in promises(text).items():
        fallen = len(broken.intersection(tests))
        tried = sum(cases[test].total() for test in tests)
        found[str(rule)] = Figures(tried, len(tests) - fallen, fallen)
    return {**found, "all": total(found.values())}


def total(lines: Iterable[Figures]) -> Figures:
    """The sums of all columns."""
    return Figures(*map(sum, zip(*lines, strict=True)))


def rows(text: str) -> dict[str, Figures]:
    """The figures that the page has."""
    return {first: Figures(*map(int, numbers)) for first, _, *numbers in _ROW.findall(text)}


def with_figures(text: str, found: Mapping[str, Figures]) -> str:
    """The page with these figures in its table."""

    def renewed(row: re.Match[str]) -> str:
        return f"| {row[1]} | {row[2]} | {' | '.join(map(str, found[row[1]]))} |"

    return _ROW.sub(renewed, text)
