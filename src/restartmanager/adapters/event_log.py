"""Events in the system's journal, or in syslog where there is none; port ``EventLog``.

One datagram each, sent without waiting: a log that is not there, is full or hangs changes nothing.
What is done to whom goes to the kernel's audit subsystem as well.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from restartmanager.adapters import kernel_audit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restartmanager.rules.events import Event


_JOURNAL = "/run/systemd/journal/socket"
_SYSLOG = "/dev/log"
_LOGIN = "/proc/self/loginuid"
_NOBODY_LOGGED_IN = 2**32 - 1
_PROGRAM = "restartmanager"
_WARNING, _INFO = 4, 6  # syslog(3)
_USER = 1 << 3  # LOG_USER in syslog(3)
_SYSLOG_BYTES = 4000


class SystemEventLog:
    """Writes to the first log of this machine that takes it."""

    def __init__(self, journal: str = _JOURNAL, syslog: str = _SYSLOG) -> None:
        self._journal = journal
        self._syslog = syslog

    def write(self, event: Event) -> None:
        if not _sent(self._journal, _as_fields(event)):
            _sent(self._syslog, _as_line(event))
        if event.facts:
            kernel_audit.send(kernel_audit.record(event.kind.name.lower(), _audited(event)))


def _sent(path: str, data: bytes) -> bool:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.sendto(data, path)
    except OSError:
        return False
    return True


def _as_fields(event: Event) -> bytes:
    """The event as the journal wants it (systemd: docs/JOURNAL_NATIVE_PROTOCOL.md); no value has a
    line feed, for all of them are escaped."""
    return "".join(f"{name}={value}\n" for name, value in _fields(event)).encode("utf-8", "replace")


def _fields(event: Event) -> Iterator[tuple[str, object]]:
    yield "MESSAGE", _message(event)
    yield "MESSAGE_ID", event.kind.value
    yield "PRIORITY", _priority(event)
    yield "SYSLOG_IDENTIFIER", _PROGRAM
    yield "RM_EVENT", event.kind.name.lower()
    if event.session:
        yield "RM_SESSION", event.session
    for name, number in event.counts:
        yield f"RM_{name.upper()}", number
    for outcome in event.outcomes:
        yield "RM_OUTCOME", outcome
    for name, value in _audited(event):
        yield f"RM_{name.upper()}", value


def _audited(event: Event) -> Iterator[tuple[str, object]]:
    """The facts of an audit record, and who asked: this process, its user, and the user who had
    logged in, whom neither sudo nor su changes."""
    if not event.facts:
        return
    yield from event.facts
    yield "asked_by", os.getpid()
    yield "asked_by_user", os.getuid()
    login = login_user()
    if login is not None:
        yield "asked_by_login", login


def login_user(path: str = _LOGIN) -> int | None:
    """The user who had logged in when this process came to be; None where nobody had, as at boot,
    or where the kernel does not say (credentials(7))."""
    try:
        with open(path, encoding="ascii") as file:
            number = int(file.read(20))
    except (OSError, ValueError):
        return None
    return None if number == _NOBODY_LOGGED_IN else number


def _as_line(event: Event) -> bytes:
    """The event as syslog(3) writes it, in one line."""
    facts = (f"{name} {value}" for name, value in _audited(event))
    text = "; ".join((_message(event), *event.outcomes, *facts))
    line = f"<{_USER | _priority(event)}>{_PROGRAM}[{os.getpid()}]: {text}"
    return line.encode("utf-8", "replace")[:_SYSLOG_BYTES]


def _message(event: Event) -> str:
    return f"{event.session}: {event.message}" if event.session else event.message


def _priority(event: Event) -> int:
    return _WARNING if event.failed else _INFO
