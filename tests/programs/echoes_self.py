"""Tells about itself on the FIFO that is its first argument, and waits."""

from __future__ import annotations

import json
import os
import signal
import sys

from restartmanager import app


def restarted_in_child() -> bool:
    """What a child that inherits the environment thinks."""
    child = os.fork()
    if child == 0:
        os._exit(int(app.was_restarted()))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def main() -> None:
    app.register_application_restart([sys.argv[1], "again"])
    facts = {
        "pid": os.getpid(),
        "arguments": sys.argv[1:],
        "restarted": app.was_restarted(),
        "restarted_in_child": restarted_in_child(),
        "ignored": [number for number in range(1, 32) if ignored(number)],
        "blocked": [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())],
    }
    with open(sys.argv[1], "w", encoding="ascii") as fifo:
        json.dump(facts, fifo)
    while True:
        signal.pause()


def ignored(number: int) -> bool:
    return signal.getsignal(number) is signal.SIG_IGN


main()
