"""Busy loops, which take the processor from tests that count on getting it at once."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOP = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG: however its parent ends, so does it
while os.getppid() == int(sys.argv[1]):
    for _ in range(10_000_000):
        pass
"""


@contextlib.contextmanager
def busy(loops: int) -> Iterator[list[int]]:
    """So many processes that do nothing but compute, and their numbers. They end with the block,
    and with the thread that entered it, also when that is killed."""
    begun: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(loops):
            command = [sys.executable, "-S", "-I", "-c", _LOOP, str(os.getpid())]
            begun.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
        yield [loop.pid for loop in begun]
    finally:
        for loop in begun:
            loop.kill()
        for loop in begun:
            loop.wait()
