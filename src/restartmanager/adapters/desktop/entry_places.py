"""The places of desktop entries, and which entries may be believed.

What an entry names is started. Root takes entries from the system's own folders only, and only
files that nobody but root can alter or exchange: never one from a home folder, whoever the
application belongs to. Others see their own folders as well, which only they can alter.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from restartmanager.adapters.desktop.entry_files import SIZE_LIMIT, DesktopEntry, parse_entry
from restartmanager.adapters.proc.ways import risk_of
from restartmanager.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


SYSTEM_FOLDERS = (
    "/usr/local/share",
    "/usr/share",
    "/var/lib/flatpak/exports/share",
    "/var/lib/snapd/desktop",
)
"""The folders in which systems keep the data of applications."""

_PROGRAMS = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")


def data_folders() -> tuple[str, ...]:
    """The folders in which the caller's applications have their data, the most important first
    (XDG Base Directory Specification; for root the system's own)."""
    if os.geteuid() == 0:
        return SYSTEM_FOLDERS
    home = os.environ.get("XDG_DATA_HOME", "")
    if not os.path.isabs(home):
        home = os.path.join(os.path.expanduser("~"), ".local", "share")
    listed = os.environ.get("XDG_DATA_DIRS", "").split(":")
    return tuple(dict.fromkeys((home, *filter(os.path.isabs, listed), *SYSTEM_FOLDERS)))


def find_entry(application: str, folders: Sequence[str] | None = None) -> DesktopEntry | None:
    """The entry with this id, which can be started; None where there is none: it is missing,
    broken, hidden, may have been altered by others, or its program is not installed.

    ``folders`` are those of ``data_folders`` where none are given.
    """
    for path in _paths(application, data_folders() if folders is None else folders):
        text = _trusted_contents(path)
        if text is None:
            continue
        try:
            entry = parse_entry(text, path)
        except ConfigurationError:
            return None
        if entry.hidden or (entry.program and find_program(entry.program) is None):
            return None
        return entry
    return None


def find_program(name: str) -> str | None:
    """The path of a program, which a desktop entry may name without one; None where it is not
    installed. Only the system's own folders are searched, not PATH."""
    if "/" in name:
        return name if os.path.isabs(name) and _is_program(name) else None
    paths = (f"{folder}/{name}" for folder in _PROGRAMS)
    return next((path for path in paths if name and _is_program(path)), None)


def _is_program(path: str) -> bool:
    with suppress(OSError, ValueError):
        return stat.S_ISREG(os.stat(path).st_mode) and os.access(path, os.X_OK)
    return False


def _paths(application: str, folders: Sequence[str]) -> Iterator[str]:
    """The paths where an entry with this id can lie: a dash may stand for a folder."""
    if not application or "/" in application or "\0" in application:
        return
    name = f"{application}.desktop"
    dashes = [place for place, letter in enumerate(name) if letter == "-"]
    for folder in folders:
        yield f"{folder}/applications/{name}"
        for place in dashes:
            yield f"{folder}/applications/{name[:place]}/{name[place + 1 :]}"


def _trusted_contents(path: str) -> bytes | None:
    """The contents of the file; None where somebody else than the caller and root can have written
    it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o022:
            return None
        if risk_of(path, found, os.geteuid()):
            return None
        return file.read(SIZE_LIMIT + 1)
