"""Reasons why an application cannot be stopped, and actions that put a change into effect."""

from __future__ import annotations

import enum
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def words(flags: enum.Flag) -> tuple[str, ...]:
    """The names of the set bits as people read them: in lower case, with dashes."""
    return tuple(str(bit.name).lower().replace("_", "-") for bit in flags)


class RebootReason(enum.IntFlag):
    """The reasons why an application cannot be stopped (RM_REBOOT_REASON)."""

    NONE = 0
    PERMISSION_DENIED = 0x01
    """The caller has no right to stop the application."""
    SESSION_MISMATCH = 0x02
    """The application lives in a container or another pid namespace."""
    CRITICAL_PROCESS = 0x04
    """The machine or the desktop does not survive the end of the process."""
    CRITICAL_SERVICE = 0x08
    """The machine or the desktop does not survive the end of the service."""
    DETECTED_SELF = 0x10
    """The application is the caller, one of its ancestors, or another installer of the session."""


class Required(StrEnum):
    """The action that puts a change into effect, from the least to the greatest."""

    NONE = "none"
    RESTART = "restart"
    RELOGIN = "relogin"
    MANAGER_REEXEC = "manager-reexec"
    SOFT_REBOOT = "soft-reboot"
    REBOOT = "reboot"

    @classmethod
    def most(cls, levels: Iterable[Required]) -> Required:
        """The greatest of these actions; NONE when there is none."""
        order = list(cls)
        return max(levels, key=order.index, default=cls.NONE)
