"""A store for crash tests: its process dies at a chosen write, as by a power failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restartmanager.ports.store import Store

__all__ = ["WRITES", "Crash", "CrashingStore"]

WRITES = frozenset(
    {
        "add_member",
        "add_resources",
        "begin",
        "create_session",
        "delete_session",
        "finish",
        "remove_filter",
        "remove_member",
        "set_filter",
        "write_entries",
    }
)
"""The methods of a Store that change it."""


class Crash(BaseException):
    """The simulated death of the calling process; no code of this package may catch it."""


class CrashingStore:
    """A store that passes every call on to the store behind it until the process dies.

    The process dies at the ``at``-th write, counted from 0: before the write, or right ``after``
    it. From then on every call raises Crash, for a dead process does nothing more. ``writes``
    counts the writes so far.
    """

    def __init__(self, store: Store, *, at: int | None = None, after: bool = False) -> None:
        self._store = store
        self._at = at
        self._after = after
        self._dead = False
        self.writes = 0

    def __getattr__(self, name: str) -> object:
        method = getattr(self._store, name)

        def call(*arguments: object, **options: object) -> object:
            if self._dead:
                raise Crash
            if name not in WRITES:
                return method(*arguments, **options)
            fatal = self.writes == self._at
            self.writes += 1
            if fatal and not self._after:
                self._die()
            result = method(*arguments, **options)
            if fatal:
                self._die()
            return result

        return call

    def _die(self) -> None:
        self._dead = True
        raise Crash
