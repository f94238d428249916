"""Which desktop entry an application was started by; port ``Entries``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.model import Entry
from restartmanager.rules.cgroups import unit_at

if TYPE_CHECKING:
    from restartmanager.model import Process

__all__ = ["DesktopEntries"]


class DesktopEntries:
    """The entries of this machine, as far as the caller may believe them (``places``)."""

    def find(self, process: Process) -> Entry | None:
        """The entry after which the unit of this process is called, with a program to run; None
        where there is none, as where it is started over the message bus only."""
        from restartmanager.adapters.desktop.entry_places import find_entry, find_program
        from restartmanager.adapters.desktop.scopes import application_id

        unit = unit_at(process.cgroup) if process.cgroup else None
        application = application_id(unit.name) if unit is not None else None
        entry = find_entry(application) if application is not None else None
        command = entry.command() if entry is not None else ()
        executable = find_program(command[0]) if command else None
        if entry is None or executable is None:
            return None
        return Entry(entry.path, executable, command, entry.directory, entry.terminal)
