"""Which desktop application a unit of a user's manager is, told from its name; pure.

Desktops name the units in which they start applications after them (systemd, "Desktop
Environment Integration"):

    app[-LAUNCHER]-ID-RANDOM.scope
    app[-LAUNCHER]-ID[@RANDOM].service

Any user can name a scope so: the id says which entry to look for, and proves nothing.
"""

from __future__ import annotations

import re

__all__ = ["application_id"]

_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")
_ID = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9_-])?", re.ASCII)
_NAME_LIMIT = 255  # UNIT_NAME_MAX


def application_id(unit: str) -> str | None:
    """The id of the desktop entry of the application in this unit; None where it is called
    otherwise, or its id is none."""
    stem, dot, kind = unit.rpartition(".")
    if not dot or len(unit) > _NAME_LIMIT or not stem.startswith("app-"):
        return None
    if kind == "scope":
        words, enough = stem.split("-")[1:-1], 1  # a dash in the id itself is escaped
    elif kind == "service":
        words, enough = stem.partition("@")[0].split("-")[1:], 1
    else:
        return None
    if len(words) < enough:
        return None
    found = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), words[-1])
    return found if _ID.fullmatch(found) else None
