"""The files of an installed package, asked of the package manager by its public query command.

The managers' own databases are private and change; their query commands do not. A name reaches the
command as one argument behind ``--``, so that it cannot be taken for an option, and never a shell.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from restartmanager.errors import MissingResourceError, UnsupportedError, UsageError
from restartmanager.model.limits import PACKAGES_S

if TYPE_CHECKING:
    from collections.abc import Sequence


_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_QUERIES = (("dpkg-query", "--listfiles", "--"), ("rpm", "--query", "--list", "--"))
_STATES = {"dpkg-query": ("--show", "--showformat=${db:Status-Status}\\n", "--")}
"""What tells the states of a package where also one that was removed has files."""
_REMOVED = frozenset({"config-files", "not-installed"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._:~^-]{0,254}\Z")
_ASKING = "Asking for the files of a package"


class SystemPackages:
    """The packages of dpkg and rpm; port ``Packages``.

    Where both are there, the first that knows a name answers.
    """

    def files_of(self, name: str) -> tuple[str, ...]:
        """The paths that the package owns, without directories, devices and links to them: a
        service is masked by a link to ``/dev/null``, which half of the machine uses.

        Raises MissingResourceError when no such package is installed (of one that was removed, only
        the configuration may be left), UsageError for what cannot be the name of one,
        UnsupportedError where there is neither dpkg nor rpm.
        """
        if not isinstance(name, str) or not _NAME.match(name):
            raise UsageError(f"{name!r} is not the name of a package.")
        tools = [(query, tool, rest) for query, *rest in _QUERIES if (tool := _find(query))]
        if not tools:
            raise UnsupportedError(_ASKING, "no dpkg or rpm is here")
        for query, tool, rest in tools:
            listed = _run([tool, *rest, name])
            if listed is not None and _is_installed(query, tool, name):
                return tuple(path for path in parse_listing(listed) if _is_no_other(path))
        raise MissingResourceError(
            packages=[name], hint="Its exact name is needed, as in 'libssl3'."
        )


def parse_listing(text: bytes) -> list[str]:
    """The paths in an answer of a package manager; other lines tell of diversions."""
    return [line for line in os.fsdecode(text).split("\n") if line.startswith("/")]


def _find(tool: str) -> str | None:
    import shutil

    return shutil.which(tool, path=_PATH)


def _is_installed(query: str, tool: str, name: str) -> bool:
    """Whether a package that has files is more than what a removal has left. A package that is
    being unpacked is: its own scripts ask."""
    if query not in _STATES:
        return True
    answer = _run([tool, *_STATES[query], name])
    states = set((answer or b"").decode("utf-8", "replace").split())
    return not states or not states <= _REMOVED


def _is_no_other(path: str) -> bool:
    """Whether this is a file, or nothing: not a directory, not a device."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return True
    return not (stat.S_ISDIR(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode))


def _run(command: Sequence[str]) -> bytes | None:
    """The answer; None when the tool does not know the package."""
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
    return done.stdout
