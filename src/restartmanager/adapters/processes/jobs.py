"""Jobs: what an installer has begun goes on working when the installer itself is dead.

The command of ``restartctl run``, and whatever an installer hands its key to, may still replace
files then. They are recognised by their environment, which children inherit: it has the key, and
the session of processes (setsid(2)) that the installer was in. What has left that one is a daemon
that the command has started, and may run for years: it keeps nothing from being brought back.
"""

from __future__ import annotations

import contextlib

from restartmanager.adapters.proc import procfs
from restartmanager.errors import ProcessError

_SIZE_LIMIT = 4 * 1024 * 1024


def still_works(key_variable: str, job_variable: str, key: str) -> bool:
    """Whether a process lives that has this key, in the variable of this name, and is still in the
    session of processes that ``job_variable`` names."""
    return any(_works(pid, f"{key_variable}={key}", job_variable) for pid in procfs.pids())


def _works(pid: int, key: str, job_variable: str) -> bool:
    with contextlib.suppress(ProcessError, OSError), procfs.ProcDirectory(pid) as directory:
        variables = b"\0" + (directory.read("environ", _SIZE_LIMIT) or b"") + b"\0"
        facts = directory.stat()
        if facts is None or facts.dead or f"\0{key}\0".encode() not in variables:
            return False
        return f"\0{job_variable}={facts.session}\0".encode() in variables
    return False
