# ruff: noqa: T201 - a report
"""All attacks of the security page, and which promises they broke: ``make attacks``.

As root, for else some cannot be made; a promise that nothing was tried against counts as broken.
With ``--write`` the page gets the figures, where nothing is broken.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

from attacks.table import PAGE, collected, figures, promises, with_figures
from support.paths import ROOT
from support.sandbox import inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_SANDBOXED = "tests/sandboxed/"
_RESULT = re.compile(
    r"^(PASSED|FAILED|ERROR) (tests/[\w/]+\.py)::(?:\w+::)*?(\w+)(?=\[| |$)", re.MULTILINE
)


def main() -> int:
    text = PAGE.read_text(encoding="utf-8")
    tests = [test for named in promises(text).values() for test in named]
    cases, passed, failed = collected(tests), Counter[str](), Counter[str]()
    for command in _commands([name for test in tests for name in cases[test]]):
        done = subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        print(done.stdout.rpartition("\n\n")[2] or done.stderr, flush=True)
        for result, file, name in _RESULT.findall(done.stdout):
            (passed if result == "PASSED" else failed)[f"{file}::{name}"] += 1
    broken = frozenset(test for test in tests if failed[test] or not passed[test])
    found = figures(text, cases, broken)
    for rule, line in found.items():
        print(f"rule {rule:>3}: {line.tried} tried, {line.held} held, {line.broken} broken")
    for test in tests:
        made, all_of_them = passed[test] + failed[test], cases[test].total()
        if test in broken:
            print(f"broken by {failed[test]} of {all_of_them}, {made} made: {test}")
        elif made < all_of_them:
            print(f"{all_of_them - made} of {all_of_them} cannot be made on this machine: {test}")
    if "--write" in sys.argv[1:] and not broken:
        PAGE.write_text(with_figures(text, found), encoding="utf-8")
    return int(bool(broken))


def _commands(tests: Iterable[str]) -> list[Sequence[str | Path]]:
    """Those that run these tests: here, and a sandbox for each file that needs one."""
    here, there = [], dict[str, list[str]]()
    for test in tests:
        if test.startswith(_SANDBOXED):
            there.setdefault(test.partition("::")[0], []).append(test)
        else:
            here.append(test)
    commands: list[Sequence[str | Path]] = [[sys.executable, "-m", "pytest", "-q", "-rpfE", *here]]
    return commands + [inside("-rpfE", *some) for some in there.values()]


if __name__ == "__main__":
    sys.exit(main())
