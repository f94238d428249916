"""Standard streams: what those of a process lead to, and what a new one may have again of that.

A file is opened again by its path, at its end, with the rights of the user, and only where nobody
else could have put another file there, or it is the same file. A stream to the journal is connected
to it anew. A terminal, a pipe or a socket belongs to whoever is at its other end, and cannot be had
again.
"""

from __future__ import annotations

import os
import re
import socket
import stat
import struct
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.adapters.proc.formats import DELETED
from restartmanager.adapters.proc.watched import patient_stat, watched
from restartmanager.adapters.proc.ways import Ways
from restartmanager.model.recipes import Stream, StreamKind

if TYPE_CHECKING:
    from restartmanager.adapters.proc.procfs import ProcDirectory
    from restartmanager.model import Recipe

_JOURNAL = re.compile(r"/run/systemd/journal(\.[A-Za-z0-9_.-]{1,200})?/stdout")
_FLAGS = re.compile(rb"(?m)^flags:\t([0-7]{1,12})$")
_SOCKET = re.compile(r"socket:\[([0-9]{1,10})\]")

_SOCK_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1  # sock_diag(7), netlink(7)
_SHOW_NAME, _SHOW_PEER = 1, 4  # linux/unix_diag.h
_NAME, _PEER = 0, 2
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_QUESTION = struct.Struct("=BBHIIIII")  # struct unix_diag_req
_ANSWER_SIZE = 16  # struct unix_diag_msg
_ATTRIBUTE = struct.Struct("=HH")  # struct rtattr
_ANY = 0xFFFF_FFFF
_PATIENCE_S = 1.0


def read_streams(directory: ProcDirectory, view: str = "") -> tuple[Stream | None, ...]:
    """What the standard streams of a process lead to. Raises PermissionError."""
    return tuple(_stream(directory, view, str(number)) for number in range(3))


class Opening(NamedTuple):
    """How a stream may be opened now: without ``trust`` only if it is the very file of before."""

    stream: Stream
    trust: bool


def openings(recipe: Recipe) -> tuple[Opening | None, ...]:
    """How the streams of a recipe may be opened; None for those that may not.

    Many a log lies where others than its user may write, so that its path may lead elsewhere by
    now. The file itself, known by its inode, is what the program had.
    """
    if not any(recipe.streams):
        return ()
    ways = Ways(recipe.uid)
    return watched(lambda: tuple(_opening(stream, ways) for stream in recipe.streams))


def _opening(stream: Stream | None, ways: Ways) -> Opening | None:
    if stream is None:
        return None
    if stream.kind is StreamKind.JOURNAL:  # everybody may write to its socket, but not exchange it
        safe = not ways.to_file(os.path.dirname(stream.path)).risk
        return Opening(stream, trust=True) if safe else None
    if not ways.to_file(stream.path).risk:
        return Opening(stream, trust=True)
    same = stream.identity and stream.identity == _identity_at(stream.path)
    return Opening(stream, trust=False) if same else None


def _stream(directory: ProcDirectory, view: str, number: str) -> Stream | None:
    text = directory.readlink(f"{view}fd/{number}") or ""
    if text.startswith("/"):
        return _file(directory, view, number, text)
    found = _SOCKET.fullmatch(text)
    path = listener_of(int(found[1])) if found else ""
    return Stream(StreamKind.JOURNAL, path) if _JOURNAL.fullmatch(path) else None


def _file(directory: ProcDirectory, view: str, number: str, path: str) -> Stream | None:
    facts = directory.stat_link(f"{view}fd/{number}")
    flags = _FLAGS.search(directory.read(f"{view}fdinfo/{number}") or b"")
    if facts is None or flags is None or not stat.S_ISREG(facts.st_mode):
        return None
    if not facts.st_nlink:
        path = path.removesuffix(DELETED)
        if not _identity_at(path):  # it never had a name, or nobody wants it any more
            return None
    access = int(flags[1], 8) & os.O_ACCMODE
    return Stream(
        StreamKind.FILE,
        path,
        reads=access in {os.O_RDONLY, os.O_RDWR},
        writes=access in {os.O_WRONLY, os.O_RDWR},
        mode=stat.S_IMODE(facts.st_mode) & 0o666,
        identity=_identity(facts),
    )


def _identity_at(path: str) -> tuple[int, ...]:
    try:
        return _identity(patient_stat(path, path))
    except (OSError, ValueError):
        return ()


def _identity(facts: os.stat_result) -> tuple[int, ...]:
    return facts.st_dev, facts.st_ino, facts.st_uid


# -- who listens at the other end ------------------------------------------------------------------


def listener_of(inode: int) -> str:
    """The path at which the other end of this connected Unix socket listens; empty where there is
    none, or the kernel does not tell."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
            kernel.settimeout(_PATIENCE_S)
            peer = _asked(kernel, inode, _SHOW_PEER, _PEER)
            if len(peer) != 4:
                return ""
            name = _asked(kernel, struct.unpack("=I", peer)[0], _SHOW_NAME, _NAME)
    except (OSError, struct.error):
        return ""
    return os.fsdecode(name.rstrip(b"\0")) if name.startswith(b"/") else ""


def _asked(kernel: socket.socket, inode: int, show: int, wanted: int) -> bytes:
    """One attribute of the socket with this inode; empty where the kernel has none."""
    question = _QUESTION.pack(socket.AF_UNIX, 0, 0, _ANY, inode, show, _ANY, _ANY)
    size = _HEADER.size + len(question)
    kernel.send(_HEADER.pack(size, _BY_FAMILY, _REQUEST, 1, 0) + question)
    answer = kernel.recv(65536)
    length, kind, *_ = _HEADER.unpack_from(answer)
    if kind != _BY_FAMILY:
        return b""
    at = _HEADER.size + _ANSWER_SIZE
    while at + _ATTRIBUTE.size <= min(length, len(answer)):
        size, attribute = _ATTRIBUTE.unpack_from(answer, at)
        if attribute == wanted:
            return answer[at + _ATTRIBUTE.size : at + size]
        at += max(_ATTRIBUTE.size, size + 3 & ~3)
    return b""
