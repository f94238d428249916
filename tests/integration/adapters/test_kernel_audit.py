"""Audit records, as the kernel of this machine takes them."""

from __future__ import annotations

import errno
import socket
import struct

import pytest

from restartmanager.adapters import kernel_audit
from restartmanager.adapters.event_log import SystemEventLog
from restartmanager.rules.events import Event, EventKind

FACTS = (("program", "/usr/bin/editor"), ("name", 'a "b" c\n'), ("runs_as", "1000"))
ACKNOWLEDGE = 4  # NLM_F_ACK


def test_what_a_record_says() -> None:
    message = kernel_audit.record("closing", FACTS)
    size, kind, flags, _, _ = struct.unpack_from("=IHHII", message)
    assert (size, kind, flags) == (len(message), kernel_audit.TRUSTED_APP, 1)
    name = b'a "b" c\n'.hex().upper().encode()
    assert message[16:] == (
        b'op=restartmanager-closing program="/usr/bin/editor" name=' + name + b' runs_as="1000"\0'
    )


def test_a_record_is_never_longer_than_the_kernel_takes() -> None:
    assert len(kernel_audit.record("closing", [("arguments", "x" * 100_000)])) < 8970


@pytest.mark.root
def test_the_kernel_takes_it() -> None:
    try:
        sender = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
    except OSError as error:
        pytest.skip(f"this kernel has no audit subsystem: {error.strerror}")
    with sender:
        sender.settimeout(10)
        sender.sendto(kernel_audit.record("closing", FACTS, flags=ACKNOWLEDGE), (0, 0))
        answer = sender.recv(1000)
    _, kind, _, _, _, refusal = struct.unpack_from("=IHHIIi", answer)
    if refusal == -errno.ECONNREFUSED:
        pytest.skip("the kernel takes no records from within a user namespace")
    assert (kind, refusal) == (2, 0)  # NLMSG_ERROR: no error


def test_each_close_and_each_start_is_told_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    monkeypatch.setattr(kernel_audit, "send", sent.append)
    log = SystemEventLog("/nonexistent", "/nonexistent")
    log.write(Event(EventKind.CLOSING, "", "closes the editor", facts=FACTS))
    log.write(Event(EventKind.STARTED, "", "a session began"))
    (message,) = sent
    assert b"op=restartmanager-closing program=" in message
    assert b" asked_by=" in message
