"""Instructions for the launcher: a recipe, as it reads it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from restartmanager.adapters.processes.attributes import (
    io_priority,
    parse_processors,
    personality,
)
from restartmanager.adapters.processes.streams import openings
from restartmanager.app.registering import REPLACES_VARIABLE, RESTARTED_VARIABLE
from restartmanager.rules.sharing import places

if TYPE_CHECKING:
    from restartmanager.adapters.processes.streams import Opening
    from restartmanager.model import Recipe
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.recipes import Attributes


def instructions(recipe: Recipe, replaced: UniqueProcess | None, *, outside: bool) -> bytes:
    """The recipe for the launcher, which systemd runs where it is ``outside``: JSON, with each byte
    of a text as one character."""
    return json.dumps(
        {
            "replaces": "" if replaced is None else " ".join(_places(recipe, replaced)),
            "executable": _raw(recipe.executable),
            "arguments": [_raw(word) for word in recipe.arguments],
            "directory": _raw(recipe.directory),
            "environment": [(_raw(name), _raw(value)) for name, value in recipe.environment],
            "uid": recipe.uid,
            "gid": recipe.gid,
            "groups": recipe.groups,
            "umask": recipe.umask,
            "nice": recipe.nice,
            "limits": recipe.limits,
            **_attributes(recipe.attributes, outside=outside),
            "streams": [opening and _opening(opening) for opening in openings(recipe)],
        }
    ).encode("ascii")


def _places(recipe: Recipe, replaced: UniqueProcess) -> tuple[str, ...]:
    return places(replaced, recipe.environment, REPLACES_VARIABLE, RESTARTED_VARIABLE)


def _opening(opening: Opening) -> dict[str, object]:
    stream = opening.stream
    words = {"kind": stream.kind.value, "path": _raw(stream.path), "trust": opening.trust}
    return {**stream._asdict(), **words}


def _attributes(attributes: Attributes, *, outside: bool) -> dict[str, object]:
    """The attributes for the launcher. It sets I/O priority and personality only where it has
    others, because the module that it takes for that (ctypes) is not loaded in no time."""
    io = attributes.io_priority
    launchers_io = 0 if outside else io_priority(0)
    launchers_personality = personality("/proc/1" if outside else "/proc/self")
    processors = sorted(parse_processors(attributes.processors))
    return {
        **attributes._asdict(),
        "processors": processors or list(range(_most_processors())),
        "io_priority": None if io == launchers_io else io,
        "personality": None
        if attributes.personality == launchers_personality
        else attributes.personality,
    }


def _most_processors() -> int:
    """So many processors there may ever be."""
    try:
        with open("/sys/devices/system/cpu/possible", encoding="ascii") as file:
            return max(parse_processors(file.read())) + 1
    except (OSError, ValueError):
        return os.cpu_count() or 1


def _raw(text: str) -> str:
    return os.fsencode(text).decode("latin-1")
