"""A service: maps a library, says that it is ready where somebody listens, and waits to be ended.

serves.py LIBRARY [--stubborn] [--slow] [--broken-if FILE] [--child] [--reload]
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--stubborn", action="store_true", help="ignore the request to stop")
    parser.add_argument("--slow", action="store_true", help="take a while to stop")
    parser.add_argument("--broken-if", help="fail at once when there is this file")
    parser.add_argument("--child", action="store_true", help="have a child that maps it as well")
    parser.add_argument("--is-child", action="store_true", help="be that child")
    parser.add_argument("--reload", action="store_true", help="run the program anew on SIGHUP")
    parser.add_argument("--reload-is-nothing", action="store_true", help="obey it by going on")
    options = parser.parse_args()
    if options.broken_if and os.path.exists(options.broken_if):
        sys.exit("the configuration is broken: line 7")
    if options.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if options.slow:
        signal.signal(signal.SIGTERM, _leave_slowly)
    if options.reload:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        signal.signal(signal.SIGHUP, lambda *_: os.execv(sys.executable, sys.orig_argv))
    if options.reload_is_nothing:
        signal.signal(signal.SIGHUP, lambda *_: None)
    ctypes.CDLL(options.library)
    if options.child:
        command = [sys.executable, __file__, options.library, "--is-child"]
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
    if options.is_child:
        os.write(1, b"ready\n")
    else:
        _tell("READY=1")
    while True:
        signal.pause()


def _leave_slowly(*_: object) -> None:
    time.sleep(0.2)
    sys.exit()


def _tell(state: str) -> None:
    """Tell the manager (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.connect("\0" + address[1:] if address.startswith("@") else address)
            connection.send(state.encode())


if __name__ == "__main__":
    main()
