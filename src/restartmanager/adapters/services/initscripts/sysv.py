"""SysV init: scripts in ``/etc/init.d`` and the command service. It keeps no records of its own."""

from __future__ import annotations

import os

from restartmanager.adapters.services.initscripts.script_files import (
    SCRIPTS,
    executable,
    named_pid_files,
)

_SERVICE = ("/usr/sbin/service", "/sbin/service")


class SysV:
    """The commands of SysV init about one service; `InitScripts` does the rest."""

    manager = "sysv"
    at_once = 1
    """The number of starts at a time: nothing is known of needs, so services start in the order
    that they are given in."""
    tidy = "stop"
    """Lets the script remove what a killed service has left."""
    dependents_question = ""
    """No command: nobody knows what needs a service."""

    def command(self, name: str, action: str) -> tuple[str, ...]:
        """The command that does something with a service, or asks about it."""
        program = executable(*_SERVICE)
        if os.access(program, os.X_OK):
            return (program, name, action)
        return (os.path.join(SCRIPTS, name), action)

    def record(self, name: str) -> str:  # noqa: ARG002 - it has none of any
        """Empty: only the script itself can be asked for the state of its service."""
        return ""

    def pid_files(self, name: str) -> tuple[str, ...]:
        """The files that may have the number of its main process: those that the script names, and
        the usual ones."""
        usual = (f"/run/{name}.pid", f"/run/{name}/{name}.pid")
        return tuple(dict.fromkeys((*named_pid_files(name), *usual)))

    def by_cgroup(self, cgroup: str | None) -> str:  # noqa: ARG002 - it makes none
        """Empty: it has no control groups."""
        return ""
