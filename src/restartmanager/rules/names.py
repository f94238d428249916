"""What the name of a file comes to that leads nowhere, or not to a file.

A link that leads nowhere is there, and may be what is replaced; a file that only comes with the
change is for those to allow who mean it::

    >>> import errno, stat
    >>> of_error(errno.ENOENT, is_link=False)
    <Finding.MISSING: 'missing'>
    >>> of_error(errno.ENOENT, is_link=True)
    <Finding.USABLE: 'usable'>
    >>> of_error(errno.EACCES, is_link=False)
    <Finding.DENIED: 'denied'>
    >>> of_mode(stat.S_IFCHR)
    <Finding.DEVICE: 'device'>
"""

from __future__ import annotations

import errno
import stat
from enum import Enum


class Finding(Enum):
    """What is at a path that somebody wants to register as a file."""

    USABLE = "usable"
    """A file; a FIFO or a socket, which belongs to the programs that use it; or a link."""
    MISSING = "missing"
    DENIED = "denied"
    """The caller may not look."""
    DIRECTORY = "directory"
    DEVICE = "device"
    """It belongs to the kernel, and is used by programs that have nothing else in common."""
    IMPOSSIBLE = "impossible"
    """No file can have this name."""
    TROUBLE = "trouble"
    """The file system cannot say."""


_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_DENIED = frozenset({errno.EACCES, errno.EPERM})


def of_mode(mode: int) -> Finding:
    """The finding at a path that leads to something of this mode (``st_mode``)."""
    if stat.S_ISDIR(mode):
        return Finding.DIRECTORY
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return Finding.DEVICE
    return Finding.USABLE


def of_error(number: int | None, *, is_link: bool) -> Finding:
    """The finding at a path that stat(2) fails for with this ``errno``; ``is_link`` says whether
    something is at the path itself all the same."""
    if number in _DENIED:
        return Finding.DENIED
    if number in _NOT_THERE:
        return Finding.USABLE if is_link else Finding.MISSING
    return Finding.IMPOSSIBLE if number == errno.ENAMETOOLONG else Finding.TROUBLE


def is_folder_name(path: str) -> bool:
    """Whether only a directory can be meant: ``lib/``, ``lib/.`` and ``..`` are no files.

    ::

        >>> is_folder_name("lib/"), is_folder_name("lib"), is_folder_name("a/..")
        (True, False, True)
    """
    return path.rpartition("/")[2] in {"", ".", ".."}
