"""The bounds and rights that the helper for X displays and who runs it have in common."""

from __future__ import annotations

import pwd

TITLES = 8
"""The number of titles that are told of each process: enough to recognise it by."""

TITLE_LENGTH = 200
"""The number of characters that are told of a title, which a program can make as long as it
likes."""

_NOBODY = 65534  # the kernel's overflow group (user_namespaces(7))


def group_of(uid: int) -> int:
    """The group with which a display of this user is contacted; nobody's for an unknown user."""
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return _NOBODY
