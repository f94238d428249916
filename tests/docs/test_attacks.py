"""The table of attacks on the security page counts what the tests really try."""

from __future__ import annotations

from collections import Counter

import pytest

from attacks.table import PAGE, collected, figures, promises, rows, total, with_figures
from support.paths import ROOT

TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.timeout(180)
def test_the_table_has_the_cases_that_are_collected() -> None:
    tests = [test for named in promises(TEXT).values() for test in named]
    assert rows(TEXT) == figures(TEXT, collected(tests)), "run: make attacks"


def test_the_table_has_a_row_for_each_rule_and_their_sums() -> None:
    lines = rows(TEXT)
    assert list(lines) == [*map(str, range(1, 22)), "all"]
    assert lines.pop("all") == total(lines.values())


def test_no_rule_is_without_attacks() -> None:
    assert all(line.tried >= line.held > 0 for line in rows(TEXT).values())


def test_a_broken_promise_would_show() -> None:
    named = promises(TEXT)
    cases = {test: Counter({test: 2}) for tests in named.values() for test in tests}
    found = figures(TEXT, cases, frozenset({named[3][0]}))
    assert found["3"].broken == found["all"].broken == 1
    assert found["3"].held == len(named[3]) - 1
    assert rows(with_figures(TEXT, found)) == found


def test_the_command_that_the_page_names_is_there() -> None:
    assert "`make attacks`" in TEXT
    assert "\nattacks: " in (ROOT / "Makefile").read_text(encoding="utf-8")
