"""The desktop entry by which an application was started.

The name of the unit that a process is in says which entry to look for. Desktops name the units in
which they start applications after them (systemd, "Desktop Environment Integration"):

    app[-LAUNCHER]-ID-RANDOM.scope
    app[-LAUNCHER]-ID[@RANDOM].service

Any user can name a scope so: the id says which entry to look for, and proves nothing. So the entry
counts only where the process runs as the user whose manager made the unit, and runs what the entry
starts.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from restartmanager.model import Entry
from restartmanager.rules.cgroups import unit_at

if TYPE_CHECKING:
    from restartmanager.model import Process
    from restartmanager.rules.cgroups import UnitAddress


class DesktopEntries:
    """The desktop entries that the caller may believe (``entry_places``); port ``Entries``."""

    def find(self, process: Process) -> Entry | None:
        """The entry after which the unit of this process is called, with a program to run, and
        what speaks against it; None where there is none, as where it is started over the message
        bus only."""
        from restartmanager.adapters.desktop.entry_places import find_entry, find_program

        unit = unit_at(process.cgroup) if process.cgroup else None
        application = application_id(unit.name) if unit is not None else None
        entry = find_entry(application) if application is not None else None
        command = entry.command() if entry is not None else ()
        executable = find_program(command[0]) if command else None
        if unit is None or entry is None or executable is None:
            return None
        found = Entry(entry.path, executable, command, entry.directory, entry.terminal)
        return replace(found, doubt=_doubt(found, unit, process))


def _doubt(entry: Entry, unit: UnitAddress, process: Process) -> str:
    """Why an entry is not that of this process in this unit; empty where it is."""
    if unit.user != process.uid:
        made_by = "the system" if unit.user is None else f"user {unit.user}"
        return f"its unit, which names a desktop entry, is one of {made_by}"
    from restartmanager.adapters.desktop.entry_programs import is_started_by

    if not is_started_by(process, entry.arguments):
        return f"its desktop entry starts {entry.executable!r}, and it runs another program"
    return ""


# -- units of a desktop ----------------------------------------------------------------------------

_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")
_ID = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9_-])?", re.ASCII)
_NAME_LIMIT = 255  # UNIT_NAME_MAX in systemd: src/basic/unit-name.h


def application_id(unit: str) -> str | None:
    """The id of the desktop entry of the application in this unit; None where it is called
    otherwise, or its id is none."""
    stem, dot, kind = unit.rpartition(".")
    if not dot or len(unit) > _NAME_LIMIT or not stem.startswith("app-"):
        return None
    if kind == "scope":
        words = stem.split("-")[1:-1]  # a dash in the id itself is escaped
    elif kind == "service":
        words = stem.partition("@")[0].split("-")[1:]
    else:
        return None
    if not words:
        return None
    found = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), words[-1])
    return found if _ID.fullmatch(found) else None
