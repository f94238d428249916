r"""Who uses what as lines for programs: one for each use, the fields between tabs.

The format is stable: fields keep their place and meaning, new ones come at the end. All is ASCII,
whatever the locale. A backslash, a control character and every byte that is not ASCII is written
as printf(1) reads it with ``%b``: ``\\``, ``\t``, ``\n``, and ``\0`` with three octal digits.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restartmanager.model import Affected, Application, Process


FIELDS = ("pid", "uid", "type", "service", "required", "state", "how", "path", "name")
"""What stands in a line, in this order; ``-`` where there is nothing to say."""

_NONE = "-"
_SHORT = {0x5C: "\\\\", 0x09: "\\t", 0x0A: "\\n"}


def records(affected: Affected) -> list[str]:
    """One line for each process and file, and one for each file held by something unseen."""
    lines = [line for application in affected.applications for line in _of(application)]
    lines += [
        _line(_NONE, _NONE, _NONE, _NONE, _NONE, "unseen", _NONE, item.path, _NONE)
        for item in affected.unexplained
    ]
    return lines


def _of(application: Application) -> Iterable[str]:
    processes = {process.pid: process for process in application.processes}
    service = _NONE if application.service is None else str(application.service)
    about = application.type, service, application.required
    for item in application.evidence:
        state = "stale" if item.stale else "fresh"
        uid = _uid(processes.get(item.pid) or application.main_process)
        how = ",".join(sorted(item.how))
        yield _line(str(item.pid), uid, *about, state, how, item.path, application.name)
    if not application.evidence:
        main = application.main_process
        pid = _NONE if main is None else str(main.pid)
        yield _line(pid, _uid(main), *about, _NONE, _NONE, _NONE, application.name)


def _uid(process: Process | None) -> str:
    return _NONE if process is None else str(process.uid)


def _line(*fields: str) -> str:
    return "\t".join(map(field_to_record, fields))


def field_to_record(text: str) -> str:
    """The text without anything that could be taken for a separator, a command or another text."""
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in _SHORT else _escaped(byte)
        for byte in os.fsencode(text)
    )


def field_from_record(field: str) -> str:
    """What ``field_to_record`` was given."""
    data = bytearray()
    rest = field.encode("ascii")
    while rest:
        plain, backslash, rest = rest.partition(b"\\")
        data += plain
        if backslash:
            length = 4 if rest.startswith(b"0") else 1
            data += _unescaped(rest[:length])
            rest = rest[length:]
    return os.fsdecode(bytes(data))


def _escaped(byte: int) -> str:
    return _SHORT.get(byte) or f"\\0{byte:03o}"


def _unescaped(escape: bytes) -> bytes:
    return {b"\\": b"\\", b"t": b"\t", b"n": b"\n"}.get(escape) or bytes([int(escape, 8)])
