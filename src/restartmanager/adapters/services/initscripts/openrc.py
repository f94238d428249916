"""OpenRC: what it keeps in ``/run/openrc``, and its command rc-service."""

from __future__ import annotations

import os
import re

from restartmanager.adapters.proc.texts import contents
from restartmanager.adapters.services.initscripts.script_files import executable, named_pid_files

_RECORDS = ("/run/openrc", "/lib/rc/init.d")
_STATES = ("starting", "stopping", "inactive", "failed", "started")
_PID_FILE = re.compile(rb"^pidfile=(/.*)$", re.MULTILINE)
_CGROUP = re.compile(r"/(?:openrc[./])?([^/]+)")
_LIMIT = 16 * 1024  # its records are a few lines


class OpenRC:
    """The commands and records of OpenRC about one service; `InitScripts` does the rest."""

    manager = "openrc"
    at_once = 16
    """The number of starts at a time: OpenRC has locks of its own, and starts what a service needs
    before it."""
    tidy = "zap"
    """Brings its records in line when a service has ended without it."""
    dependents_question = "needsme"
    """The command that names what needs a service."""

    def __init__(self) -> None:
        self._records = next(filter(os.path.isdir, _RECORDS), _RECORDS[0])
        self._program = executable(
            "/sbin/rc-service", "/usr/sbin/rc-service", "/usr/bin/rc-service"
        )

    def command(self, name: str, action: str) -> tuple[str, ...]:
        """The command that does something with a service, or asks about it."""
        return (self._program, name, action)

    def record(self, name: str) -> str:
        """The state that it has on record for the service: "starting", "stopping", "inactive",
        "failed", "started" or "stopped"."""
        found = (state for state in _STATES if os.path.lexists(self._path(state, name)))
        return next(found, "stopped")

    def pid_files(self, name: str) -> tuple[str, ...]:
        """The files that may have the number of its main process, the most telling place first:
        that of what supervise-daemon looks after, then what start-stop-daemon was told."""
        supervised = self._path("options", name, "child_pid")
        found = [supervised, *self._recorded(name), *named_pid_files(name)]
        return tuple(dict.fromkeys(found))

    def by_cgroup(self, cgroup: str | None) -> str:
        """The service that a control group was made for; empty where it was made by others."""
        found = _CGROUP.match(cgroup or "")
        return found[1].removeprefix("openrc.") if found else ""

    def _recorded(self, name: str) -> list[str]:
        folder = self._path("daemons", name)
        try:
            daemons = sorted(os.listdir(folder))
        except OSError:
            daemons = []
        texts = (contents(os.path.join(folder, daemon), _LIMIT) for daemon in daemons)
        found = [match for text in texts for match in _PID_FILE.findall(text)]
        told = contents(self._path("options", name, "pidfile"), _LIMIT)
        found += filter(None, told.splitlines()[:1])
        return [os.fsdecode(path) for path in found]

    def _path(self, *parts: str) -> str:
        return os.path.join(self._records, *parts)
