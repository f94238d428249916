"""Why an application cannot be stopped, and what it takes until a change is in effect."""

from __future__ import annotations

import enum
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def words(flags: enum.Flag) -> tuple[str, ...]:
    """The names of the set bits as they are shown: lower case, with dashes."""
    return tuple(str(bit.name).lower().replace("_", "-") for bit in flags)


class RebootReason(enum.IntFlag):
    """Why stopping an application is not possible (RM_REBOOT_REASON)."""

    NONE = 0
    PERMISSION_DENIED = 0x01
    """The caller has no right to stop it."""
    SESSION_MISMATCH = 0x02
    """It lives in a container or another pid namespace."""
    CRITICAL_PROCESS = 0x04
    """The machine or the desktop does not survive its end."""
    CRITICAL_SERVICE = 0x08
    """The same, for a service."""
    DETECTED_SELF = 0x10
    """It is the caller, or one of its ancestors, or another installer of the session."""


class Required(StrEnum):
    """What it takes until the change is in effect, from least to most."""

    NONE = "none"
    RESTART = "restart"
    RELOGIN = "relogin"
    MANAGER_REEXEC = "manager-reexec"
    SOFT_REBOOT = "soft-reboot"
    REBOOT = "reboot"

    @classmethod
    def most(cls, levels: Iterable[Required]) -> Required:
        """The greatest of them; NONE when there is none."""
        order = list(cls)
        return max(levels, key=order.index, default=cls.NONE)
