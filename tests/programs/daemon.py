"""A daemon for tests: says who it is and waits: daemon.py [OPTION VALUE]…

Run with ``python -S -I`` to start fast. ``notify PATH``: its number and that of its child go to the
datagram socket there, when all is in place. ``map FILE``: it maps this file, and so does its child.
``ignore TERM``: it does not end when it is asked to; ``late TERM``: it does, after a second.
``reload HUP``: it goes on when it is hung up on. ``child stays``: its child outlives it.
"""

import os
import signal
import socket
import sys
import time
from dataclasses import dataclass


@dataclass
class Options:
    notify: str = ""
    map: str = ""
    ignore: str = ""
    late: str = ""
    reload: str = ""
    child: str = ""


def leave_late(*_: object) -> None:
    time.sleep(1)
    os._exit(0)


def main(options: Options) -> None:
    if options.reload:
        signal.signal(signal.SIGHUP, lambda *_: None)
    if options.ignore:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if options.late:
        signal.signal(signal.SIGTERM, leave_late)
    held = mapped(options.map) if options.map else None
    reading, _writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(_writing)
        if options.child == "stays":
            signal.pause()
        os.read(reading, 1)  # the parent's end
        os._exit(0)
    if options.notify:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.sendto(f"{os.getpid()} {child}".encode(), options.notify)
    while held is not options:
        signal.pause()


def mapped(path: str) -> object:
    """The file in memory, as code is."""
    import mmap

    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)


if __name__ == "__main__":
    words = sys.argv[1:]
    main(Options(**dict(zip(words[::2], words[1::2], strict=True))))
