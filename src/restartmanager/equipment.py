"""What an operation works with: the ports, the journal, who watches it, and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from restartmanager.asking import Channels, Screens
    from restartmanager.journal import JournalEntry
    from restartmanager.ports.machine import Clock, Entries
    from restartmanager.ports.processes import Processes
    from restartmanager.ports.services import ServiceManager
    from restartmanager.progress import CancelToken, Reporter

__all__ = ["Equipment", "TimeLimits"]


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


@dataclass(frozen=True, slots=True)
class Equipment:
    """What shutdown and restart have in common.

    ``variables`` are the environment of the caller, whose effective user number is ``uid``;
    ``write`` puts entries into the journal.
    """

    processes: Processes
    services: ServiceManager
    channels: Channels
    screens: Screens
    entries: Entries
    clock: Clock
    uid: int
    variables: Mapping[str, str]
    write: Callable[[Iterable[JournalEntry]], None]
    reporter: Reporter
    cancel: CancelToken
    limits: TimeLimits
