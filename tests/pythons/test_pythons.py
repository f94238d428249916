"""Which interpreters the tests are run on, and what is said of those that are not there."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pythons.interpreters import find, promised
from support.paths import TESTS

if TYPE_CHECKING:
    from pathlib import Path

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
OTHERS = [version for version in promised() if version != HERE]


def program(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the path; what it has no program for is looked for in an empty pyenv."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    return folder


def test_this_python_is_promised() -> None:
    assert HERE in promised()


def test_one_that_is_named_comes_before_one_on_the_path(bin_folder: Path) -> None:
    other = program(bin_folder / f"python{HERE}", f"echo {HERE}.99")
    assert [find(HERE, named).path for named in ((), [sys.executable])] == [other, sys.executable]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    [
        "echo 'pyenv: python: command not found' >&2; exit 127",
        "echo 2.7.18",
        "echo 3.1.4",
        "echo 'No module named ensurepip' >&2; exit 1",
    ],
    ids=["shim", "other-version", "alike", "no-environments"],
)
def test_one_that_does_not_serve_is_passed_over(text: str, bin_folder: Path) -> None:
    program(bin_folder / f"python{HERE}", text)
    assert find(HERE) is None
    kept = program(bin_folder.parent / f"pyenv/versions/a/bin/python{HERE}", f"echo {HERE}.7")
    found = find(HERE)
    assert found is not None
    assert (found.path, found.version) == (kept, f"{HERE}.7")


def test_what_cannot_be_run_is_not_found(bin_folder: Path) -> None:
    (bin_folder / f"python{HERE}").mkdir()
    assert find(HERE, [str(bin_folder), "/nowhere/python"]) is None


def report(bin_folder: Path, *named: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "pythons", *named],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_each_is_said_to_have_passed_or_failed_or_not_to_be_there(bin_folder: Path) -> None:
    """With a ``make`` that says what it is asked, and fails for one of them."""
    bad, *missing = OTHERS
    paths = {version: bin_folder / f"python{version}" for version in (HERE, bad)}
    for version, path in paths.items():
        program(path, f"echo {version}.9")
    program(
        bin_folder / "make",
        f'echo "$@"\ncase "$3" in\n*-{bad}.9) echo "1 failed, 20 passed in 7.00s"; exit 2;; esac\n'
        'echo "==== 21 passed, 3 skipped in 65.25s (0:01:05) ===="',
    )
    status, lines = report(bin_folder)
    assert status == 1
    for version, path in paths.items():
        assert f"test PYTHON={path} VENV=.venv-{version}.9" in lines
    words = {line.split()[0]: line for line in lines[-len(promised()) :]}
    assert "passed: 21 passed, 3 skipped; " in words[f"{HERE}.9"]
    assert "FAILED: 1 failed, 20 passed; " in words[f"{bad}.9"]
    assert all("NOT FOUND" in words[version] for version in missing)


def test_all_is_well_where_what_was_found_passes(bin_folder: Path) -> None:
    program(bin_folder / "make", "echo 21 passed in 1.00s")
    status, lines = report(bin_folder, sys.executable)
    assert (status, len([line for line in lines if "NOT FOUND" in line])) == (0, len(OTHERS))


def test_nothing_is_well_where_none_was_found(bin_folder: Path) -> None:
    status, lines = report(bin_folder)
    assert status == 1
    assert all("NOT FOUND" in line for line in lines)
