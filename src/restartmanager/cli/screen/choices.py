"""What is to become of each application that uses the files. Pure: lists in, choices out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from restartmanager.model import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from restartmanager.model import Application


class Choice(StrEnum):
    """What somebody wants for one application."""

    CLOSE = "close"
    """It is closed before the change and brought back afterwards, if it can be."""
    LEAVE = "leave"
    """It is left alone, and goes on using the old files."""
    LATER = "later"
    """It runs through the change, and is restarted where it stands afterwards."""


@dataclass(frozen=True, slots=True)
class Row:
    """One application and its fate."""

    application: Application
    choice: Choice

    @property
    def key(self) -> str:
        """By what it is known from one list to the next."""
        return self.application.key

    @property
    def running(self) -> bool:
        """Whether there is something to close."""
        return bool(self.application.status & Status.RUNNING)


def possible(application: Application) -> tuple[Choice, ...]:
    """What can be chosen, the first being the best."""
    if application.reboot_reasons:
        return (Choice.LEAVE,)
    if application.restart_obstacle:
        return (Choice.LEAVE, Choice.CLOSE)
    if not application.restartable:
        return (Choice.CLOSE, Choice.LEAVE)
    return (Choice.CLOSE, Choice.LEAVE, Choice.LATER)


def next_choice(row: Row) -> Row:
    """The row with the choice after this one."""
    choices = possible(row.application)
    return replace(row, choice=choices[(choices.index(row.choice) + 1) % len(choices)])


def merge(rows: Sequence[Row], applications: Iterable[Application]) -> list[Row]:
    """The rows of a fresh list; what was chosen before stays so, where that is still possible."""
    chosen = {row.key: row.choice for row in rows}
    merged = []
    for application in applications:
        choices = possible(application)
        choice = chosen.get(application.key, choices[0])
        merged.append(Row(application, choice if choice in choices else choices[0]))
    return merged
