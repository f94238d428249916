"""A machine full of processes: real ones, cheap, and gone afterwards whatever happens.

Servers of fifty processes each: a server maps libraries of this machine in four parts each, as the
dynamic loader does, and forks its children, which have its mappings and keep some descriptors of
their own. Each server chooses other libraries and has them at other addresses. All of a server end
when its standard input does, so nothing outlives who started it.

As a program, ``population.py serve ORDER``, it is one server.
"""

from __future__ import annotations

import ctypes
import glob
import json
import mmap
import os
import random
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Population"]

_FAMILY = 50
_COMMON = 100
_LIBRARIES = 25
_PARTS = (
    mmap.PROT_READ,
    mmap.PROT_READ | mmap.PROT_EXEC,
    mmap.PROT_READ,
    mmap.PROT_READ | mmap.PROT_WRITE,
)


class Population:
    """So many processes, as a context manager.

    ``rare`` is a file that three of them have mapped at most, ``common`` one that a hundred have;
    each of ``opened`` is open in one process.
    """

    def __init__(self, processes: int, folder: str, *, opened: Sequence[str] = ()) -> None:
        self.processes = processes
        self.rare = os.path.join(folder, "librare.so")
        self.common = os.path.join(folder, "libcommon.so")
        self._opened = list(opened)
        self._servers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for library in (self.rare, self.common):
            with open(library, "wb") as file:
                file.write(bytes(64 * 1024))
        sizes = [_FAMILY] * (self.processes // _FAMILY)
        if self.processes % _FAMILY:
            sizes.append(self.processes % _FAMILY)
        try:
            for number, size in enumerate(sizes):
                self._start(number, size, len(sizes))
            for server in self._servers:
                assert server.stdout is not None
                assert server.stdout.read(1) == b".", "a server did not come up"
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            assert server.stdin is not None
            server.stdin.close()
        for server in self._servers:
            server.wait()
            assert server.stdout is not None
            server.stdout.close()

    def _start(self, number: int, size: int, servers: int) -> None:
        order = {
            "seed": number,
            "children": size - 1,
            "common": [self.common] if number < _COMMON // _FAMILY else [],
            "rare": [self.rare] if number < 3 else [],
            "files": self._opened[number::servers],
        }
        command = [sys.executable, "-I", "-S", os.path.abspath(__file__), "serve"]
        server = subprocess.Popen(
            [*command, json.dumps(order)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._servers.append(server)


# -- one server ------------------------------------------------------------------------------------


def serve(order: dict[str, Any]) -> None:
    chosen = random.Random(order["seed"])  # noqa: S311 - any will do, if the same each time
    libraries = sorted(glob.glob("/usr/lib/*/lib*.so.*") + glob.glob("/usr/lib*/lib*.so.*"))
    for path in (*chosen.sample(libraries, min(_LIBRARIES, len(libraries))), *order["common"]):
        map_in_parts(path)
    life, ours = os.pipe()
    pids = []
    for child in range(order["children"]):
        pid = os.fork()
        if pid == 0:
            os.close(ours)
            for path in order["rare"] if child == 0 else ():
                map_in_parts(path)
            be_a_child(life, order["files"][child :: order["children"]])
        pids.append(pid)
    os.write(1, b".")
    os.read(0, 1)
    os.close(ours)
    for pid in pids:
        os.waitpid(pid, 0)


def be_a_child(life: int, files: list[str]) -> None:
    """Keep descriptors as a small daemon has them, until the server ends."""
    os.close(0)
    os.close(1)
    kept: list[object] = [os.open(path, os.O_RDONLY) for path in files]
    kept += [os.open("/dev/null", os.O_RDWR) for _ in range(2)]
    kept += [os.open(os.path.abspath(__file__), os.O_RDONLY) for _ in range(6)]
    kept += [*socket.socketpair(), *os.pipe(), os.eventfd(0), socket.socket(socket.AF_UNIX)]
    os.read(life, 1)
    os._exit(0)


def map_in_parts(path: str) -> None:
    """As the dynamic loader does: headers, code, constants, data."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    pages = os.fstat(descriptor).st_size // mmap.PAGESIZE
    part = max(1, pages // len(_PARTS)) * mmap.PAGESIZE
    for number, rights in enumerate(_PARTS):
        size, offset = ctypes.c_size_t(part), ctypes.c_long(number * part)
        libc.mmap(None, size, rights, mmap.MAP_PRIVATE, descriptor, offset)
    os.close(descriptor)


if __name__ == "__main__" and sys.argv[1:2] == ["serve"]:
    serve(json.loads(sys.argv[2]))
