"""Every rule of the security page is held by a test: without the rule, the test fails.

The product is copied and one line of it changed; then the test runs on the copy.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mutations.table import MUTATIONS, Mutation
from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = ROOT / "src"
PAGE = ROOT / "docs/explanation/security.md"


def run_test(sources: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Run one test on another copy of the product."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider"]
    command += ["--hypothesis-profile=unshrunk", test]
    environment = {**os.environ, "PYTHONPATH": str(sources), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.root
@pytest.mark.timeout(120)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=map(str, MUTATIONS))
def test_without_the_rule_its_test_fails(mutation: Mutation, tmp_path: Path) -> None:
    sources = tmp_path / "src"
    shutil.copytree(SOURCES, sources, ignore=shutil.ignore_patterns("__pycache__"))
    changed = sources / "restartmanager" / mutation.module
    text = changed.read_text(encoding="utf-8")
    assert mutation.line in text, "the product has changed: so must the table"
    changed.write_text(text.replace(mutation.line, mutation.without), encoding="utf-8")
    done = run_test(sources, mutation.test)
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    assert "failed" in done.stdout
    assert "SyntaxError" not in done.stdout


def test_every_rule_is_taken_out_once() -> None:
    rules = re.findall(r"^### ([0-9]+)\.", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {mutation.rule for mutation in MUTATIONS} == set(map(int, rules))


def test_the_page_names_every_test_that_was_tried() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for mutation in MUTATIONS:
        after = text.partition(f"\n### {mutation.rule}.")[2].partition("\n### ")[0]
        assert f"`{mutation.test}`" in after, mutation
