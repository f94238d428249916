"""Records for the kernel's audit subsystem (auditd(8)): ``ausearch -m TRUSTED_APP`` finds them.

Root's only, for it takes CAP_AUDIT_WRITE. Where nobody listens, the kernel drops them. Like all of
the event log they are sent without waiting.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


TRUSTED_APP = 1121  # AUDIT_TRUSTED_APP in linux/audit.h: free text of a program of root's
_NETLINK_AUDIT = 9  # linux/netlink.h
_REQUEST = 1  # NLM_F_REQUEST
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_TEXT_BYTES = 8000  # MAX_AUDIT_MESSAGE_LENGTH is 8970


def record(operation: str, facts: Iterable[tuple[str, object]], *, flags: int = 0) -> bytes:
    """The message about one operation. A value with a character that could end it is written in
    hexadecimal digits, as the kernel does with names that a process chose."""
    words = [f"op=restartmanager-{operation}", *(f"{n}={_value(str(v))}" for n, v in facts)]
    text = " ".join(words).encode("utf-8", "replace")[:_TEXT_BYTES] + b"\0"
    return _HEADER.pack(_HEADER.size + len(text), TRUSTED_APP, _REQUEST | flags, 1, 0) + text


def send(message: bytes) -> None:
    """Send a message, if there is somebody to take it."""
    if os.geteuid() != 0:
        return
    kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK
    try:
        with socket.socket(socket.AF_NETLINK, kind, _NETLINK_AUDIT) as sender:
            sender.sendto(message, (0, 0))
    except OSError:  # a kernel without it, a container that may not
        return


def _value(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and " " not in text:
        return f'"{text}"'
    return text.encode("utf-8", "replace").hex().upper()
