"""What is asked in the benchmark of detection."""

from __future__ import annotations

__all__ = [
    "COMMON",
    "FREE",
    "FREE_FILES",
    "MANY",
    "MANY_FILES",
    "MANY_USED",
    "MORE_FILES",
    "RARE",
    "REPLACED",
]

FREE = 1_000
MANY = 10_000
MANY_USED = 100

RARE = "one file, three users"
COMMON = "one library, a hundred users"
FREE_FILES = f"{FREE:,} files, all free"
MORE_FILES = f"{MANY:,} files, one of which has three users"
MANY_FILES = f"{MANY:,} files, {MANY_USED} in use by one process each"
REPLACED = "what runs replaced code, a library of a hundred users"
