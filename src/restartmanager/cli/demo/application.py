"""An application for ``restartctl demo``: it maps a library, registers itself, and waits.

``NAME LIBRARY DOCUMENT``: the demo runs copies of this file under the names of applications.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from restartmanager import app

if TYPE_CHECKING:
    from types import FrameType

_LIFE_S = 300
"""However the demo ends, its applications do not live longer than this."""


def main() -> NoReturn:
    """Work until asked to exit; then save the document, and exit."""
    library, document = sys.argv[1:3]

    def save(number: int, frame: FrameType | None) -> NoReturn:
        del number, frame
        with open(document, "w", encoding="ascii") as file:
            file.write(f"saved by {os.getpid()}\n")
        sys.exit(0)

    signal.alarm(_LIFE_S)
    signal.signal(signal.SIGTERM, save)
    ctypes.CDLL(library)
    app.register_application_restart([library, document, "--restored"])
    os.write(1, b"ready\n")
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
