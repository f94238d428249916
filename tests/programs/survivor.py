"""An application of the crash tests: ``survivor.py TEMPER LIBRARY READY TICKET``.

It opens the library, registers to be brought back as it is, and tells the FIFO at READY its ticket
and its number. TEMPER says what it does when asked to exit: "obeys"; "saves" something first;
"stubborn" ones ignore it; "helped" ones obey, and have a helper that uses the library as well.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from restartmanager import app

if TYPE_CHECKING:
    from types import FrameType

LIFE_S = 1800
"""However the test ends, nothing of it lives longer than this."""


def save(number: int, frame: FrameType | None) -> None:
    with open("/dev/null", "wb") as file:
        file.write(b"saved")
    os._exit(0)


def helper(library: str) -> subprocess.Popen[bytes]:
    """One that ends when we do, for the pipe to it ends then."""
    program = Path(__file__).with_name("holds.py")
    command = [sys.executable, "-S", "-I", str(program), "open", library]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read(1)
    return child


def main() -> None:
    temper, library, ready, ticket = sys.argv[1:]
    signal.alarm(LIFE_S)
    if temper == "saves":
        signal.signal(signal.SIGTERM, save)
    elif temper == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    held = os.open(library, os.O_RDONLY)
    helping = helper(library) if temper == "helped" else None
    app.register_application_restart(sys.argv[1:])
    fifo = os.open(ready, os.O_WRONLY)
    os.write(fifo, f"{ticket} {os.getpid()}\n".encode())
    os.close(fifo)
    while held and (helping is None or helping.pid):
        signal.pause()


if __name__ == "__main__":
    main()
