"""Inputs that are nearly right: what parsers stumble over is seldom mere noise."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TOKENS = (
    b"", b"\0", b"\n", b"\r\n", b" ", b"\t", b":", b"=", b"-", b"--", b"/", b"//", b"..", b")",
    b"(", b"[", b"]", b"{", b"}", b'"', b"\\", b"\\012", b"\\777", b"#", b",", b"%s", b"*",
    b"\x1b[2J", b"\x9b", b"\xff", b"\xed\xb2\x80", "\u202e".encode(), "\U0010ffff".encode(),
    b" (deleted)", b"0", b"-1", b"00", b"1e999", b"NaN", b"null", b"true", b"[]", b"{}", b"\\ud800",
    b"0x10", b"1_0", "\u0663".encode(), b"\xb2", b"4294967296", b"18446744073709551616",
    b"9" * 50, b"9" * 5000, b"f" * 40, b"[" * 2000, b'{"a":' * 300, b"A" * 5000, b"/a" * 2100,
)  # fmt: skip
_LONGEST = 200_000


class Mutator:
    """Makes inputs out of seeds; the same number makes the same inputs."""

    def __init__(self, seeds: Sequence[bytes], number: int) -> None:
        self._seeds = seeds
        self._random = random.Random(number)  # noqa: S311 - a test, not a secret
        self._kept: list[bytes] = []

    def next(self) -> bytes:
        """The next input."""
        pick = self._random
        if pick.random() < 0.03:
            return pick.randbytes(pick.randint(0, 200))
        data = pick.choice(self._kept if self._kept and pick.random() < 0.3 else self._seeds)
        for _ in range(pick.choice((1, 1, 2, 3, 8))):
            data = pick.choice(_CHANGES)(self, data)[:_LONGEST]
        return data

    def keep(self, data: bytes) -> None:
        """Build on this one: it was taken."""
        if len(data) < 4000:
            self._kept.append(data)
            del self._kept[:-50]

    # -- changes -------------------------------------------------------------------------------

    def _span(self, data: bytes) -> tuple[int, int]:
        start = self._random.randint(0, len(data))
        return start, min(len(data), start + self._random.choice((0, 1, 1, 2, 4, 8, 40)))

    def _insert(self, data: bytes) -> bytes:
        start, _ = self._span(data)
        return data[:start] + self._random.choice(TOKENS) + data[start:]

    def _overwrite(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + self._random.choice(TOKENS) + data[end:]

    def _flip(self, data: bytes) -> bytes:
        if not data:
            return data
        at = self._random.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << self._random.randrange(8)]) + data[at + 1 :]

    def _remove(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + data[end:]

    def _cut(self, data: bytes) -> bytes:
        return data[: self._span(data)[0]]

    def _repeat(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:end] + data[start:end] * self._random.choice((1, 2, 100)) + data[end:]

    def _swap(self, data: bytes) -> bytes:
        """Two fields change places."""
        mark = self._random.choice((b" ", b"\n", b"\0", b":", b","))
        fields = data.split(mark)
        one, other = (self._random.randrange(len(fields)) for _ in range(2))
        fields[one], fields[other] = fields[other], fields[one]
        return mark.join(fields)

    def _field(self, data: bytes) -> bytes:
        """A field becomes another one."""
        mark = self._random.choice((b" ", b"\n", b"\0", b":", b","))
        fields = data.split(mark)
        fields[self._random.randrange(len(fields))] = self._random.choice(TOKENS)
        return mark.join(fields)

    def _cross(self, data: bytes) -> bytes:
        """The beginning of this one, and the end of another."""
        other = self._random.choice(self._seeds)
        return data[: self._span(data)[0]] + other[self._span(other)[0] :]


_CHANGES: tuple[Callable[[Mutator, bytes], bytes], ...] = (
    Mutator._insert,
    Mutator._overwrite,
    Mutator._flip,
    Mutator._remove,
    Mutator._cut,
    Mutator._repeat,
    Mutator._swap,
    Mutator._field,
    Mutator._cross,
)
