"""Recipes, homes and desktop entries: how and where a program is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Entry:
    """The command by which a desktop entry starts an application.

    ``arguments`` has the name of the program first. ``path`` is the file of the entry. An empty
    ``directory`` means that any working directory will do.
    """

    path: str
    executable: str
    arguments: tuple[str, ...]
    directory: str = ""
    terminal: bool = False
    """Whether the application is started on a terminal."""
    doubt: str = ""
    """Why it is not taken for the entry of the process that it was looked up for, in words; empty
    where it is."""


class Home(NamedTuple):
    """The place among the control groups where a program is started again: a slice of the manager
    of a user, or of the system's for None."""

    user: int | None
    slice: str
    limits: str = ""
    """The limits that its scope gets there, in the words of its manager; empty for none."""
    group: str = ""
    """The control group whose limits these are."""
    obstacle: str = ""
    """Why it could not be put back there among the limits that it had; empty where it can."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything needed to start a process as it was started before. The environment is a
    secret."""

    executable: str
    arguments: tuple[str, ...]
    directory: str
    environment: tuple[tuple[str, str], ...] = field(repr=False)
    uid: int
    gid: int
    groups: tuple[int, ...]
    umask: int
    nice: int
    limits: tuple[tuple[int, int, int], ...]
    """Resource number, soft limit, hard limit (getrlimit(2))."""
    home: Home | None = None
    """Where it is started; None where no manager keeps programs."""
    this_boot_only: bool = False
    """Whether it is not followed after a reboot: so the application registered."""
