"""All situations, chapter by chapter."""

from __future__ import annotations

from scenarios import changes, hidden, places, plain, scripts

__all__ = ["CHAPTERS", "SITUATIONS"]

CHAPTERS = (
    plain.CHAPTER,
    changes.CHAPTER,
    places.CHAPTER,
    places.NAMES,
    scripts.CHAPTER,
    hidden.CHAPTER,
)
SITUATIONS = {item.name: item for chapter in CHAPTERS for item in chapter.situations}
