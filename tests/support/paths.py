"""Where the parts of this project lie, for tests that read or run them."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
PROGRAMS = TESTS / "programs"
EXAMPLES = ROOT / "examples"
DOCS = ROOT / "docs"
SOURCES = ROOT / "src" / "restartmanager"
SANDBOX = TESTS / "support" / "systemd-sandbox"
