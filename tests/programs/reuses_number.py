"""In a pid namespace of its own: a process listens, hands the socket to its child, and exits; the
next one gets its number. Prints what asking that one gives.

``unshare --pid --fork --mount-proc python reuses_number.py FOLDER`` with FOLDER in XDG_RUNTIME_DIR.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time

from restartmanager.adapters.processes.channels import LinuxChannels
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.app.protocol import socket_name
from restartmanager.model.answers import EndReason
from restartmanager.model.identity import UniqueProcess

FOLDER = sys.argv[1]
PATH = os.path.join(FOLDER, "socket")


def listen_and_leave() -> None:
    """The grandchild keeps the socket, and answers whoever asks."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(PATH)
    listener.listen()
    if os.fork():
        os._exit(0)
    while True:
        connection, _ = listener.accept()
        connection.sendall(b"yes\n")


def sleeper() -> int:
    child = os.fork()
    if child == 0:
        signal.pause()
    return child


def next_number(wanted: int) -> None:
    with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as file:
        file.write(str(wanted - 1))


def main() -> None:
    first = os.fork()
    if first == 0:
        listen_and_leave()
    os.waitpid(first, 0)
    next_number(first)
    second = sleeper()
    process = LinuxProcesses().describe(UniqueProcess.of(second))
    os.rename(PATH, os.path.join(FOLDER, socket_name(process.identity)))
    with LinuxChannels().open([process]) as talks:
        answer = talks.query(EndReason.UPDATE, time.monotonic() + 10)[process.identity]
    os.write(1, f"{first == second} {answer.kind}: {answer.reason}\n".encode())


main()
