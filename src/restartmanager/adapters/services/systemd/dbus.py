"""Connections to systemd managers: calls, many at once, and signals (D-Bus, by jeepney).

Root talks to the manager itself through its private socket, as systemctl does: that works also
while the message bus is away. So does everybody with their own manager. Others reach the system's
manager through the bus.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from jeepney import DBusAddress, HeaderFields, Message, MessageType, new_method_call
from jeepney.low_level import calc_msg_size

from restartmanager.adapters.processes.peers import peer_of
from restartmanager.model.limits import SYSTEMD_ANSWER_S, SYSTEMD_GREETING_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from restartmanager.model.progress import CancelToken


_MANAGER = "org.freedesktop.systemd1"
_SYSTEM_BUS = "/run/dbus/system_bus_socket"
_GREETING_LIMIT = 4096  # a greeting is one line
_MESSAGE_LIMIT = 16 * 1024 * 1024  # D-Bus allows 128 megabytes; no answer here comes near
_FIXED_HEADER = 16  # D-Bus Specification, "Message Format"
_AWAITED = b"JobRemoved"
_AT_ONCE = 64
"""Calls on their way at a time: who sends more without reading may wait for each other."""
_NONSENSE = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RecursionError,
    struct.error,
)
"""The errors that reading a message raises when it is none."""


class BusGoneError(Exception):
    """A manager cannot be reached, or does not answer any more; never seen outside ``services``."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a method of the manager or of one of its objects."""

    path: str
    interface: str
    member: str
    signature: str = ""
    arguments: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A manager's refusal of one call: the name of the error, and its sentence."""

    name: str
    message: str

    @property
    def denied(self) -> bool:
        """Whether the caller has no right to do this."""
        return self.name.rpartition(".")[2] in {
            "AccessDenied",
            "InteractiveAuthorizationRequired",
            "AuthFailed",
        }


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal of the manager."""

    member: str
    arguments: tuple[Any, ...]


class Bus:
    """A connection to the socket at ``path``.

    Signals of the manager that arrive while calls are answered are kept for ``signals``.
    """

    def __init__(self, path: str) -> None:
        self._socket, received = _connected(path)
        self._received = bytearray(received)
        self._serial = 0
        self._signals: deque[Signal] = deque()

    @classmethod
    def private(cls, path: str, *, owner: int) -> Self:
        """Talk to the manager that listens on this socket and belongs to ``owner``.

        Raises BusGoneError where there is none, or it is somebody else's.
        """
        bus = cls(path)
        if peer_of(bus._socket).uid != owner:
            bus.close()
            raise BusGoneError(f"{path} does not belong to user {owner}")
        return bus

    @classmethod
    def system(cls) -> Self:
        """Talk to the system's manager over the message bus."""
        bus = cls(_SYSTEM_BUS)
        rule = f"type='signal',sender='{_MANAGER}',interface='{_MANAGER}.Manager'"
        try:
            for member, signature, arguments in (("Hello", "", ()), ("AddMatch", "s", (rule,))):
                bus._ask_bus(member, signature, arguments)
        except BusGoneError:
            bus.close()
            raise
        return bus

    def call(self, call: Call) -> tuple[Any, ...] | Refusal:
        """The answer to one call. Raises BusGoneError."""
        return self.call_all([call])[0]

    def call_all(self, calls: Iterable[Call]) -> list[tuple[Any, ...] | Refusal]:
        """The answers to many calls, in their order, asked without waiting for each. Raises
        BusGoneError."""
        waiting = deque(calls)
        numbers: list[int] = []
        awaited: set[int] = set()
        answers: dict[int, tuple[Any, ...] | Refusal] = {}
        deadline = time.monotonic() + SYSTEMD_ANSWER_S
        while waiting or awaited:
            free = min(len(waiting), _AT_ONCE - len(awaited))
            sent = self._send([_message(waiting.popleft()) for _ in range(free)])
            numbers += sent
            awaited.update(sent)
            for message in self._arrived(deadline):
                number = message.header.fields.get(HeaderFields.reply_serial)
                if message.header.message_type is MessageType.signal:
                    self._keep(message)
                elif number in awaited:
                    awaited.discard(number)
                    answers[number] = _answer(message)
                    deadline = time.monotonic() + SYSTEMD_ANSWER_S
        return [answers[number] for number in numbers]

    def signals(self, deadline: float, cancel: CancelToken | None = None) -> list[Signal]:
        """The signals that have come; when there are none, those that come before the monotonic
        ``deadline`` passes or ``cancel`` is called. Raises BusGoneError."""
        while not self._signals:
            message = self._next()
            if message is not None:
                self._keep(message)
            elif not self._await(deadline, cancel):
                break
        found = list(self._signals)
        self._signals.clear()
        return found

    def close(self) -> None:
        """Hang up; any number of times."""
        self._socket.close()

    # -- messages ------------------------------------------------------------------------------

    def _ask_bus(self, member: str, signature: str, arguments: tuple[object, ...]) -> None:
        bus = "org.freedesktop.DBus"
        address = DBusAddress("/org/freedesktop/DBus", bus_name=bus, interface=bus)
        call = new_method_call(address, member, signature or None, arguments)
        (number,) = self._send([call])
        deadline = time.monotonic() + SYSTEMD_ANSWER_S
        while True:
            message = self._receive(deadline)
            if message.header.fields.get(HeaderFields.reply_serial) == number:
                break
        answer = _answer(message)
        if isinstance(answer, Refusal):
            raise BusGoneError(f"the message bus refuses {member}: {answer.message}")

    def _send(self, messages: Sequence[Message]) -> list[int]:
        """Send these at once; their serial numbers."""
        first = self._serial + 1
        self._serial += len(messages)
        numbers = list(range(first, self._serial + 1))
        data = [m.serialise(serial=number) for m, number in zip(messages, numbers, strict=True)]
        try:
            self._socket.sendall(b"".join(data))
        except OSError as error:
            raise BusGoneError(error.strerror or "the connection was lost") from None
        return numbers

    def _arrived(self, deadline: float) -> Iterator[Message]:
        """The messages that have come; the first one is waited for."""
        yield self._receive(deadline)
        yield from iter(self._next, None)

    def _receive(self, deadline: float) -> Message:
        while True:
            message = self._next()
            if message is not None:
                return message
            if not self._await(deadline, None):
                raise BusGoneError(f"it has not answered for {SYSTEMD_ANSWER_S:.0f} seconds")

    def _next(self) -> Message | None:
        """The next message of those that have been read. The other side may send anything."""
        try:
            while (raw := self._next_raw()) is not None:
                if not _is_noise(raw):
                    message: Message = Message.from_buffer(raw)
                    return message
        except _NONSENSE as error:
            raise BusGoneError(f"it sent what is no message ({type(error).__name__})") from None
        return None

    def _next_raw(self) -> bytes | None:
        """The bytes of one message, if all of them have been read."""
        if len(self._received) < _FIXED_HEADER:
            return None
        size = calc_msg_size(bytes(self._received[:_FIXED_HEADER]))
        if size > _MESSAGE_LIMIT:
            raise BusGoneError("it sent a message that is too long")
        if len(self._received) < size:
            return None
        raw = bytes(self._received[:size])
        del self._received[:size]
        return raw

    def _await(self, deadline: float, cancel: CancelToken | None) -> bool:
        """Read what comes; False when the deadline has passed or somebody cancelled."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if cancel is not None:
            poll.register(cancel, select.POLLIN)
        left = max(0.0, deadline - time.monotonic())
        ready = {descriptor for descriptor, _ in poll.poll(int(left * 1000) + 1)}
        if self._socket.fileno() not in ready:
            return False
        try:
            data = self._socket.recv(256 * 1024)
        except OSError as error:
            raise BusGoneError(error.strerror or "the connection was lost") from None
        if not data:
            raise BusGoneError("it closed the connection")
        self._received += data
        return True

    def _keep(self, message: Message) -> None:
        member = message.header.fields.get(HeaderFields.member)
        if message.header.message_type is MessageType.signal and isinstance(member, str):
            self._signals.append(Signal(member, tuple(message.body)))


def _connected(path: str) -> tuple[socket.socket, bytes]:
    """A connection on which we are let in, and what was received beyond the greeting.

    All of the greeting goes out at once: what follows must not meet its end in the manager's
    buffer, where it would lie until more comes (D-Bus specification, authentication protocol).
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(SYSTEMD_GREETING_S)
        connection.connect(path)
        name = str(os.geteuid()).encode().hex().encode()
        connection.sendall(b"\0AUTH EXTERNAL " + name + b"\r\nBEGIN\r\n")
        received = b""
        while b"\r\n" not in received and len(received) < _GREETING_LIMIT:
            part = connection.recv(_GREETING_LIMIT)
            if not part:
                break
            received += part
        connection.settimeout(None)
    except OSError as error:
        connection.close()
        raise BusGoneError(error.strerror or str(error) or "no connection") from None
    answer, complete, rest = received.partition(b"\r\n")
    if not complete or not answer.startswith(b"OK "):
        connection.close()
        raise BusGoneError("it does not let us in")
    return connection, rest


def _is_noise(raw: bytes) -> bool:
    """Whether this is a signal that nobody here waits for. A manager tells its private connections
    of every change of every unit: taking those messages apart costs more than all the rest."""
    return raw[1] == MessageType.signal.value and _AWAITED not in raw


def _message(call: Call) -> Message:
    address = DBusAddress(call.path, bus_name=_MANAGER, interface=call.interface)
    return new_method_call(address, call.member, call.signature or None, call.arguments)


def _answer(message: Message) -> tuple[Any, ...] | Refusal:
    if message.header.message_type is not MessageType.error:
        return tuple(message.body)
    name = message.header.fields.get(HeaderFields.error_name, "")
    text = message.body[0] if message.body and isinstance(message.body[0], str) else name
    return Refusal(str(name), str(text))
