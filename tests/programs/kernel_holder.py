"""A program that holds files in the ways its arguments say, until its input ends.

    kernel_holder.py ACTION=PATH...

It writes one line when it holds them all. Every action can come several times.
"""

import ctypes
import mmap
import os
import resource
import sys
import threading
from collections.abc import Callable

CLONE_FILES = 0x400
CLONE_FS = 0x200
SYS_EXIT = {"x86_64": 60, "aarch64": 93}[os.uname().machine]
LIBC = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    if LIBC.unshare(flags):
        raise OSError(ctypes.get_errno(), "unshare")


def map_file(path: str, prot: int = mmap.PROT_READ) -> None:
    """Map it and let go of every descriptor, which Python's own mmap would keep."""
    descriptor = os.open(path, os.O_RDONLY)
    LIBC.mmap.restype = ctypes.c_void_p
    size, offset = ctypes.c_size_t(mmap.PAGESIZE), ctypes.c_long(0)
    address = LIBC.mmap(None, size, prot, mmap.MAP_PRIVATE, descriptor, offset)
    assert address != ctypes.c_void_p(-1).value
    os.close(descriptor)


def open_file(path: str) -> None:
    os.open(path, os.O_RDONLY)


def open_many(path: str) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    descriptor = os.open(path, os.O_RDONLY)
    for _ in range(min(most, 4096) - descriptor - 20):
        os.dup(descriptor)


def map_many(path: str) -> None:
    # Rights that differ from one to the next keep the kernel from making them one.
    for count in range(5000):
        map_file(path, mmap.PROT_READ if count % 2 else mmap.PROT_READ | mmap.PROT_WRITE)


def in_thread(action: Callable[[str], None], flags: int) -> Callable[[str], None]:
    """The action in a thread that first takes a table of its own, and stays."""

    def run(path: str) -> None:
        done = threading.Event()

        def body() -> None:
            unshare(flags)
            action(path)
            done.set()
            threading.Event().wait()

        threading.Thread(target=body, daemon=True).start()
        assert done.wait(30)

    return run


def leave_only_a_thread(path: str) -> None:
    """The first thread ends, and another goes on holding: a zombie leader."""
    threading.Thread(target=hold_as_thread, args=(path,)).start()
    LIBC.syscall(SYS_EXIT, 0)


def hold_as_thread(path: str) -> None:
    open_file(path)
    map_file(path)
    while state_of_leader() != "Z":
        os.sched_yield()
    hold()


def state_of_leader() -> str:
    with open("/proc/self/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


def chroot(path: str) -> None:
    os.chroot(path)


ACTIONS: dict[str, Callable[[str], None]] = {
    "open": open_file,
    "map": map_file,
    "open-many": open_many,
    "map-many": map_many,
    "thread-open": in_thread(open_file, CLONE_FILES),
    "thread-cwd": in_thread(os.chdir, CLONE_FS),
    "cwd": os.chdir,
    "chroot": chroot,
    "zombie-leader": leave_only_a_thread,
}


def hold() -> None:
    os.write(1, b"ready\n")
    while os.read(0, 1):
        pass
    os._exit(0)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        name, _, path = argument.partition("=")
        ACTIONS[name](path)
    hold()
