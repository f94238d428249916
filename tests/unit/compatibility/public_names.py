"""The public names of this package, as a document to compare with.

    PYTHONPATH=tests python -m unit.compatibility.public_names > public-names.json

writes down what is public now: each name, and for what can be called its parameters, each with its
kind and default. Names are only ever added: what is in the document must stay.
"""

from __future__ import annotations

import inspect
import json
import sys
from enum import Enum
from importlib import import_module
from typing import Any

MODULES = (
    "restartmanager",
    "restartmanager.errors",
    "restartmanager.app",
    "restartmanager.rstrtmgr",
)


def parameters(value: Any) -> list[str]:
    """Its parameters, each as ``KIND NAME`` or ``KIND NAME = DEFAULT``; none for what cannot be
    called from Python code with a signature."""
    try:
        found = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return []
    return [
        f"{item.kind.description} {item.name}"
        + ("" if item.default is item.empty else f" = {item.default!r}")
        for item in found
    ]


def own_members(kind: type) -> set[str]:
    """The public members that a class has from this package, not from Python."""
    ours = (base for base in kind.__mro__ if base.__module__.startswith("restartmanager"))
    return {name for base in ours for name in vars(base) if not name.startswith("_")}


def public_names() -> dict[str, list[str]]:
    """Every public name, dotted, members of classes included, with its parameters."""
    names: dict[str, list[str]] = {}
    for module_name in MODULES:
        module = import_module(module_name)
        for name in module.__all__:
            value = getattr(module, name)
            is_enum = inspect.isclass(value) and issubclass(value, Enum)
            names[f"{module_name}.{name}"] = [] if is_enum else parameters(value)
            for member in own_members(value) if inspect.isclass(value) else ():
                key = f"{module_name}.{name}.{member}"
                names[key] = parameters(inspect.getattr_static(value, member))
    return names


if __name__ == "__main__":
    json.dump(public_names(), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")
