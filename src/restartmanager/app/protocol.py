"""The wire protocol between a Restart Manager and an application, version 1.

The messages are lines of text over a unix socket; ``docs/reference/wire-protocol.md`` is the
specification for programs in other languages. Each end takes the other one for hostile: a line has
at most 1024 bytes, and a line that is not in the protocol is no message. Nothing here touches the
system.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from restartmanager.model.answers import EndReason

if TYPE_CHECKING:
    from restartmanager.model.identity import UniqueProcess


LINE_LIMIT = 1024
"""The greatest number of bytes of a line, with its line feed."""

REASON_LIMIT = 200
"""The greatest number of characters of the reason for a "no": longer ones are cut."""

_GREETING = "restartmanager 1"
_NUMBER_DIGITS = 20


class RequestKind(StrEnum):
    """The kind of a Restart Manager's request."""

    QUERY = "query"
    """The question whether the application may be closed. It answers at once, and closes nothing
    yet."""
    END = "end"
    """The request to save and exit."""
    CANCELLED = "cancelled"
    """The notice that the application is not closed after all. No reply is expected."""


class ReplyKind(StrEnum):
    """The kind of an application's reply."""

    YES = "yes"
    """To a query: the application may be closed."""
    NO = "no"
    """To a query: the application should not be closed now."""
    DONE = "done"
    """To "end": everything is saved, and the application exits by itself."""
    SIGNAL = "signal"
    """To "end": everything is saved, and the application exits on SIGTERM."""
    UNKNOWN = "unknown"
    """The request was not understood."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to an application; CANCELLED has no reason."""

    kind: RequestKind
    reason: EndReason = EndReason.UPDATE

    def line(self) -> bytes:
        """The request as it is sent."""
        words = [_GREETING, self.kind]
        if self.kind is not RequestKind.CANCELLED:
            words.append(self.reason)
        return (" ".join(words) + "\n").encode("ascii")

    @classmethod
    def parse(cls, line: bytes) -> Request | None:
        """The request in a line without its line feed; None when it is none of version 1."""
        words = line.decode("ascii", "replace").split(" ")
        if " ".join(words[:2]) != _GREETING or len(words) < 3:
            return None
        try:
            kind = RequestKind(words[2])
            reasons = [EndReason(word) for word in words[3:]]
        except ValueError:
            return None
        if len(reasons) != (kind is not RequestKind.CANCELLED):
            return None
        return cls(kind, *reasons)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of an application; ``reason`` is the application's own text why it says no."""

    kind: ReplyKind
    reason: str = ""

    def line(self) -> bytes:
        """The reply as it is sent, with the reason on one line and cut to the greatest length."""
        reason = " ".join(self.reason.split())[:REASON_LIMIT]
        return f"{self.kind} {reason}".rstrip().encode("utf-8", "replace") + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Reply | None:
        """The reply in a line without its line feed; None when it is none."""
        word, _, reason = line.decode("utf-8", "replace").partition(" ")
        try:
            kind = ReplyKind(word)
        except ValueError:
            return None
        if reason and kind is not ReplyKind.NO:
            return None
        return cls(kind, reason.strip()[:REASON_LIMIT])


class LineReader:
    """A reader that puts lines together from what arrives, and keeps no more than one line."""

    def __init__(self) -> None:
        self._begun = b""
        self.overflowed = False
        """Whether a line was too long; nothing more is read after that."""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now, without their line feeds."""
        if self.overflowed:
            return []
        *lines, self._begun = (self._begun + data).split(b"\n")
        if any(len(line) >= LINE_LIMIT for line in (*lines, self._begun)):
            self.overflowed = True
            self._begun = b""
            return []
        return lines


def socket_folders(uid: int, runtime_folder: str = "") -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The places where the sockets of a user's applications can be, the preferred one first.

    A place is a folder that only root can move, and the names that lead on from there; the last
    name is that of a folder of the user, mode 0700. ``runtime_folder`` is XDG_RUNTIME_DIR where the
    user is the caller's own.
    """
    own = ((runtime_folder, ("restartmanager",)),) if runtime_folder.startswith("/") else ()
    fallback = ("/tmp", (f"restartmanager-{uid}",)) if uid else ("/run", ("restartmanager",))  # noqa: S108 - its owner and mode are checked
    return (*own, ("/run/user", (str(uid), "restartmanager")), fallback)


def socket_name(process: UniqueProcess) -> str:
    """The name of a process's socket in its user's folder."""
    return f"{process.pid}-{process.start_ticks}"


def socket_owner(name: str) -> tuple[int, int] | None:
    """The number and start ticks of the process that a socket is named after; None for any other
    name."""
    pid, _, ticks = name.partition("-")
    for number in (pid, ticks):
        if not (number.isascii() and number.isdigit() and len(number) <= _NUMBER_DIGITS):
            return None
    return int(pid), int(ticks)
