"""Escaping of text that a process chose, so that it is harmless on a terminal.

Names, paths and messages may hold any character. On a terminal an escape sequence can rewrite what
was printed before, a line feed can forge a line, and a bidirectional override can turn a name
around. So every character that is not printable in Python's sense (control and format characters,
separators other than the space, surrogates, private and unassigned ones) is shown by its number.
"""

from __future__ import annotations

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e"}


def escape(text: str) -> str:
    r"""The text without anything that a terminal would obey or hide.

    An undecodable byte becomes ``\xHH``. Meant for eyes: JSON is what can be read back.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _by_number(c) for c in text)


def _by_number(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return _SHORT.get(character) or f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
