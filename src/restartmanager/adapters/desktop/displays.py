"""Which X display a process uses, told from its environment; pure.

The environment is the process's own claim. A display on another machine is never contacted, and
who acts on the answer does so with the rights of the process's user (``windows`` says how).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

__all__ = ["Display", "parse_display"]

_LOCAL = re.compile(r"(?:unix)?:([0-9]{1,5})(?:\.[0-9]{1,3})?", re.ASCII)
_PATH_LIMIT = 4096


@dataclass(frozen=True, slots=True, order=True)
class Display:
    """One display of this machine; ``authority`` is the file with the key to it."""

    number: int
    authority: str


def parse_display(environment: bytes) -> Display | None:
    """The display in the contents of an ``environ`` file (proc_pid_environ(5)); None where there
    is none, or it is on another machine.

    As getenv(3) does, the first variable of a name counts.
    """
    wanted = {b"DISPLAY": "", b"XAUTHORITY": "", b"HOME": ""}
    for entry in reversed(environment.split(b"\0")):
        name, equals, value = entry.partition(b"=")
        if equals and name in wanted:
            wanted[name] = os.fsdecode(value)
    found = _LOCAL.fullmatch(wanted[b"DISPLAY"])
    if found is None:
        return None
    authority = wanted[b"XAUTHORITY"] or os.path.join(wanted[b"HOME"], ".Xauthority")
    if not authority.startswith("/") or len(authority) > _PATH_LIMIT:
        authority = ""
    return Display(int(found[1]), authority)
