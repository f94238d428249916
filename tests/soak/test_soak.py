"""The soak itself: it counts rightly, stops at the first failure, and leaves no busy loop."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from soak.load import busy
from soak.runs import Result, run
from soak.wavered import WAVERED
from support.paths import ROOT, TESTS

if TYPE_CHECKING:
    from pathlib import Path

    from support.spawning import Spawn

FAILS_SECOND = """
import os
def test_good(): pass
def test_wavers():
    with open(os.path.dirname(__file__) + "/tally", "a+") as file:
        file.write("x")
        file.seek(0)
        assert len(file.read()) < 2
"""


@pytest.fixture
def wavering(tmp_path: Path) -> str:
    path = tmp_path / "test_wavering.py"
    path.write_text(FAILS_SECOND)
    return str(path)


def soak(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "soak", "--loops", "1", *options],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )


# -- busy loops --------------------------------------------------------------------------------


def test_they_end_with_the_block_however_that_ends() -> None:
    held = []
    with contextlib.suppress(LookupError), busy(2) as loops:
        held += [os.pidfd_open(loop) for loop in loops]
        assert not any(select.select(held, [], [], 0))
        raise LookupError
    assert select.select(held, [], [], 0)[0] == held
    for pidfd in held:
        os.close(pidfd)


def test_they_end_when_who_began_them_is_killed(spawn: Spawn) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from soak.load import busy\n"
        "with busy(2) as loops: print(*loops, flush=True); input()\n"
    )
    child = spawn.running(sys.executable, "-c", program, str(TESTS))
    assert child.stdout is not None
    held = [os.pidfd_open(int(number)) for number in child.stdout.readline().split()]
    child.kill()
    for pidfd in held:
        assert select.select([pidfd], [], [], 20)[0]
        os.close(pidfd)


# -- what came of it ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "status", "counts"),
    [
        ("...\n3 passed in 1.20s\n", 0, (3, 0, 0)),
        ("FAILED a\n1 failed, 19 passed, 2 skipped in 71.39s (0:01:11)\n", 1, (19, 1, 2)),
        ("== 1 passed, 2 errors in 0.10s ==\nand more\n", 1, (1, 2, 0)),
        ("no tests ran in 0.01s\n", 5, (0, 1, 0)),
        ("", -9, (0, 1, 0)),
    ],
)
def test_what_pytest_says_is_counted(said: str, status: int, counts: tuple[int, int, int]) -> None:
    result = Result()
    result.count(said, status)
    assert (result.passed, result.failed, result.skipped) == counts


def test_what_passes_leaves_no_log(wavering: str, tmp_path: Path) -> None:
    result = run([wavering], tmp_path / "log", times=1, loops=0)
    assert (result.passed, result.failed) == (2, 0)
    assert not (tmp_path / "log").exists()


def test_it_stops_at_the_first_failure_and_keeps_its_log(wavering: str, tmp_path: Path) -> None:
    log = tmp_path / "logs/2.log"
    done = soak("--runs", "9", "--within", wavering, "--logs", str(log.parent))
    _, quiet, loaded = [line.split() for line in done.stdout.splitlines()]
    assert quiet[-5:-1] == ["0", "2", "0", "0"]
    assert loaded[-5:-1] == ["1", "1", "1", "0"]
    assert (done.returncode, done.stderr.strip().endswith(str(log))) == (1, True)
    assert "test_wavers" in log.read_text()
    assert os.listdir(log.parent) == [log.name]


def test_named_tests_are_repeated_half_of_the_times_beside_loops(
    tmp_path: Path, wavering: str
) -> None:
    options = ("--runs", "0", "--repeats", "2", "--logs", str(tmp_path / "logs"))
    done = soak(*options, f"{wavering}::test_good")
    _, quiet, loaded = [line.split() for line in done.stdout.splitlines()]
    assert quiet[:4] == ["1x", "test_good", "0", "1"]
    assert loaded[:4] == ["1x", "test_good", "1", "1"]
    assert done.returncode == 0


def test_the_tests_that_have_wavered_are_still_there() -> None:
    for test in WAVERED:
        path, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text(encoding="utf-8")
