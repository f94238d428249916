"""Hold files in the rarer ways: hides.py ACTION VALUE ACTION VALUE…

The actions of ``holds.py`` work as well. Run with ``python -S -I``. One byte on standard output
says that all is held; the process ends when its standard input does.
"""

import array
import ctypes
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import holds  # type: ignore[import-not-found] # a program beside this one

IO_URING_SETUP, IO_URING_REGISTER, REGISTER_FILES = 425, 427, 2
LIBC = ctypes.CDLL(None, use_errno=True)


def act(action: str, value: str) -> None:
    if action == "load":
        holds.held.append(ctypes.CDLL(value))
    elif action == "open-both-ways":
        holds.held.append(os.open(value, os.O_RDWR))
    elif action == "post":
        holds.held.append(posted(value))
    elif action == "ring":
        holds.held.append(in_ring(value))
    else:
        holds.act(action, value)


def posted(path: str) -> object:
    """Send a descriptor to nobody in particular and close it: it is on its way for ever."""
    ours, theirs = socket.socketpair()
    descriptor = os.open(path, os.O_RDONLY)
    rights = array.array("i", [descriptor])
    ours.sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    os.close(descriptor)
    return ours, theirs


def in_ring(path: str) -> int:
    """Register a file with an io_uring(7) and close it: no descriptor is left."""
    parameters = ctypes.create_string_buffer(120)
    ring = LIBC.syscall(IO_URING_SETUP, 4, parameters)
    if ring < 0:
        raise SystemExit(f"io_uring_setup: {os.strerror(ctypes.get_errno())}")
    descriptor = os.open(path, os.O_RDONLY)
    files = (ctypes.c_int * 1)(descriptor)
    if LIBC.syscall(IO_URING_REGISTER, ring, REGISTER_FILES, files, 1):
        raise SystemExit(f"io_uring_register: {os.strerror(ctypes.get_errno())}")
    os.close(descriptor)
    return int(ring)


if __name__ == "__main__":
    for position in range(1, len(sys.argv) - 1, 2):
        act(sys.argv[position], sys.argv[position + 1])
    os.write(1, b".")
    os.read(0, 1)
    os._exit(0)
