"""Whether a recipe may be followed: who, beyond root and its user, could change what it starts.

The programs of a recipe are paths, and what stands at a path may be another's by then. So each is
looked at, with all that lies on the way (``ways``), before anything is closed and again at the
moment of starting. Neither inode nor contents are compared: an update changes both, on purpose.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.ways import Way, Ways
from restartmanager.rules.loading import code_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restartmanager.model import Recipe
    from restartmanager.model.identity import FileNumbers
    from restartmanager.rules.loading import Code


def risk_of(recipe: Recipe) -> str:
    """Who else could change what this recipe starts, in a sentence without a full stop that names
    the file or folder; empty when nobody can.

    Judged are the program, the working directory, and what code the program loads by its arguments
    and variables, all as they are now.
    """
    ways = Ways(recipe.uid)
    return next(filter(None, _risks(recipe, ways)), "")


def program_of(recipe: Recipe) -> FileNumbers | None:
    """The file that the recipe would run; None where there is none, or others could exchange it."""
    way = Ways(recipe.uid).to_file(recipe.executable)
    if way.risk or way.facts is None:
        return None
    return way.facts.st_dev, way.facts.st_ino


def _risks(recipe: Recipe, ways: Ways) -> Iterator[str]:
    yield ways.to_file(recipe.executable).risk
    yield ways.to_working_directory(recipe.directory).risk
    environment = dict(recipe.environment)
    for code in code_of(recipe.executable, recipe.arguments, recipe.directory, environment):
        yield from _risks_of(code, ways)


def _risks_of(code: Code, ways: Ways) -> Iterator[str]:
    way = Way()
    for path in code.paths:
        way = ways.to_file(path)
        yield way.risk
        if way.leads_to_file:
            break
    folder = os.path.dirname(way.path) if way.leads_to_file else way.path
    if code.beside and folder:
        yield ways.to_file(folder).risk
    while code.above and folder:
        yield ways.to_file(folder).risk
        folder = os.path.dirname(folder) if folder != "/" else ""
