# ruff: noqa: T201 - a report
"""All tests on every Python that is promised and found here: ``make test-pythons``.

Interpreters that are not found by themselves may be named: ``make test-pythons
PYTHONS="/opt/py/bin/python3.14"``. Each has an environment of its own, ``.venv-3.14.0``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time

from pythons.interpreters import Interpreter, find, promised
from support.paths import ROOT

_RESULT = re.compile(r"^=* ?((?:\d+ \w+, )*\d+ \w+) in [\d.]+s")
"""The last line of pytest: how many passed, failed, were skipped."""


def run_tests(interpreter: Interpreter, environment: str) -> tuple[bool, str]:
    """Run all tests with an interpreter: whether they passed, and what pytest says of them."""
    command = ["make", "test", f"PYTHON={interpreter.path}", f"VENV={environment}"]
    said = "no test was run"
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            result = _RESULT.match(line)
            if result is not None:
                said = result[1]
    return process.returncode == 0, said


def main(named: list[str]) -> int:
    """The exit status: 0 where every interpreter that was found passed, and one was found."""
    report: list[str] = []
    passed: list[bool] = []
    for version in promised():
        interpreter = find(version, named)
        if interpreter is None:
            report.append(f"{version:<8} NOT FOUND, and so not tested; name one with PYTHONS=PATH")
            continue
        print(f"Python {interpreter.version}: {interpreter.path}", flush=True)
        began = time.monotonic()
        well, said = run_tests(interpreter, f".venv-{interpreter.version}")
        took_s = time.monotonic() - began
        word = "passed" if well else "FAILED"
        report.append(
            f"{interpreter.version:<8} {word}: {said}; {took_s:.0f} s; {interpreter.path}"
        )
        passed.append(well)
    print(*report, sep="\n")
    return 0 if passed and all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
