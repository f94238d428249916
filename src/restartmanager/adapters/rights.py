"""Rights: becoming a user for good, in a helper process of root's."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def limit(*, memory: int, cpu_s: int) -> None:
    """Bound what this process can use, in bytes and seconds of a processor; it dumps no core."""
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def become(uid: int, gid: int, groups: Sequence[int] = ()) -> None:
    """Take on the rights of this user, and prove that there is no way back. Raises
    PermissionError."""
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if uid != 0:
        _prove(uid, gid, groups)


def _prove(uid: int, gid: int, groups: Sequence[int]) -> None:
    held = (os.getresuid(), os.getresgid(), {*os.getgroups(), gid})
    if held != ((uid, uid, uid), (gid, gid, gid), {*groups, gid}):
        raise PermissionError("rights are left")
    try:
        os.setresuid(0, 0, 0)
    except PermissionError:
        return
    raise PermissionError("rights could be got back")
