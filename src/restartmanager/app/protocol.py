"""What a Restart Manager and an application say to each other: version 1 of the wire protocol.

Lines of text over a unix socket; ``docs/reference/wire-protocol.md`` is the specification, for
programs in other languages. Both ends are hostile to each other here: a line has at most 1024
bytes, and what is not in the protocol is no message. Nothing here touches the system.
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
    """What a Restart Manager says."""

    QUERY = "query"
    """May you be closed? To be answered at once; nothing is to be closed yet."""
    END = "end"
    """Save, and exit."""
    CANCELLED = "cancelled"
    """Go on; nobody is going to close you. No reply is expected."""


class ReplyKind(StrEnum):
    """What an application answers."""

    YES = "yes"
    """To a query: it may be closed."""
    NO = "no"
    """To a query: it should not be closed now."""
    DONE = "done"
    """To "end": everything is saved, and it exits by itself."""
    SIGNAL = "signal"
    """To "end": everything is saved; it exits on SIGTERM."""
    UNKNOWN = "unknown"
    """The request was not understood."""


@dataclass(frozen=True, slots=True)
class Request:
    """One message to an application; CANCELLED has no reason of its own."""

    kind: RequestKind
    reason: EndReason = EndReason.UPDATE

    def line(self) -> bytes:
        """The message as it is sent."""
        words = [_GREETING, self.kind]
        if self.kind is not RequestKind.CANCELLED:
            words.append(self.reason)
        return (" ".join(words) + "\n").encode("ascii")

    @classmethod
    def parse(cls, line: bytes) -> Request | None:
        """The message in a line without its line feed; None when it is none of version 1."""
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
    """One answer; ``reason`` is the application's own text, why it says no."""

    kind: ReplyKind
    reason: str = ""

    def line(self) -> bytes:
        """The answer as it is sent: a reason on one line, and not longer than it may be."""
        reason = " ".join(self.reason.split())[:REASON_LIMIT]
        return f"{self.kind} {reason}".rstrip().encode("utf-8", "replace") + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Reply | None:
        """The answer in a line without its line feed; None when it is none."""
        word, _, reason = line.decode("utf-8", "replace").partition(" ")
        try:
            kind = ReplyKind(word)
        except ValueError:
            return None
        if reason and kind is not ReplyKind.NO:
            return None
        return cls(kind, reason.strip()[:REASON_LIMIT])


class LineReader:
    """Puts lines together from what arrives; it keeps no more than one line."""

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
    """Where the sockets of a user's applications can be, the preferred place first.

    Each is a folder that only root can put elsewhere, and the names that lead on from there; the
    last one is to be a folder of that user, mode 0700. ``runtime_folder`` is XDG_RUNTIME_DIR where
    it is the caller's own user that is meant.
    """
    own = ((runtime_folder, ("restartmanager",)),) if runtime_folder.startswith("/") else ()
    fallback = ("/tmp", (f"restartmanager-{uid}",)) if uid else ("/run", ("restartmanager",))  # noqa: S108 - its owner and mode are checked
    return (*own, ("/run/user", (str(uid), "restartmanager")), fallback)


def socket_name(process: UniqueProcess) -> str:
    """What the socket of a process is called in its user's folder."""
    return f"{process.pid}-{process.start_ticks}"


def socket_owner(name: str) -> tuple[int, int] | None:
    """The number and start ticks of the process that a socket is called after; None when it is
    called otherwise."""
    pid, _, ticks = name.partition("-")
    for number in (pid, ticks):
        if not (number.isascii() and number.isdigit() and len(number) <= _NUMBER_DIGITS):
            return None
    return int(pid), int(ticks)
