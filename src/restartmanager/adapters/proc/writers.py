"""Who may write to a file besides its owner: access control lists (acl(5)), and who is in a group.

Facts for ``rules.trust``.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import TYPE_CHECKING

from restartmanager.rules.trust import UNKNOWN_USER, Grant

if TYPE_CHECKING:
    from collections.abc import Iterator


_NAME = "system.posix_acl_access"
_HEADER = struct.Struct("<I")  # linux/posix_acl_xattr.h
_ENTRY = struct.Struct("<HHI")
_VERSION = 2
_USER, _OWNING_GROUP, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
_MAY_WRITE = 0x02
_WITHOUT = (errno.ENODATA, errno.EOPNOTSUPP)


def acl_of(fd: int, path: str) -> bytes | None:
    """The access control list of a file that is open for looking (O_PATH); None where it has none.

    ``path`` is where it was found; it is asked where the caller may not look through descriptors.
    Raises OSError.
    """
    try:
        try:
            return os.getxattr(f"/proc/thread-self/fd/{fd}", _NAME)
        except PermissionError:  # after a change of user, /proc/self is root's (proc(5))
            return os.getxattr(path, _NAME, follow_symlinks=False)
    except OSError as error:
        if error.errno in _WITHOUT:
            return None
        raise


def parse_acl(text: bytes, owning_group: int) -> tuple[Grant, ...]:
    """Whom an access control list lets write, but for the owner and everybody else.

    Raises ValueError for what is none.
    """
    if len(text) % _ENTRY.size != _HEADER.size or _HEADER.unpack_from(text) != (_VERSION,):
        raise ValueError("not an access control list")
    entries = tuple(_ENTRY.iter_unpack(text[_HEADER.size :]))
    mask = next((permissions for tag, permissions, _ in entries if tag == _MASK), _MAY_WRITE)
    return tuple(
        Grant(owning_group if tag == _OWNING_GROUP else number, is_group=tag != _USER)
        for tag, permissions, number in entries
        if tag in {_USER, _OWNING_GROUP, _GROUP} and permissions & mask & _MAY_WRITE
    )


def members_of(gid: int) -> frozenset[int] | None:
    """The users of a group, by its list and as their first group; None for an unknown group.

    Of root's group only the list counts: some systems give it to accounts that nobody can use
    (operator, halt). Users whom a directory service does not list cannot be known.
    """
    import grp

    try:
        group = grp.getgrgid(gid)
    except KeyError:
        return None
    return frozenset((*_numbers(group.gr_mem), *(_whose_first_group(gid) if gid else ())))


def _numbers(names: list[str]) -> Iterator[int]:
    import pwd

    for name in names:
        try:
            yield pwd.getpwnam(name).pw_uid
        except KeyError:
            yield UNKNOWN_USER


def _whose_first_group(gid: int) -> Iterator[int]:
    import pwd

    return (user.pw_uid for user in pwd.getpwall() if user.pw_gid == gid)
