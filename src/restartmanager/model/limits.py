"""Time limits of operations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """The time limits of an operation, in seconds.

    The 30 seconds for an application are those of Windows (RM_SHUTDOWN_TYPE).
    """

    application_s: float = 30.0
    """How long an application may take to exit when it was asked to. A service may take longer:
    as long as its manager allows."""
    answer_s: float = 5.0
    """How long an application may take to answer a question, and then to save
    (WM_QUERYENDSESSION)."""
    helpers_s: float = 2.0
    """How long helpers may outlive their leader before they are asked themselves."""
    kill_s: float = 5.0
    """How long the kernel may take to remove a killed process."""
    settle_s: float = 0.5
    """How long a process must live after its start to count as back."""
