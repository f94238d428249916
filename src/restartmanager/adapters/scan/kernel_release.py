"""Releases of kernels: the one that runs, and a newer one that is installed."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


_MODULES = ("/lib/modules", "/usr/lib/modules")
_IMAGE = "vmlinuz-"


def installed_releases() -> frozenset[str]:
    """The releases of the kernels that this machine could boot: those with an image below /boot,
    or beside their modules. None in a container, as a rule."""
    found = {name.removeprefix(_IMAGE) for name in _names("/boot") if name.startswith(_IMAGE)}
    for folder in _MODULES:
        found |= {name for name in _names(folder) if os.path.exists(f"{folder}/{name}/vmlinuz")}
    return frozenset(found)


def newer_release(running: str, installed: Iterable[str]) -> str | None:
    """The newest of ``installed`` when it is newer than ``running``.

    Only kernels of the same flavour are compared (the words in the release: generic, amd64, el,
    x86_64); numbers count as numbers, so 6.10 is newer than 6.9.
    """
    same = [release for release in installed if _flavour(release) == _flavour(running)]
    newest = max(same, key=_numbers, default=running)
    return newest if _numbers(newest) > _numbers(running) else None


def _flavour(release: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[A-Za-z_+]+", release))


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"[0-9]{1,18}", release))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
