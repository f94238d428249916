"""Texts of the kernel: contents of its files, and of its links, as far as they can be read.

Both can be as long as a process likes: whoever maps, opens, mounts or binds very much makes the
tables long. So contents are read up to a limit.
"""

from __future__ import annotations

import os
import re

from restartmanager.adapters.proc.watched import has_it, waits_for

EXECVE_LIMIT = 6 * 1024 * 1024
"""The greatest number of bytes of arguments and variables together that the kernel gives a program
(execve(2))."""

TABLE_LIMIT = 64 * 1024 * 1024
"""The number of bytes that are read of a table about the whole machine, such as all mounts, locks
or sockets: with a hundred bytes for each, there is room for more of them than any machine has."""

_ESCAPE = re.compile(rb"\\([0-3][0-7]{2})")


def contents(path: str, limit: int = TABLE_LIMIT) -> bytes:
    """At most ``limit`` bytes of a file; empty where it cannot be read.

    What is about a process may be locked in its memory, so it is waited for as long as the kernel
    may take.
    """
    try:
        waits_for("/".join(path.split("/", 3)[:3]) + "/")
        with open(path, "rb") as file:
            return file.read(limit)
    except (OSError, ValueError):  # ValueError: a NUL byte in the path
        return b""
    finally:
        has_it()


def link_text(path: str) -> str:
    """The text of a link; empty where it cannot be read."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def unescaped(text: bytes) -> str:
    """A path as tables have it, in which blanks and some other characters are written as a
    backslash and three octal digits (proc_pid_mountinfo(5))."""
    return os.fsdecode(_ESCAPE.sub(lambda found: bytes([int(found[1], 8)]), text))
