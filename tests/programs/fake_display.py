"""A hostile X server: ``fake_display.py NUMBER HOW``. It prints the user of each connection, and
whether something was said over it."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys

NUMBER, HOW = sys.argv[1:3]
PATH = f"/tmp/.X11-unix/X{NUMBER}"


def main() -> None:
    os.makedirs("/tmp/.X11-unix", mode=0o1777, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(PATH)
        os.chmod(PATH, 0o777)  # noqa: S103 - as X servers do
        if len(sys.argv) > 3:
            os.setresuid(*[int(sys.argv[3])] * 3)
        listener.listen()
        os.write(1, b"ready\n")
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                serve(connection)


def serve(connection: socket.socket) -> None:
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    said = connection.recv(4096)
    os.write(1, b"%d %s\n" % (struct.unpack("3i", peer)[1], b"spoke" if said else b"left"))
    if not said:
        return
    if HOW == "garbage":
        connection.sendall(os.urandom(65536))
    elif HOW == "flood":  # a greeting that announces as much as there can be
        connection.sendall(b"\1\0\x0b\0\0\0\xff\xff")
        while True:
            connection.sendall(b"\0" * 65536)
    else:
        connection.recv(1)  # says nothing, until the other side leaves


main()
