"""A connection to a manager that may be anybody: what is said there is refused, never believed."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from jeepney import DBusAddress, HeaderFields, new_signal
from jeepney.low_level import Endianness, Header, Message, MessageFlag, MessageType

from restartmanager.adapters.services.systemd import dbus as bus_module
from restartmanager.adapters.services.systemd.dbus import Bus, BusGoneError, Refusal
from restartmanager.adapters.services.systemd.units import manager_call
from restartmanager.model.progress import CancelToken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Manager = Callable[[socket.socket], object]

CALL = manager_call("GetUnitByPID", "u", 1)
EMITTER = DBusAddress("/org/freedesktop/systemd1", interface="org.freedesktop.systemd1.Manager")


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Callable[[Manager], str]]:
    """Somebody who claims to be a manager, in a thread of its own."""
    threads: list[threading.Thread] = []

    def listen(behave: Manager) -> str:
        server = socket.socket(socket.AF_UNIX)
        path = str(tmp_path / f"private{len(threads)}")
        server.bind(path)
        server.listen()

        def serve() -> None:
            with server, server.accept()[0] as connection:
                connection.settimeout(20)
                behave(connection)

        thread = threading.Thread(target=serve)
        threads.append(thread)
        thread.start()
        return path

    yield listen
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def greet(connection: socket.socket) -> None:
    received = b""
    while b"BEGIN\r\n" not in received:
        received += connection.recv(1000)
    connection.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")


def after_greeting(*parts: bytes) -> Manager:
    def behave(connection: socket.socket) -> None:
        greet(connection)
        connection.recv(10_000)
        for part in parts:
            try:
                connection.sendall(part)
            except OSError:
                return
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(10_000):
            pass

    return behave


def silent(connection: socket.socket) -> None:
    """Greet, and say nothing until the other side hangs up."""
    greet(connection)
    while connection.recv(10_000):
        pass


def connect(path: str) -> Bus:
    return Bus.private(path, owner=os.geteuid())


def reply(
    kind: MessageType, serial: int, signature: str = "", body: tuple[object, ...] = ()
) -> bytes:

    fields: dict[Any, object] = {HeaderFields.reply_serial: serial}
    if signature:
        fields[HeaderFields.signature] = signature
    if kind is MessageType.error:
        fields[HeaderFields.error_name] = "org.example.No"
    header = Header(Endianness.little, kind, MessageFlag.no_reply_expected, 1, -1, 7, fields)
    data: bytes = Message(header, body).serialise()
    return data


def test_an_answer_and_a_refusal(listening: Callable[[Manager], str]) -> None:
    answers = reply(MessageType.method_return, 1, "s", ("yes",)) + reply(
        MessageType.error, 2, "s", ("no",)
    )
    bus = connect(listening(after_greeting(answers)))
    first, second = bus.call_all([CALL, CALL])
    assert first == ("yes",)
    assert second == Refusal("org.example.No", "no")
    bus.close()


def test_answers_may_come_in_any_order(listening: Callable[[Manager], str]) -> None:
    answers = b"".join(reply(MessageType.method_return, n, "u", (n,)) for n in (3, 1, 2))
    bus = connect(listening(after_greeting(answers)))
    assert bus.call_all([CALL] * 3) == [(1,), (2,), (3,)]
    bus.close()


def test_answers_to_what_was_never_asked_are_none(listening: Callable[[Manager], str]) -> None:
    answers = b"".join(reply(MessageType.method_return, n, "u", (n,)) for n in (7, 1, 1, 9, 2))
    bus = connect(listening(after_greeting(answers)))
    assert bus.call_all([CALL] * 2) == [(1,), (2,)]
    bus.close()


def test_signals_that_come_between_are_kept_and_noise_is_not(
    listening: Callable[[Manager], str],
) -> None:
    job = new_signal(EMITTER, "JobRemoved", "uoss", (1, "/job/1", "a.service", "done"))
    noise = new_signal(EMITTER, "UnitNew", "so", ("a.service", "/unit/a"))
    parts = (noise.serialise(serial=4), job.serialise(serial=5))
    answer = reply(MessageType.method_return, 1)
    bus = connect(listening(after_greeting(*parts, answer)))
    assert bus.call(CALL) == ()
    (signal,) = bus.signals(time.monotonic() + 10)
    assert signal.arguments == (1, "/job/1", "a.service", "done")
    bus.close()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n" * 3,
        b"l\x02\x01\x01" + b"\xff" * 12,
        b"l\x02\x01\x01\xff\xff\xff\x00\x01\x00\x00\x00\x00\x00\x00\x00",
        b"X" * 64,
        os.urandom(400),
        reply(MessageType.method_return, 1)[:-2],
    ],
    ids=["nothing", "http", "sizes", "too long", "order", "random", "cut"],
)
def test_nonsense_is_a_lost_connection(listening: Callable[[Manager], str], data: bytes) -> None:
    bus = connect(listening(after_greeting(data)))
    with pytest.raises(BusGoneError):
        bus.call(CALL)
    bus.close()


@pytest.mark.parametrize(
    "greeting", [b"", b"REJECTED EXTERNAL\r\n", b"OK" * 4000, b"\r\n"], ids=repr
)
def test_who_does_not_let_us_in_is_nobody(
    listening: Callable[[Manager], str], greeting: bytes
) -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(greeting)

    with pytest.raises(BusGoneError):
        connect(listening(behave))


def test_who_never_answers_is_not_waited_for_for_ever(
    listening: Callable[[Manager], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "SYSTEMD_ANSWER_S", 0.2)
    bus = connect(listening(silent))
    with pytest.raises(BusGoneError, match="not answered"):
        bus.call(CALL)
    bus.close()


def test_waiting_for_a_signal_ends_with_the_deadline_and_when_called_off(
    listening: Callable[[Manager], str],
) -> None:
    bus = connect(listening(silent))
    assert bus.signals(time.monotonic() + 0.05) == []
    with CancelToken() as cancel:
        cancel.cancel()
        assert bus.signals(time.monotonic() + 60, cancel) == []
    bus.close()


def test_somebody_elses_manager_is_not_spoken_to(listening: Callable[[Manager], str]) -> None:
    """A user could put a link to another socket at that place."""
    path = listening(greet)
    with pytest.raises(BusGoneError, match="does not belong to user"):
        Bus.private(path, owner=os.geteuid() + 1)


def test_where_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(BusGoneError):
        connect(str(tmp_path / "absent"))
