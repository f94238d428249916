"""What is shown besides the records of the model: the findings of doctor."""

from __future__ import annotations

from dataclasses import dataclass


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
