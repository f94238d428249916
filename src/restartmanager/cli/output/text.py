"""Text for people: what a process chose made harmless (``escaping``), and lines made to fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


_NARROWEST = 16
"""No column of a table is made narrower than this: nothing could be told from it."""


def width_of(text: str) -> int:
    """How many columns the text takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(
        0 if combining(character) else 2 if east_asian_width(character) in "WF" else 1
        for character in text
    )


def pad(text: str, width: int) -> str:
    """The text with spaces up to this width."""
    return text + " " * max(0, width - width_of(text))


def shorten(text: str, width: int) -> str:
    """The text, with an ellipsis in its middle where it is wider: of a path the end tells most."""
    if width_of(text) <= width:
        return text
    if width <= 3:
        return "." * width
    tail = (width - 3) * 2 // 3
    head = width - 3 - tail
    return f"{_cut(text, head)}...{_cut(text[::-1], tail)[::-1]}"


def _cut(text: str, width: int) -> str:
    kept = ""
    for character in text:
        if width_of(kept + character) > width:
            break
        kept += character
    return kept


def fill(text: str, width: int | None, first: str = "", rest: str | None = None) -> list[str]:
    """The text in lines of at most this width, the first one begun with ``first`` and the others
    with ``rest``. What is longer than a line stays whole: people copy paths."""
    rest = " " * width_of(first) if rest is None else rest
    if width is None:
        return [first + text]
    lines = [first]
    empty = True
    for word in text.split(" "):
        room = width - width_of(lines[-1]) - (0 if empty else 1)
        if not empty and width_of(word) > room:
            lines.append(rest)
            empty = True
        lines[-1] += word if empty else f" {word}"
        empty = False
    return lines


def columns(rows: Iterable[Sequence[str]], gap: str = "  ") -> list[str]:
    """Rows as aligned columns, as wide as they need to be."""
    cells = [list(row) for row in rows]
    widths = [max(map(width_of, column)) for column in zip(*cells, strict=True)]
    return [_line(row, widths, gap) for row in cells]


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int | None,
    *,
    whole: Collection[int] = (),
) -> list[str]:
    """A table that fits: wide columns are shortened, but not the ``whole`` ones, which people copy;
    where that is not enough, every cell gets a line of its own."""
    if not rows:
        return []
    widths = [max(map(width_of, column)) for column in zip(headers, *rows, strict=True)]
    if width is not None and not _shrink(widths, width - 2 * (len(widths) - 1), whole):
        return _records(headers, rows, width)
    lines = [_line(headers, widths)]
    lines += [_line([shorten(c, w) for c, w in zip(r, widths, strict=True)], widths) for r in rows]
    return lines


def _shrink(widths: list[int], room: int, whole: Collection[int]) -> bool:
    """Take from the widest column until all fit; False where they cannot."""
    while sum(widths) > room:
        free = [index for index in range(len(widths)) if index not in whole]
        widest = max(free, key=lambda index: widths[index], default=None)
        if widest is None or widths[widest] <= _NARROWEST:
            return False
        widths[widest] -= 1
    return True


def _records(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    label = max(map(width_of, headers)) + 2
    lines: list[str] = []
    for row in rows:
        if lines:
            lines.append("")
        for header, cell in zip(headers, row, strict=True):
            lines += fill(cell, width, pad(header, label))
    return lines


def _line(cells: Sequence[str], widths: Sequence[int], gap: str = "  ") -> str:
    return gap.join(pad(cell, width) for cell, width in zip(cells, widths, strict=True)).rstrip()
