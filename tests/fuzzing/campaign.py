"""One parser, many inputs: how many it took, and what it stumbled over."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fuzzing.mutations import Mutator
from fuzzing.parsers import PARSERS

if TYPE_CHECKING:
    from fuzzing.parsers import Parser

MOST_FAILURES = 5


@dataclass(slots=True)
class Result:
    """What came of it. A failure is the input, and what was raised."""

    parser: str
    inputs: int = 0
    taken: int = 0
    failures: list[str] = field(default_factory=list)


def feed(parser: Parser, inputs: int, number: int = 0) -> Result:
    """Feed so many inputs; the same number makes the same ones."""
    result = Result(parser.name)
    mutator = Mutator(parser.seeds, number ^ zlib.crc32(parser.name.encode()))
    while result.inputs < inputs and len(result.failures) < MOST_FAILURES:
        data = mutator.next()
        result.inputs += 1
        try:
            taken = parser.survives(data)
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            result.failures.append(
                f"{parser.name}: {type(error).__name__}: {error}: {data[:300]!r}"
            )
        else:
            result.taken += taken
            if taken:
                mutator.keep(data)
    return result


def feed_by_name(each: int, number: int, name: str) -> Result:
    """What came of one parser; parsers themselves cannot be sent to another process."""
    return feed(next(parser for parser in PARSERS if parser.name == name), each, number)
