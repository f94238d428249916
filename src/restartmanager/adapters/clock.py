"""The adapter of the port ``Clock``."""

from __future__ import annotations

import time


class SystemClock:
    """The clocks of the machine (clock_gettime(2))."""

    def now(self) -> float:
        """Seconds since 1970 (CLOCK_REALTIME)."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some instant, never going back (CLOCK_MONOTONIC)."""
        return time.monotonic()
