"""The search for scripts: who may run a target, told while the kernel is asked who holds one.

Reading all arguments takes half the time that the kernel needs for its answer. In a thread beside
it, on another processor, it costs nothing.
"""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.procfs import PROC
from restartmanager.adapters.proc.watched import helps
from restartmanager.adapters.scan.scripts import ScriptReader

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Self

    from restartmanager.adapters.proc.mounts import Mounts
    from restartmanager.adapters.scan.targets import Targets


class ScriptSearch:
    """A search through processes, which lasts from entering the block until it is left."""

    def __init__(self, targets: Targets, mounts: Mounts, processes: Iterable[int]) -> None:
        self._targets = targets
        self._scripts = ScriptReader(mounts, targets.devices)
        self._processes = tuple(processes)
        self._clear: set[int] = set()
        self._thread = (
            Thread(target=helps(self._search), daemon=True) if targets.any_script else None
        )

    def __enter__(self) -> Self:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._thread.join()

    def doubtful(self, processes: Iterable[int]) -> Collection[int]:
        """The processes among these that may run a target, including all that were not looked
        at."""
        return set(processes) - self._clear if self._thread is not None else ()

    def _search(self) -> None:
        self._clear.update(pid for pid in self._processes if self._is_clear(f"{PROC}/{pid}/"))

    def _is_clear(self, base: str) -> bool:
        try:
            scripts = self._scripts.of(base)
        except OSError:
            return False
        return not any(
            facts is None or self._targets.at((facts.st_dev, facts.st_ino)) for _, facts in scripts
        )
