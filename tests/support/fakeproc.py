"""Directories shaped like /proc, from text: what the kernel would say, said by us."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

STAT = (
    "{pid} ({name}) {state} 1 7 8 34816 -1 {flags} 0 0 0 0 0 0 0 0 20 0 {threads} 0 {start} "
    + "0 " * 23
    + "{end_of_data} 0 0 0 0 0 0"
)


def stat_text(pid: int, name: object = "prog", **facts: object) -> str:
    """The contents of a ``stat`` file."""
    known = {"state": "S", "flags": 0, "threads": 1, "start": 500, "end_of_data": 1} | facts
    return STAT.format(pid=pid, name=name, **known)


class FakeProc:
    """A tree like /proc below a folder; ``str()`` of it is its path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "proc"
        (self._folder / "self/ns").mkdir(parents=True)
        for space in ("pid", "mnt", "net"):
            self.link(f"self/ns/{space}", os.readlink(f"/proc/self/ns/{space}"))

    def __str__(self) -> str:
        return str(self._folder)

    def file(self, name: str, content: bytes | str) -> None:
        """Write one file, making its folders."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else os.fsencode(content))

    def link(self, name: str, target: str) -> None:
        """Make one link, in place of what was there."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def process(self, pid: int, exe: str = "/bin/sleep", **facts: object) -> None:
        """A process in our root and namespaces, which has nothing open and nothing mapped."""
        self.file(f"{pid}/stat", stat_text(pid, **facts))
        self.file(f"{pid}/status", "Name:\tprog\nUid:\t1\t2\t3\t4\nNSpid:\t5\n")
        self.file(f"{pid}/cmdline", "prog\0-x\0\0")
        self.file(f"{pid}/cgroup", "0::/a.slice/b.service\n")
        self.file(f"{pid}/maps", "")
        for name, target in (("exe", exe), ("cwd", "/"), ("root", "/")):
            self.link(f"{pid}/{name}", target)
        for space in ("pid", "mnt", "net"):
            self.link(f"{pid}/ns/{space}", os.readlink(f"/proc/self/ns/{space}"))
        for folder in ("fd", "fdinfo", "map_files", f"task/{pid}"):
            (self._folder / str(pid) / folder).mkdir(parents=True, exist_ok=True)
