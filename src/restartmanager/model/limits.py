"""How long to wait for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long to wait for what, in seconds.

    The 30 seconds for an application are those of the original (RM_SHUTDOWN_TYPE).
    """

    application_s: float = 30.0
    """From the request to exit until it counts as not obeying. A service may have more: what its
    manager gives it."""
    answer_s: float = 5.0
    """How long it may take to answer a question, and then to save (WM_QUERYENDSESSION)."""
    helpers_s: float = 2.0
    """How long helpers may outlive their leader before they are asked themselves."""
    kill_s: float = 5.0
    """How long the kernel may take to remove a killed process."""
    settle_s: float = 0.5
    """How long a process must live after its start to count as back."""
