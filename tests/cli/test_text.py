"""Escaping, widths, lines and tables."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.cli.output.text import columns, fill, shorten, table, width_of
from restartmanager.model.escaping import escape

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("café 漢字", "café 漢字"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x1b[0m", "\\e[0m"),
        ("\x00\x07\x7f", "\\x00\\x07\\x7f"),
        ("\x9b", "\\u009b"),
        ("\udcff", "\\xff"),
        ("\ud800", "\\ud800"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("\u2028\u00a0", "\\u2028\\u00a0"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_escape(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(ANY_TEXT)
def test_nothing_that_a_terminal_obeys_gets_through(text: str) -> None:
    shown = escape(text)
    assert shown.isprintable()
    assert not [c for c in shown if unicodedata.category(c)[0] == "C"]


def test_width() -> None:
    assert [width_of(text) for text in ("", "ab", "漢字", "e\u0301")] == [0, 2, 4, 1]


def test_shorten_keeps_the_end_of_a_path() -> None:
    path = "/usr/lib/x86_64-linux-gnu/libssl.so.3"
    assert shorten(path, 40) == path
    assert shorten(path, 24) == "/usr/li...nu/libssl.so.3"
    assert shorten(path, 2) == ".."


@given(ANY_TEXT.map(escape), st.integers(0, 60))
def test_shortened_text_fits(text: str, width: int) -> None:
    assert width_of(shorten(text, width)) <= width


def test_fill() -> None:
    assert fill("a bc def", None, "- ") == ["- a bc def"]
    assert fill("a bc def", 6, "- ") == ["- a bc", "  def"]
    assert fill("/a/long/path is", 6, "  ", "    ") == ["  /a/long/path", "    is"]
    assert fill("", 6, "  ") == ["  "]


def test_columns() -> None:
    assert columns([("a", "bb"), ("ccc", "d")]) == ["a    bb", "ccc  d"]


HEADS = ("KEY", "WHY")
ROWS = [("0123456789", "has /usr/lib/libssl.so.3 mapped")]


def test_a_table_that_fits() -> None:
    assert table(HEADS, ROWS, None) == [
        "KEY         WHY",
        "0123456789  has /usr/lib/libssl.so.3 mapped",
    ]
    assert table(HEADS, [], 80) == []


def test_a_table_that_is_shortened() -> None:
    assert table(HEADS, ROWS, 30, whole={0}) == [
        "KEY         WHY",
        "0123456789  has /...o.3 mapped",
    ]


def test_a_table_that_cannot_fit() -> None:
    assert table(HEADS, ROWS, 14, whole={0}) == [
        "KEY  0123456789",
        "WHY  has",
        "     /usr/lib/libssl.so.3",
        "     mapped",
    ]
