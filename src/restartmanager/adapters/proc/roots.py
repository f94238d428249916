"""Paths as another process sees them: looked up from its root directory, never out of it.

``/proc/PID/root/PATH`` alone is not enough: an absolute symbolic link on the way would lead out
into our own root (openat2(2), RESOLVE_IN_ROOT, which Python does not have). So the path is walked
name by name. Nothing is opened for reading; files are looked at through their links only.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.watched import Inside, has_it

if TYPE_CHECKING:
    from collections.abc import Iterable

_LINKS = 40  # path_resolution(7): the kernel follows no more
_NAMES = 256  # links can make a path longer at each step
_SELF = frozenset({"self", "thread-self"})


class OurRoot:
    """Our own root directory and mount namespace, as they are when this is made; those of many
    processes are compared with them."""

    def __init__(self) -> None:
        self._namespace = os.readlink("/proc/self/ns/mnt")
        self._facts = os.stat("/")

    def seen_by(self, base: str) -> bool:
        """Whether the process in this folder below /proc has them too; see ``sees_our_root``."""
        try:
            if os.readlink(base + "root") != "/":
                return False
            if os.readlink(base + "ns/mnt") != self._namespace:
                return False
            theirs = os.stat(base + "root")  # "/" is also what lies outside ours
        except OSError:
            return False
        return os.path.samestat(theirs, self._facts)


def sees_our_root(base: str) -> bool:
    """Whether paths mean to the process whose folder below /proc is ``base`` what they mean here:
    it has neither another root directory (chroot(2)) nor a mount namespace of its own.

    False where the caller may not look.
    """
    return OurRoot().seen_by(base)


def stat_inside(base: str, path: str) -> os.stat_result | None:
    """The file that ``path`` leads to for the process whose folder below /proc is ``base``; None
    for nothing.

    Relative paths count from its working directory. Where its root directory is not ours, one
    that goes up out of the working directory is not followed. ``/proc/self``, and so ``/dev/fd``,
    means that process and not the one that asks.
    """
    try:
        return _walk(base, path)
    except (OSError, ValueError):
        return None


def seen_otherwise(base: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Those of these absolute paths that lead to another file for the process whose folder below
    /proc is ``base`` than here; empty where the caller may not look, or it does not answer."""
    try:
        os.readlink(base + "root")
        if sees_our_root(base):
            return ()
        with Inside(base):
            return tuple(path for path in paths if _differs(base, path))
    except OSError:
        return ()


def _differs(base: str, path: str) -> bool:
    has_it()  # each is a step
    theirs = stat_inside(base, path)
    try:
        ours = os.stat(path)
    except (OSError, ValueError):
        return theirs is not None
    return theirs is None or not os.path.samestat(ours, theirs)


def _walk(base: str, path: str) -> os.stat_result | None:
    """Walk the names from the root of the process; a link puts its own names in front."""
    start = base + ("root" if path.startswith("/") else "cwd")
    passed: list[str] = []
    names = [name for name in path.split("/") if name not in {"", "."}]
    links = 0
    while names:
        name = names.pop(0)
        if name == "..":
            if start.endswith("cwd") and not passed:
                if not sees_our_root(base):
                    return None
                here = os.readlink(start)
                start, passed = base + "root", [part for part in here.split("/") if part]
            del passed[-1:]
            continue
        if passed == ["proc"] and name in _SELF and start.endswith("root"):
            return os.stat(base + "/".join(names))
        here = "/".join((start, *passed, name))
        if stat.S_ISLNK(os.lstat(here).st_mode):
            text, links = os.readlink(here), links + 1
            if text.startswith("/"):
                start, passed = base + "root", []
            names[:0] = [part for part in text.split("/") if part not in {"", "."}]
        else:
            passed.append(name)
        if links > _LINKS or len(names) > _NAMES:
            return None
    return os.stat("/".join((start, *passed)))
