"""This project as its users have it: a wheel, installed into an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys

__all__ = ["clean_environment", "install"]

_PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OF_THE_CALLER = frozenset({"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"})


def install(folder: str, project: str = _PROJECT) -> str:
    """Build a checkout, usually this one, and install it below this folder; where its programs are.

    From the working tree it would start later: a finder of modules for it would be loaded first.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = os.path.join(folder, "bin", "python")
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    subprocess.run([*pip, "install", "--quiet", project], check=True)
    return os.path.dirname(python)


def clean_environment() -> dict[str, str]:
    """Our environment, without what would make Python start in another way than usual."""
    own = {name: value for name, value in os.environ.items() if name not in _OF_THE_CALLER}
    return {**own, "LC_ALL": "C"}
