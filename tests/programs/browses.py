"""A browser-like tree: twelve processes that run this program, all with one file open.

``browses.py FILE FIFO``: the leader registers for restart and starts two zygotes of five workers
each, one zygote's workers in a pid namespace of their own where that is allowed. Each process
leads a group of its own, writes its number to the FIFO when it is ready, and ends when its parent
does; the leader ends on SIGTERM.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading

from restartmanager import app

FILE, FIFO, *ROLE = sys.argv[1:]
CLONE_NEWPID = 0x20000000
held = open(FILE, "rb")  # noqa: SIM115 - for good
children: list[subprocess.Popen[bytes]] = []


def start(*role: str) -> None:
    command = [sys.executable, sys.argv[0], FILE, FIFO, *role]
    children.append(subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0))


def say_ready() -> None:
    with open("/proc/self/stat", "rb") as file:  # as its parent counts, and not as it does itself
        number = file.read().split()[0]
    with open(FIFO, "ab") as fifo:
        fifo.write(number + b"\n")


if not ROLE:
    app.register_application_restart([FILE, FIFO])
    start("zygote", "sandboxed")
    start("zygote", "plain")
    say_ready()
    threading.Event().wait()
elif ROLE[0] == "zygote":
    if ROLE[1] == "sandboxed":
        ctypes.CDLL(None).unshare(CLONE_NEWPID)  # from now on its children live there
    for _ in range(4 if ROLE[1] == "sandboxed" else 5):
        start("worker")
say_ready()
sys.stdin.read()
os._exit(0)
