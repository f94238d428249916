"""Running tests beside a real systemd, booted in namespaces of its own (``systemd-sandbox``).

The files in ``tests/sandboxed`` are ordinary tests that are only collected there; one test outside
for each of them boots a sandbox and runs the file in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.paths import ROOT, SANDBOX

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["INSIDE", "inside", "run_inside"]

INSIDE = os.environ.get("SYSTEMD_SANDBOX") == "1"
"""Whether this process lives in a sandbox."""

_USER = "tester"
_REBOOTS = "test_reboot.py"


def inside(*tests: str | Path, before: Sequence[str] = ()) -> list[str | Path]:
    """The command that runs tests in a sandbox; ``before`` is put in front of pytest's in there.

    Those that have it reboot are run again in the next boot.
    """
    options = ["-q", "-p", "no:cacheprovider", "-o", "addopts=-ra --import-mode=importlib"]
    pytest = [sys.executable, "-m", "pytest", *options]
    reboots = ["--reboots", "1"] if any(_REBOOTS in str(test) for test in tests) else []
    return [SANDBOX, "--user", _USER, *reboots, "--", *before, *pytest, *tests]


def run_inside(file: Path, *, timeout_s: float, before: Sequence[str] = ()) -> None:
    """Run the tests of a file in a sandbox; what fails there fails here, with all it printed.

    ``before`` is put in front of the command inside.
    Where the sandbox cannot run the test is skipped and says why; in CI it fails.
    """
    check = subprocess.run([SANDBOX, "--check"], capture_output=True, text=True, check=False)
    if check.returncode != 0:
        why = f"the systemd sandbox cannot run here: {(check.stdout + check.stderr).strip()}"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    command = inside(file, before=before)
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout_s,
        check=False,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        pytest.fail(
            f"in the sandbox (exit status {done.returncode}):\n{done.stdout}", pytrace=False
        )
