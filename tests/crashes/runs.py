"""Every point once: the installer is killed there, two recover, and all must be as before."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from crashes.workshop import Workshop

if TYPE_CHECKING:
    from pathlib import Path

LANES = 4
"""So many workshops at the same time: most of the time is spent waiting."""

Maker = Callable[["Path"], Workshop]
"""Makes a workshop in a folder of its own."""

ALL_STOPPED = "after finish"
"""The point of an update at which everything is closed and nothing is back."""


def killed_while_updating(
    folder: Path, step: int = 1, make: Maker = Workshop
) -> tuple[int, list[str]]:
    """How many points an installer was killed at, and what went wrong."""

    def kill(workshop: Workshop, point: int) -> list[str]:
        return workshop.kill_at(point)

    return _at_every_point(folder, "update", kill, step, make)


def killed_while_recovering(
    folder: Path, step: int = 1, make: Maker = Workshop
) -> tuple[int, list[str]]:
    """How many points the recovery was killed at, after an installer that had closed all."""

    def kill(workshop: Workshop, point: int) -> list[str]:
        return close_all(workshop) + workshop.kill_at(point, "recover")

    return _at_every_point(folder, "recover", kill, step, make)


def killed_beside_another(
    folder: Path, step: int = 1, make: Maker = Workshop
) -> tuple[int, list[str]]:
    """How many points an installer was killed at while a second one was at work, and what went
    wrong. What the first had brought back the second may have closed again."""

    def kill(workshop: Workshop, point: int) -> list[str]:
        return workshop.kill_beside_another(point)

    return _at_every_point(folder, "update", kill, step, make, most_starts=2)


def close_all(workshop: Workshop) -> list[str]:
    """Have an installer close everything and die over it."""
    return workshop.kill_at(workshop.points_of("update").index(ALL_STOPPED) + 1)


def _at_every_point(
    folder: Path,
    verb: str,
    kill: Callable[[Workshop, int], list[str]],
    step: int,
    make: Maker,
    *,
    most_starts: int = 1,
) -> tuple[int, list[str]]:
    with make(folder / "first") as workshop:
        complaints = close_all(workshop) if verb == "recover" else []
        count = len(workshop.points_of(verb))

    def lane(number: int) -> list[str]:
        found = []
        with make(folder / str(number)) as workshop:
            for point in range(1 + number * step, count + 1, LANES * step):
                trouble = kill(workshop, point)
                workshop.recover()
                trouble += workshop.complaints(most_starts)
                found += [f"{verb} killed at point {point}: {what}" for what in trouble]
        return found

    with ThreadPoolExecutor(LANES) as pool:
        for found in pool.map(lane, range(LANES)):
            complaints += found
    return len(range(1, count + 1, step)), complaints
