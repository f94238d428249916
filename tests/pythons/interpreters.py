"""The versions of Python that the project promises, and the interpreters of them that are here."""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PROMISE = re.compile(r'"Programming Language :: Python :: (\d+\.\d+)"')
_PATIENCE_S = 20

_ASK = "import ensurepip, platform; print(platform.python_version())"
"""An interpreter without ensurepip (Debian's without its package python3-venv) makes no
environment."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that runs, and can make environments."""

    path: str
    version: str
    """In full, as ``3.12.1``."""


def promised() -> list[str]:
    """The versions that ``pyproject.toml`` promises, as ``3.12``."""
    return _PROMISE.findall((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def find(version: str, named: Sequence[str] = ()) -> Interpreter | None:
    """The first interpreter of a version: among those ``named``, on the path, among pyenv's."""
    for path in _candidates(version, named):
        found = _asked(path)
        if found is not None and found.version.startswith(f"{version}."):
            return found
    return None


def _candidates(version: str, named: Sequence[str]) -> Iterator[str]:
    yield from named
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        yield on_path
    # What pyenv puts on the path runs only the version that is switched on.
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    yield from sorted(glob.glob(f"{glob.escape(pyenv)}/versions/*/bin/python{version}"))


def _asked(path: str) -> Interpreter | None:
    try:
        done = subprocess.run(
            [path, "-I", "-c", _ASK],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Interpreter(path, done.stdout.strip()) if done.returncode == 0 else None
