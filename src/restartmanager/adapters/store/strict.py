"""Strict readers of stored values: they take what this version writes, and nothing only like it."""

from __future__ import annotations

import enum
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator


_T = TypeVar("_T")
_Flags = TypeVar("_Flags", bound=enum.IntFlag)


class UnreadableError(ValueError):
    """A stored text that this version would not have written; never seen outside the store."""


@contextmanager
def strictly(what: str) -> Iterator[None]:
    """Whatever is wrong with a stored text is UnreadableError, naming ``what`` it should be."""
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        # Only the kind of error: its text may quote a captured environment.
        raise UnreadableError(f"unreadable {what}: {type(error).__name__}") from None


def as_kind(kind: type[_T], value: object) -> _T:
    """The value, if it is exactly of that kind: ``True`` is no number here. TypeError."""
    if type(value) is not kind:
        raise TypeError
    return value


def as_texts(values: object) -> tuple[str, ...]:
    """A list of texts. TypeError."""
    return tuple(as_kind(str, value) for value in as_kind(list, values))


def as_numbers(values: object) -> tuple[int, ...]:
    """A list of whole numbers. TypeError."""
    return tuple(as_kind(int, value) for value in as_kind(list, values))


def as_seconds(value: object) -> float:
    """A number, whole or not. TypeError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return value


def as_flags(kind: type[_Flags], value: object) -> _Flags:
    """The flags, if all bits are known; IntFlag itself would keep foreign bits. TypeError,
    ValueError."""
    number = as_kind(int, value)
    if number < 0 or number & ~sum(kind):
        raise ValueError
    return kind(number)


def as_optional_text(value: object) -> str | None:
    """A text, or None. TypeError."""
    return None if value is None else as_kind(str, value)
