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


def inside(*tests: str | Path, before: Sequence[str] = (), reboots: int = 0) -> list[str | Path]:
    """The command that runs tests in a sandbox; ``before`` is put in front of pytest's in there.

    The tests may have the sandbox reboot ``reboots`` times; after each they are run again.
    """
    options = ["-q", "-p", "no:cacheprovider", "-o", "addopts=-ra --import-mode=importlib"]
    pytest = [sys.executable, "-m", "pytest", *options]
    options = ["--user", _USER, "--reboots", str(reboots)]
    return [SANDBOX, *options, "--", *before, *pytest, *tests]


def run_inside(
    file: Path, *, timeout_s: float, before: Sequence[str] = (), reboots: int = 0
) -> None:
    """Run the tests of a file in a sandbox; what fails there fails here, with all it printed.

    ``before`` and ``reboots`` as for `inside`.
    Where the sandbox cannot run the test is skipped and says why; in CI it fails.
    """
    check = subprocess.run([SANDBOX, "--check"], capture_output=True, text=True, check=False)
    if check.returncode != 0:
        why = f"the systemd sandbox cannot run here: {(check.stdout + check.stderr).strip()}"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    command = inside(file, before=before, reboots=reboots)
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
