"""The last lines that a service has logged, from the system's journal."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restartmanager.model import Service

__all__ = ["last_lines"]

_JOURNALCTL = "/usr/bin/journalctl"
_LINES = 3
_PATIENCE_S = 5.0
_SIZE_LIMIT = 2000


def last_lines(service: Service, invocation: str) -> str:
    """What it said in this run of it, as one text; empty where nothing can be read.

    ``invocation`` is the manager's number of the run, in hexadecimal digits. The text is the
    service's own: whoever shows it escapes it.
    """
    match = [f"_SYSTEMD_INVOCATION_ID={invocation}"]
    if service.user is not None:
        match = [f"_UID={service.user}", f"_SYSTEMD_USER_UNIT={service.name}"]
    command = [_JOURNALCTL, "--quiet", "--no-pager", "--output=cat", f"--lines={_LINES}", *match]
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    text = done.stdout[-_SIZE_LIMIT:].decode("utf-8", "surrogateescape")
    return " / ".join(line.strip() for line in text.splitlines() if line.strip())
