"""One or several runs of pytest, and what came of them."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soak.load import busy
from support.paths import ROOT
from support.sandbox import inside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_COUNT = re.compile(r"\b([0-9]+) (passed|failed|skipped|errors?)\b")
_TOOK = re.compile(r" in [0-9.]+s\b")
_IN_SANDBOX = "tests/sandboxed/"


@dataclass(slots=True)
class Result:
    """What came of some runs: how many tests passed, failed and were skipped, in how many
    seconds."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0

    def count(self, said: str, status: int) -> None:
        """Add one run, by all that it has said and its exit status."""
        last = [line for line in said.splitlines() if _TOOK.search(line)][-1:]
        found = {word.rstrip("s"): int(number) for number, word in _COUNT.findall("".join(last))}
        failed = found.get("failed", 0) + found.get("error", 0)
        self.passed += found.get("passed", 0)
        self.skipped += found.get("skipped", 0)
        self.failed += failed or int(status != 0)  # it may not have come to its last line


def run(tests: Sequence[str], log: Path, *, times: int, loops: int) -> Result:
    """Run these tests (all of them where none is named) so many times beside so many busy loops, up
    to the first failure. What that run has said is in ``log`` then; else there is no such file."""
    result = Result()
    command = _command(tests, alone=times > 1)
    begun = time.monotonic()
    with busy(loops):
        for _ in range(times):
            with open(log, "w", encoding="utf-8") as file:
                done = subprocess.run(
                    command,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
            result.count(log.read_text(encoding="utf-8", errors="replace"), done.returncode)
            if result.failed:
                break
            log.unlink()
    result.seconds = time.monotonic() - begun
    return result


def _command(tests: Sequence[str], *, alone: bool) -> list[str | Path]:
    if any(test.startswith(_IN_SANDBOX) for test in tests):
        return inside(*tests)
    options = ["-n", "0"] if alone else []
    return [sys.executable, "-m", "pytest", "-q", *options, *tests]
