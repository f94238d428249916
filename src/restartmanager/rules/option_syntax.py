"""Command lines of other programs, taken apart into options and operands.

Programs differ in how they write options; a ``Syntax`` describes one of them::

    >>> read(Syntax(valued=names("f --file")), ["-vf", "old.tar", "--file=new.tar", "etc"])
    CommandLine(options=(('v', ''), ('f', 'old.tar'), ('--file', 'new.tar')), operands=('etc',))

No command line is an error: it belongs to a process that runs, and that may have overwritten it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def names(text: str) -> frozenset[str]:
    """The names in a text that separates them by spaces."""
    return frozenset(text.split())


class Syntax(NamedTuple):
    """The syntax of one program's options: short ones by their letter, long ones with two dashes.

    ``valued`` take the rest of their word, or else the next argument; ``joined`` only the rest of
    their word; ``queued`` only a following argument, and the letters after them are options
    again. Options end after the word with a ``last`` one. ``undashed`` long names may have one
    dash. Without ``clusters`` a word is one option, however many letters it has.
    """

    valued: frozenset[str]
    joined: frozenset[str] = frozenset()
    queued: frozenset[str] = frozenset()
    last: frozenset[str] = frozenset()
    undashed: frozenset[str] = frozenset()
    marks: tuple[str, ...] = ("-",)
    clusters: bool = True


class CommandLine(NamedTuple):
    """A command line that was taken apart: the options with their values, and the operands.

    ``--``, which ends the options, counts as an option; a lone dash is an operand.
    """

    options: tuple[tuple[str, str], ...]
    operands: tuple[str, ...]

    def has(self, *wanted: str) -> bool:
        """Whether one of these options was given."""
        return any(option in wanted for option, _ in self.options)

    def values(self, *wanted: str) -> tuple[str, ...]:
        """The values that were given to these options."""
        return tuple(value for option, value in self.options if option in wanted)


def read(syntax: Syntax, arguments: Sequence[str]) -> CommandLine:
    """Take arguments apart; the name of the program is not one of them."""
    queue = deque(arguments)
    options: list[tuple[str, str]] = []
    while queue and queue[0].startswith(syntax.marks) and queue[0] != "-":
        word = queue.popleft()
        if word == "--":
            options.append((word, ""))
            break
        found = list(_options(syntax, word, queue))
        options += found
        if any(option in syntax.last for option, _ in found):
            break
    return CommandLine(tuple(options), tuple(queue))


def _options(syntax: Syntax, word: str, queue: deque[str]) -> Iterator[tuple[str, str]]:
    if word.startswith("--") or word[1:] in syntax.undashed:
        name, equals, value = f"--{word.lstrip('-')}".partition("=")
        yield name, _next(queue) if not equals and name in syntax.valued else value
    elif not syntax.clusters:
        yield word[1:], _next(queue) if word[1:] in syntax.valued else ""
    else:
        yield from _cluster(syntax, word, queue)


def _cluster(syntax: Syntax, word: str, queue: deque[str]) -> Iterator[tuple[str, str]]:
    for end, letter in enumerate(word[1:], start=2):
        if letter in syntax.valued:
            yield letter, word[end:] or _next(queue)
            return
        if letter in syntax.joined:
            yield letter, word[end:]
            return
        yield letter, _next(queue) if letter in syntax.queued else ""


def _next(queue: deque[str]) -> str:
    return queue.popleft() if queue else ""
