"""The formats of ``/proc/PID``: parsers of what its files say about a process. Pure.

What a process chose (its name, arguments, paths) is decoded with surrogate escapes and not judged.
"""

from __future__ import annotations

import os
from typing import NamedTuple

DELETED = " (deleted)"
"""The remark that the kernel appends to the path of a removed file; a file may also be called
that."""

PF_KTHREAD = 0x0020_0000
"""The flag of a kernel thread (include/linux/sched.h)."""


class ProcStat(NamedTuple):
    """The facts of a ``stat`` file that matter here (proc_pid_stat(5))."""

    name: str
    state: str
    parent_pid: int
    process_group: int
    session: int
    tty: int
    flags: int
    threads: int
    start_ticks: int

    @classmethod
    def parse(cls, text: bytes) -> ProcStat:
        """The facts in the contents of a ``stat`` file; ValueError when it is not one.

        The name in parentheses may hold parentheses and spaces itself: the last one closes it.
        """
        name, closed, rest = text.rpartition(b")")
        fields = rest.split()
        if not closed or len(fields) < 20:
            raise ValueError("not a stat file")
        parent, group, session, tty, _, flags = map(int, fields[1:7])
        return cls(
            name=os.fsdecode(name.partition(b"(")[2]),
            state=fields[0].decode("ascii", "replace"),
            parent_pid=parent,
            process_group=group,
            session=session,
            tty=tty,
            flags=flags,
            threads=int(fields[17]),
            start_ticks=int(fields[19]),
        )

    @property
    def kernel_thread(self) -> bool:
        """Whether it is a thread of the kernel, without a program (PF_KTHREAD)."""
        return bool(self.flags & PF_KTHREAD)

    @property
    def zombie_leader(self) -> bool:
        """Whether its first thread has exited; other threads may live on."""
        return self.state in {"Z", "X", "x"}

    @property
    def dead(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.zombie_leader and self.threads <= 1


def parse_arguments(text: bytes) -> tuple[str, ...]:
    """The arguments in the contents of a ``cmdline`` file, empty ones included."""
    if not text:
        return ()
    return tuple(os.fsdecode(part) for part in text.removesuffix(b"\0").split(b"\0"))


def parse_cgroup(text: bytes) -> str | None:
    """The control group in the contents of a ``cgroup`` file (cgroups(7)): that of the unified
    hierarchy, else the one systemd made for itself; None when there is neither."""
    found: dict[bytes, bytes] = {}
    for line in text.split(b"\n"):
        fields = line.split(b":", 2)
        if len(fields) == 3:
            found.setdefault(b"0::" if fields[:2] == [b"0", b""] else fields[1], fields[2])
    path = found.get(b"0::", found.get(b"name=systemd"))
    return None if path is None else os.fsdecode(path).removesuffix(DELETED)


def status_field(status: bytes, name: bytes) -> bytes:
    """The value of one line of a ``status`` file; the process cannot forge lines in it, for the
    kernel escapes its name."""
    _, found, rest = (b"\n" + status).partition(b"\n" + name + b":")
    return rest.partition(b"\n")[0] if found else b""
