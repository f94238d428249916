"""Files in which daemons keep the number of their main process, believed only as far as possible.

Who can write such a file names processes that are then stopped. So a file counts for a process only
when root or the process's own user has written it, and after the process was started: a number that
was used again belongs to a younger process.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from restartmanager.adapters.services.members import described

if TYPE_CHECKING:
    from restartmanager.model import Process
    from restartmanager.ports.processes import Processes

__all__ = ["process_in"]

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_LIMIT = 64
_CLOCK_S = 2.0  # the time of the boot is known to the second, that of a file to the tick


def process_in(path: str, processes: Processes) -> Process | None:
    """The process that this file names and that may be believed to be meant."""
    try:
        descriptor = os.open(path, _OPEN)
    except OSError:
        return None
    try:
        facts = os.fstat(descriptor)
        text = os.read(descriptor, _LIMIT) if stat.S_ISREG(facts.st_mode) else b""
    finally:
        os.close(descriptor)
    number = text.partition(b"\n")[0].strip()
    if not number.isdigit() or int(number) <= 1:
        return None
    process = described(processes, int(number))
    if process is None or process.kernel_thread or not process.same_pid_namespace:
        return None
    if facts.st_uid not in {0, process.uid} or facts.st_mode & 0o002:
        return None
    return process if process.identity.start_time <= facts.st_mtime + _CLOCK_S else None
