"""Restart registrations: how an application itself wants to be brought back."""

from __future__ import annotations

import enum
from typing import NamedTuple


class RestartFlags(enum.IntFlag):
    """Events after which an application does *not* want to be brought back
    (RegisterApplicationRestart)."""

    NONE = 0
    NO_CRASH = 1
    NO_HANG = 2
    NO_PATCH = 4
    """An update. Of the four events, this package brings about this one, and knows the next."""
    NO_REBOOT = 8
    """A reboot after the application was closed and before it was brought back."""


class RestartRegistration(NamedTuple):
    """An application's own wish how to come back: its program with the arguments that it wants."""

    command: tuple[str, ...]
    flags: RestartFlags = RestartFlags.NONE
