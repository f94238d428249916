"""Calls to supervisord: XML-RPC over HTTP over the Unix socket of one daemon.

Who answers may be hostile, also for root. So an answer has a time limit as a whole, a size
limit, and no document type: entities, which make small texts large, can only be declared in one.
Who answers is known from the kernel (SO_PEERCRED, unix(7)), not from the file.
"""

from __future__ import annotations

import re
import select
import socket
import time
from typing import TYPE_CHECKING

from restartmanager.adapters.processes.peers import peer_of
from restartmanager.adapters.services.parallel import CalledOffError, ServiceTroubleError
from restartmanager.model.limits import SERVICE_ANSWER_S

if TYPE_CHECKING:
    from typing import Self

    from restartmanager.model.progress import CancelToken


_ANSWER_LIMIT = 4 * 1024 * 1024  # some thousand programs
_PORTION = 64 * 1024
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_REQUEST = "POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n"


class FaultError(ServiceTroubleError):
    """A refusal of supervisord; ``code`` says why (supervisor.xmlrpc.Faults)."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"supervisord refuses: {text}")
        self.code = code


class Call:
    """One call that is under way; a context manager that gives it up.

    ``uid`` is the user who answers. Raises OSError where nobody does.
    """

    def __init__(self, path: str, method: str, *arguments: object) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.settimeout(SERVICE_ANSWER_S)
            self._socket.connect(path)
            self.uid = peer_of(self._socket).uid
            self._socket.sendall(_request(method, arguments))
            self._socket.setblocking(False)  # noqa: FBT003 - its only argument
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give it up; any number of times. What was asked for happens all the same."""
        self._socket.close()

    def result(self, until: float, cancel: CancelToken | None = None) -> object:
        """The result of the method, awaited until then (monotonic seconds).

        Raises TimeoutError, CalledOffError when ``cancel`` was called, FaultError when it refuses,
        and ServiceTroubleError for what is no answer.
        """
        return parse_answer(self._read(until, cancel))

    def _read(self, until: float, cancel: CancelToken | None) -> bytes:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if cancel is not None:
            poll.register(cancel, select.POLLIN)
        parts: list[bytes] = []
        size = 0
        while True:
            left = until - time.monotonic()
            ready = poll.poll(max(0.0, left * 1000))
            closed = any(event & select.POLLNVAL for _, event in ready)  # nobody waits any more
            if closed or (cancel is not None and cancel.cancelled):
                raise CalledOffError
            try:
                part = self._socket.recv(_PORTION)
            except BlockingIOError:
                if left <= 0:
                    raise TimeoutError(f"{self._path} has not answered in time") from None
                continue
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > _ANSWER_LIMIT or left <= 0:
                raise ServiceTroubleError(f"{self._path} answers without end")


def parse_answer(answer: bytes) -> object:
    """The value in an answer over HTTP. Raises FaultError, or ServiceTroubleError for what is no
    answer."""
    from xmlrpc.client import Fault, loads

    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.partition(b"\r\n")[0].split(b" ")
    if not status[0].startswith(b"HTTP/1.") or status[1:2] != [b"200"]:
        denied = status[1:2] == [b"401"]
        raise ServiceTroubleError(
            "supervisord wants a password" if denied else "supervisord gives no answer"
        )
    text = _NOT_IN_XML.sub("\ufffd", body.decode("utf-8", "replace"))
    if "<!" in text:
        raise ServiceTroubleError("supervisord's answer has a document type")
    try:
        values, _method = loads(text)
    except Fault as fault:
        code = fault.faultCode if isinstance(fault.faultCode, int) else 0
        raise FaultError(code, str(fault.faultString)) from None
    except Exception as error:  # hostile text makes the parser trip in any way
        raise ServiceTroubleError("supervisord's answer cannot be read") from error
    return values[0] if values else None


def _request(method: str, arguments: tuple[object, ...]) -> bytes:
    from xmlrpc.client import dumps

    body = dumps(arguments, f"supervisor.{method}").encode("utf-8")  # type: ignore[arg-type]
    return (_REQUEST % len(body)).encode("ascii") + body
