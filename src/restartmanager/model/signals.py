"""Signals, called by what they mean."""

from __future__ import annotations

from enum import StrEnum


class Signal(StrEnum):
    """A signal, called by its meaning."""

    INTERRUPT = "interrupt"
    """SIGINT: what Ctrl-C sends, by which an operation is called off."""
    TERMINATE = "terminate"
    """SIGTERM: a request to exit."""
    HANG_UP = "hang-up"
    """SIGHUP: the terminal is gone. Interactive shells ignore SIGTERM and exit on this."""
    KILL = "kill"
    """SIGKILL: the kernel ends the process, and unsaved work is lost."""
