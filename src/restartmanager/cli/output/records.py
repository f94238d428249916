"""What is shown besides the records of the model: previews, and the findings of doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restartmanager.model import Application
from typing import TYPE_CHECKING


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is there or is missing.

    ``meaning`` says what follows where it is missing, ``remedy`` how to get it.
    """

    name: str
    ok: bool
    finding: str
    meaning: str = ""
    remedy: str = ""
    essential: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """What would be done to one application; ``message`` says what comes of it."""

    step: str
    application: Application
    message: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What an operation would do, in its order."""

    operation: str
    steps: tuple[Planned, ...]
