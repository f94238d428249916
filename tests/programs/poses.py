"""Listens under the name of a process and behaves badly: ``poses.py FOLDER NAME HOW [UID]``.

NAME may be "own". It is written from the specification of the wire protocol alone.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys

FOLDER, NAME, HOW = sys.argv[1:4]


def own_name() -> str:
    with open("/proc/self/stat", "rb") as file:
        ticks = file.read().rpartition(b")")[2].split()[19]
    return f"{os.getpid()}-{int(ticks)}"


def main() -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(os.path.join(FOLDER, own_name() if NAME == "own" else NAME))
    if len(sys.argv) > 4:
        uid = int(sys.argv[4])
        os.setresuid(uid, uid, uid)
    listener.listen(0)
    os.write(1, b"ready\n")
    if HOW == "deaf":
        sys.stdin.read()
    while True:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            behave(connection)


def behave(connection: socket.socket) -> None:
    asked = connection.recv(1024)
    if HOW == "flood":
        while True:
            connection.sendall(b"x" * 65536)
    if HOW == "chatter":
        while True:
            connection.sendall(b"yes\n" * 1000)
    if HOW == "drip":
        while True:  # one byte, then silence until the other side leaves
            connection.sendall(b"y")
            if not connection.recv(1024):
                return
    answers = {
        "yes": b"yes\n",
        "garbage": b"\xff\xfe maybe\n",
        "wrong": b"done\n",
        "newer": b"unknown\n",
        "silent": b"",
    }
    if HOW in answers:
        connection.sendall(answers[HOW])
        os.write(1, asked)
        while rest := connection.recv(1024):
            os.write(1, rest)
        os.write(1, b"left\n")


main()
