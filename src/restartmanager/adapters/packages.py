"""The files of an installed package, asked of the package manager by its public query command.

The managers' own databases are private and change; their query commands do not. A name reaches the
command as one argument behind ``--``, so that it cannot be taken for an option, and never a shell.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from restartmanager.errors import UnsupportedError, UsageError
from restartmanager.model.limits import PACKAGES_S

if TYPE_CHECKING:
    from collections.abc import Sequence


_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_QUERIES = (("dpkg-query", "--listfiles", "--"), ("rpm", "--query", "--list", "--"))
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._:~^-]{0,254}\Z")
_ASKING = "Asking for the files of a package"


class SystemPackages:
    """The packages of dpkg and rpm; port ``Packages``.

    Where both are there, the first that knows a name answers.
    """

    def files_of(self, name: str) -> tuple[str, ...]:
        """The paths that the package owns, without directories and links to them.

        Raises UsageError when no such package is installed, UnsupportedError where there is
        neither dpkg nor rpm.
        """
        if not isinstance(name, str) or not _NAME.match(name):
            raise UsageError(f"{name!r} is not the name of a package.")
        commands = [(tool, *rest) for query, *rest in _QUERIES if (tool := _find(query))]
        if not commands:
            raise UnsupportedError(_ASKING, "no dpkg or rpm is here")
        for command in commands:
            listed = _run([*command, name])
            if listed is not None:
                return tuple(path for path in listed if not os.path.isdir(path))
        raise UsageError(
            f"No package {name!r} is installed.", hint="Its exact name is needed, as in 'libssl3'."
        )


def parse_listing(text: bytes) -> list[str]:
    """The paths in an answer of a package manager; other lines tell of diversions."""
    return [line for line in os.fsdecode(text).split("\n") if line.startswith("/")]


def _find(tool: str) -> str | None:
    import shutil

    return shutil.which(tool, path=_PATH)


def _run(command: Sequence[str]) -> list[str] | None:
    """The paths in the answer; None when the tool does not know the package."""
    import subprocess

    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PACKAGES_S,
            check=False,
            env={"PATH": _PATH, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        why = f"{command[0]} has not answered within {PACKAGES_S:.0f} seconds"
        raise UnsupportedError(_ASKING, why) from None
    if done.returncode != 0:
        return None
    return parse_listing(done.stdout)
