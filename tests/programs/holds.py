"""Hold files as told, say so, and wait: holds.py ACTION VALUE ACTION VALUE…

Run with ``python -S -I`` to start fast. One byte on standard output says that all is held; the
process ends when its standard input does.
"""

import os
import sys

held: list[object] = []


def act(action: str, value: str) -> None:
    if action == "open":
        held.append(os.open(value, os.O_RDONLY))
    elif action in {"map", "map-shared", "map-code"}:
        mapped(value, shared=action == "map-shared", code=action == "map-code")
    elif action == "chdir":
        os.chdir(value)
    elif action == "chroot":
        os.chroot(value)
    elif action == "bind":
        import socket

        bound = socket.socket(socket.AF_UNIX)
        bound.bind(value)
        held.append(bound)
    elif action == "name":
        with open("/proc/self/comm", "wb") as file:
            file.write(os.fsencode(value))
    elif action == "thread-open":
        in_own_table(value)
    else:
        raise SystemExit(f"unknown action {action}")


def mapped(path: str, *, shared: bool, code: bool) -> None:
    """Map a file and keep nothing open; the mmap module keeps a descriptor, so close that too."""
    import mmap

    descriptor = os.open(path, os.O_RDONLY)
    flags = mmap.MAP_SHARED if shared else mmap.MAP_PRIVATE
    rights = mmap.PROT_READ | (mmap.PROT_EXEC if code else 0)
    held.append(mmap.mmap(descriptor, 0, flags, rights))
    os.close(descriptor)
    os.close(descriptor + 1)  # the copy that the module keeps: the lowest number that was free


def in_own_table(path: str) -> None:
    """Open a file in a thread that shares its descriptors with no other (unshare(2))."""
    import ctypes
    import threading

    ready = threading.Event()

    def run() -> None:
        if ctypes.CDLL(None).unshare(0x400):  # CLONE_FILES
            return
        os.open(path, os.O_RDONLY)
        ready.set()
        threading.Event().wait()

    threading.Thread(target=run, daemon=True).start()
    ready.wait(10)


if __name__ == "__main__":
    for position in range(1, len(sys.argv) - 1, 2):
        act(sys.argv[position], sys.argv[position + 1])
    os.write(1, b".")
    os.read(0, 1)
    os._exit(0)
