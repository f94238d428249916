"""The login that the calling process belongs to, where it is that of its own user.

Programs that make another user of somebody (sudo(8), su(1), pkexec(1)) leave variables of the one
who called them: his display, the key to it, his buses. A program of the other user that was given
these would be where he wants to have it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.ways import Ways

if TYPE_CHECKING:
    from collections.abc import Mapping


_CALLERS = ("SUDO_UID", "PKEXEC_UID")
_OWNED = ("XDG_RUNTIME_DIR", "XAUTHORITY")
"""What these name, nobody else may be able to change."""
_NOBODY = 2**32 - 1  # proc_pid_loginuid(5): nobody has logged in


def own_variables(variables: Mapping[str, str], proc: str = "/proc") -> Mapping[str, str]:
    """The environment of the caller, where it is that of its effective user; else none of it."""
    return variables if _is_own(variables, os.geteuid(), proc) else {}


def _is_own(variables: Mapping[str, str], user: int, proc: str) -> bool:
    if os.getuid() != user or _login_user(proc) not in {None, user}:
        return False
    if any(variables.get(name) not in {None, str(user)} for name in _CALLERS):
        return False
    if variables.get("DOAS_USER"):  # doas(1) gives no number
        return False
    ways = Ways(user)
    named = [variables[name] for name in _OWNED if variables.get(name)]
    return all(os.path.isabs(path) and not ways.to_file(path).risk for path in named)


def _login_user(proc: str) -> int | None:
    with suppress(OSError, ValueError), open(f"{proc}/self/loginuid", encoding="ascii") as file:
        found = int(file.read())
        return None if found == _NOBODY else found
    return None
