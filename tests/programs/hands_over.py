"""An application whose registered command does not stay: ``hands_over.py HOW LIBRARY READY``.

It opens the library, registers, and tells the FIFO at READY its number. Started again it "calls" a
program that runs already, which here is nobody; or it makes a "daemon" and exits, after the daemon
has told its number; or it "fails"; or a signal ends it: "aborts".
"""

from __future__ import annotations

import os
import signal
import sys

from restartmanager import app

LIFE_S = 600


def tell(ready: str) -> None:
    fifo = os.open(ready, os.O_WRONLY)
    os.write(fifo, b"%d\n" % os.getpid())
    os.close(fifo)


def stay(library: str, ready: str) -> None:
    signal.alarm(LIFE_S)
    held = os.open(library, os.O_RDONLY)
    tell(ready)
    while held:
        signal.pause()


def daemon(library: str, ready: str) -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            stay(library, ready)
        os._exit(0)
    os.wait()


def main() -> None:
    how, library, ready, *again = sys.argv[1:]
    if not again:
        app.register_application_restart([how, library, ready, "--again"])
        stay(library, ready)
    elif how == "daemon":
        daemon(library, ready)
    elif how == "aborts":
        signal.raise_signal(signal.SIGKILL)
    sys.exit(3 if how == "fails" else 0)


if __name__ == "__main__":
    main()
