"""Traces in the system's journal, or in syslog where there is none; port ``Traces``.

One datagram each, sent without waiting: a log that is not there, is full or hangs changes nothing.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restartmanager.rules.events import Trace


_JOURNAL = "/run/systemd/journal/socket"
_SYSLOG = "/dev/log"
_PROGRAM = "restartmanager"
_WARNING, _INFO = 4, 6  # syslog(3)
_USER = 1 << 3
_SYSLOG_BYTES = 4000


class SystemTraces:
    """Writes to the first log of this machine that takes it."""

    def __init__(self, journal: str = _JOURNAL, syslog: str = _SYSLOG) -> None:
        self._journal = journal
        self._syslog = syslog

    def write(self, trace: Trace) -> None:
        if not _sent(self._journal, _as_fields(trace)):
            _sent(self._syslog, _as_line(trace))


class NoTraces:
    """Tells nobody anything."""

    def write(self, trace: Trace) -> None:
        del trace


def _sent(path: str, data: bytes) -> bool:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.sendto(data, path)
    except OSError:
        return False
    return True


def _as_fields(trace: Trace) -> bytes:
    """As the journal wants it (systemd: docs/JOURNAL_NATIVE_PROTOCOL.md); no value has a line
    feed, for all of them are escaped."""
    return "".join(f"{name}={value}\n" for name, value in _fields(trace)).encode("utf-8", "replace")


def _fields(trace: Trace) -> Iterator[tuple[str, object]]:
    yield "MESSAGE", _message(trace)
    yield "MESSAGE_ID", trace.event.value
    yield "PRIORITY", _priority(trace)
    yield "SYSLOG_IDENTIFIER", _PROGRAM
    yield "RM_EVENT", trace.event.name.lower()
    if trace.session:
        yield "RM_SESSION", trace.session
    for name, number in trace.counts:
        yield f"RM_{name.upper()}", number
    for outcome in trace.outcomes:
        yield "RM_OUTCOME", outcome


def _as_line(trace: Trace) -> bytes:
    """As syslog(3) writes it, in one line."""
    text = "; ".join((_message(trace), *trace.outcomes))
    line = f"<{_USER | _priority(trace)}>{_PROGRAM}[{os.getpid()}]: {text}"
    return line.encode("utf-8", "replace")[:_SYSLOG_BYTES]


def _message(trace: Trace) -> str:
    return f"{trace.session}: {trace.message}" if trace.session else trace.message


def _priority(trace: Trace) -> int:
    return _WARNING if trace.failed else _INFO
