"""Desktop entries: what an application is called and by which command it is started. Pure.

Entries are read by the rules of the Desktop Entry Specification 1.5, and stricter: what it leaves
undefined is refused. The command becomes a list of words; no shell ever sees it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from restartmanager.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator


SIZE_LIMIT = 256 * 1024
"""The greatest number of bytes of an entry."""

_GROUP = b"[Desktop Entry]"
_ESCAPES = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_RESERVED = frozenset("\"'\\><~|&;$*?#()`\n\t")
_QUOTED_ESCAPES = frozenset('"`$\\')
_FILES = frozenset("fFuU")
_OBSOLETE = frozenset("dDnNvm")
_CODES = _FILES | _OBSOLETE | frozenset("ick%")


@dataclass(frozen=True, slots=True)
class DesktopEntry:
    """The entry of one application; ``arguments`` are the words of its command, with field codes.

    ``hidden`` says that the entry counts as deleted. An entry that is ``dbus_activatable`` may have
    no command: it is started by its name on the message bus.
    """

    path: str
    name: str
    arguments: tuple[str, ...]
    program: str = ""
    icon: str = ""
    directory: str = ""
    hidden: bool = False
    terminal: bool = False
    dbus_activatable: bool = False

    def command(self) -> tuple[str, ...]:
        """The command without any file to open; empty where there is none."""
        return tuple(word for argument in self.arguments for word in self._expand(argument))

    def _expand(self, argument: str) -> Iterator[str]:
        if argument == "%i":
            yield from ("--icon", self.icon) if self.icon else ()
        elif not (len(argument) == 2 and argument[0] == "%" and argument[1] in _FILES | _OBSOLETE):
            yield re.sub("%(.)", self._replacement, argument)

    def _replacement(self, code: re.Match[str]) -> str:
        return {"%": "%", "c": self.name, "k": self.path}.get(code[1], "")


def parse_entry(text: bytes, path: str) -> DesktopEntry:
    """The entry in the contents of a ``.desktop`` file; ``path`` is where it lies.

    Raises ConfigurationError with the reason for what is no entry of an application that can be
    started.
    """
    if len(text) > SIZE_LIMIT:
        raise ConfigurationError(path, f"it has more than {SIZE_LIMIT} bytes")
    keys = _keys(text, path)
    if keys.get("Type") != "Application":
        raise ConfigurationError(path, "it is no entry of an application")
    activatable = _flag(keys, "DBusActivatable", path)
    command = _string(keys, "Exec", path)
    if not command and not activatable:
        raise ConfigurationError(path, "it has no Exec key, which says what to start")
    return DesktopEntry(
        path=path,
        name=_string(keys, "Name", path),
        arguments=_words(command, path) if command else (),
        program=_string(keys, "TryExec", path),
        icon=_string(keys, "Icon", path),
        directory=_string(keys, "Path", path),
        hidden=_flag(keys, "Hidden", path),
        terminal=_flag(keys, "Terminal", path),
        dbus_activatable=activatable,
    )


def _keys(text: bytes, path: str) -> dict[str, str]:
    """The keys of the first group; of two with the same name the first one counts."""
    found: dict[str, str] = {}
    inside = False
    for raw in text.split(b"\n"):
        line = raw.strip()
        if not line or line.startswith(b"#"):
            continue
        if line.startswith(b"["):
            if inside:
                break
            inside = line == _GROUP
            continue
        name, equals, value = line.partition(b"=")
        if not inside or not equals:
            raise ConfigurationError(path, "its first group is not [Desktop Entry]")
        found.setdefault(_decode(name, path).rstrip(), _decode(value, path).lstrip())
    return found


def _decode(text: bytes, path: str) -> str:
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(path, "it is not UTF-8") from None
    if "\0" in decoded:
        raise ConfigurationError(path, "it contains a NUL character")
    return decoded


def _flag(keys: dict[str, str], name: str, path: str) -> bool:
    value = keys.get(name, "false")
    if value not in {"true", "false"}:
        raise ConfigurationError(path, f"{name} is neither true nor false")
    return value == "true"


def _string(keys: dict[str, str], name: str, path: str) -> str:
    def replace(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise ConfigurationError(path, f"{name} has an escape that means nothing")
        return _ESCAPES[match[1]]

    return _ESCAPE.sub(replace, keys.get(name, ""))


# -- the command -----------------------------------------------------------------------------------


def _words(command: str, path: str) -> tuple[str, ...]:
    """The words of an Exec key, with the field codes in them."""
    words = []
    rest = command.strip(" ")
    while rest:
        word, rest = _quoted(rest, path) if rest.startswith('"') else _plain(rest, path)
        words.append(word)
        if rest and not rest.startswith(" "):
            raise ConfigurationError(path, "its command has a quotation mark inside a word")
        rest = rest.lstrip(" ")
    if not words[0] or "%" in words[0] or "=" in words[0]:
        raise ConfigurationError(path, "its command does not begin with a program")
    return tuple(words)


def _plain(text: str, path: str) -> tuple[str, str]:
    word, space, rest = text.partition(" ")
    if _RESERVED & set(word):
        raise ConfigurationError(path, f"its command has a character that must be quoted: {word!a}")
    alone = len(word) == 2
    for code in re.findall("%(.?)", word):
        if code not in _CODES or (code in "FUi" and not alone):
            raise ConfigurationError(
                path, f"its command has a field code that means nothing: {word!a}"
            )
    return word, space + rest


def _quoted(text: str, path: str) -> tuple[str, str]:
    word: list[str] = []
    place = 1
    while place < len(text):
        letter = text[place]
        if letter == '"':
            return "".join(word).replace("%", "%%"), text[place + 1 :]
        if letter == "\\":
            place += 1
            letter = text[place : place + 1]
            if letter not in _QUOTED_ESCAPES or not letter:
                raise ConfigurationError(path, "its command has an escape that means nothing")
        elif letter in "`$":
            raise ConfigurationError(path, "its command has a character that must be escaped")
        elif letter == "%":
            if text[place + 1 : place + 2] != "%":
                raise ConfigurationError(
                    path, "its command has a field code inside quotation marks"
                )
            place += 1
        word.append(letter)
        place += 1
    raise ConfigurationError(path, "its command has a quotation mark without a second one")
