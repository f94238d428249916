"""Where text goes: a stream with its width, its colours and its characters."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, NamedTuple, TextIO

from restartmanager.cli.output.text import fill, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable


_BOLD, _DIM, _RED, _GREEN, _YELLOW = "1", "2", "31", "32", "33"


class Look(NamedTuple):
    """How text is shown. Without ``width`` (not a terminal) nothing is wrapped or shortened."""

    width: int | None = None
    colour: bool = False
    symbols: bool = False
    """Whether characters beyond ASCII can be shown."""

    def bold(self, text: str) -> str:
        """What the line is about."""
        return self._paint(_BOLD, text)

    def dim(self, text: str) -> str:
        """What is said in passing."""
        return self._paint(_DIM, text)

    def good(self, text: str = "") -> str:
        """Something that went well, marked so."""
        return self._paint(_GREEN, text or ("✓" if self.symbols else "+"))

    def bad(self, text: str = "") -> str:
        """Something that did not."""
        return self._paint(_RED, text or ("✗" if self.symbols else "!"))

    def neutral(self, text: str = "") -> str:
        """Something that was left alone."""
        return self._paint(_YELLOW, text or "-")

    @property
    def arrow(self) -> str:
        """From this to that."""
        return "→" if self.symbols else "->"

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


class Console:
    """Standard output or standard error, for people.

    A closed terminal must not leave a machine half stopped: what cannot be said on standard error
    is lost in silence. On standard output it is an error as usual.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._on_terminal = stream is not None and _is_terminal(stream)
        self._transient = False
        self.look = Look(
            width=_width(stream) if self._on_terminal else None,
            colour=self._on_terminal and _colours_wanted(),
            symbols=_shows_symbols(stream),
        )

    def say(self, text: str = "") -> None:
        """One line. Everything in it that is not ours has been escaped before."""
        self.settle()
        self._write(f"{text}\n")

    def lines(self, lines: Iterable[str]) -> None:
        """Several of them."""
        for line in lines:
            self.say(line)

    def agreed(self, question: str, *, usually: bool = True) -> bool:
        """Whether the person at the terminal agrees; an empty answer is what people ``usually``
        say."""
        self.settle()
        self._write(f"{question} [{'Y/n' if usually else 'y/N'}] ")
        answer = sys.stdin.readline().strip().lower()
        return usually if not answer else answer in {"y", "yes"}

    def problem(self, message: str, hint: str = "", *, program: str = "restartctl") -> None:
        """A sentence about what is wrong, and what to do about it."""
        self.lines(fill(message, self.look.width, f"{program}: ", "  "))
        if hint:
            self.lines(fill(hint, self.look.width, "  hint: "))

    @property
    def overwrites(self) -> bool:
        """Whether a line can be shown that the next one overwrites."""
        return self._on_terminal and os.environ.get("TERM", "dumb") != "dumb"

    def show(self, text: str) -> None:
        """A line that the next one overwrites; terminals only."""
        if self.overwrites:
            self._write(f"\r\x1b[K{shorten(text, (self.look.width or 80) - 1)}")
            self._transient = True

    def redraw(self, lines: Iterable[str]) -> None:
        """These lines in place of all that the terminal shows."""
        self._transient = False
        self._write("\x1b[H\x1b[2J" + "".join(f"{line}\n" for line in lines))

    def settle(self) -> None:
        """Take the passing line away."""
        if self._transient:
            self._transient = False
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        forgiving = contextlib.suppress(OSError) if self._stream is sys.stderr else _nothing()
        with forgiving:
            self._stream.write(text)
            self._stream.flush()


def somebody_is_there() -> bool:
    """Whether there is a person to ask: scripts and pipelines are not asked."""
    try:
        return os.isatty(0) and os.isatty(2)
    except OSError:
        return False


def _nothing() -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # it was closed
        return False


def _width(stream: TextIO | None) -> int:
    with contextlib.suppress(ValueError, KeyError):
        if (wanted := int(os.environ["COLUMNS"])) > 0:
            return wanted
    with contextlib.suppress(OSError, ValueError):
        if stream is not None and (found := os.get_terminal_size(stream.fileno()).columns) > 0:
            return found
    return 80


def _colours_wanted() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def _shows_symbols(stream: TextIO | None) -> bool:
    encoding = getattr(stream, "encoding", None) or ""
    return encoding.lower().replace("-", "") == "utf8"
