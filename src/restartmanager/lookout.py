"""From one look at the machine to the applications on it: who uses what, and who is stale.

Here the facts beyond the holders themselves are gathered, which the rules in ``affected`` need:
their ancestors, who the caller is, what they registered about coming back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from restartmanager import arguments
from restartmanager.affected import (
    Surroundings,
    find_applications,
    pending_kernel,
    relaunch_everything,
    with_registration,
)
from restartmanager.errors import ProcessError
from restartmanager.model import Affected, Application, Resources, Unexplained
from restartmanager.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from restartmanager.arguments import PathLike
    from restartmanager.identity import UniqueProcess
    from restartmanager.journal import JournalEntry
    from restartmanager.model import Process, Sighting
    from restartmanager.ports import Packages, Processes, Scanner

__all__ = ["Lookout"]

_NO_MANAGER = "a service by name: no service manager is asked yet, so it is not closed"


@dataclass(slots=True)
class Lookout:
    """Looks at the machine for one user, who has the effective user number ``uid``."""

    scanner: Scanner
    processes: Processes
    packages: Packages
    uid: int
    load_policy: Callable[[], Policy] = Policy
    """Called only when somebody is found: reading rules takes longer than finding nobody."""

    def identify(
        self, files: Iterable[PathLike], trees: Iterable[PathLike], packages: Iterable[str] = ()
    ) -> Resources:
        """These files and trees, and the files of these packages, as they are now."""
        paths = list(arguments.paths(files, "files"))
        for name in arguments.texts(packages, "packages"):
            paths += self.packages.files_of(name)
        return self.scanner.identify(paths, arguments.paths(trees, "trees"))

    def who_uses(
        self,
        resources: Resources,
        *,
        members: Iterable[UniqueProcess] = (),
        relaunch_all: bool = False,
    ) -> Affected:
        """The applications that use these resources now; ``members`` are installers as well."""
        sighting = self.scanner.find_holders(resources)
        applications = self._applications(sighting, members)
        if relaunch_all:
            applications = tuple(relaunch_everything(app) for app in applications)
        services = tuple(Unexplained(name, _NO_MANAGER) for name in resources.services)
        return Affected.of(
            applications, replace(sighting, unexplained=sighting.unexplained + services)
        )

    def stale(self) -> Affected:
        """Who runs code that was replaced, what would cure each, and what was left out of account.

        A kernel that waits for a reboot is among them.
        """
        sighting = self.scanner.find_stale(self.load_policy())
        applications = self._applications(sighting, ())
        if sighting.newer_kernel:
            applications += (pending_kernel(sighting.newer_kernel),)
        return Affected.of(applications, sighting)

    def alive(self, journal: Iterable[JournalEntry]) -> dict[UniqueProcess, Process]:
        """Those processes of a journal that still run: stopped ones, and started ones."""
        alive = {}
        for entry in journal:
            main = entry.application.main_process
            for identity in (entry.started_as, main.identity if main else None):
                if identity is not None:
                    try:
                        alive[identity] = self.processes.describe(identity)
                    except ProcessError:
                        continue
        return alive

    def _applications(
        self, sighting: Sighting, members: Iterable[UniqueProcess]
    ) -> tuple[Application, ...]:
        if not sighting.holders:
            return ()
        around = self._surroundings(sighting, members)
        applications = find_applications(sighting.holders, around)
        return tuple(self._with_registration(app) for app in applications)

    def _surroundings(self, sighting: Sighting, members: Iterable[UniqueProcess]) -> Surroundings:
        parents: dict[int, Process] = {}
        for holder in sighting.holders:
            if holder.process.parent_pid not in parents:
                ancestors = self._ancestors(holder.process)
                parents |= {ancestor.pid: ancestor for ancestor in ancestors}
        lineage = self.processes.lineage(self.processes.current())
        selves = {process.identity for process in lineage if process.pid != 1} | set(members)
        return Surroundings(self.uid, frozenset(selves), parents, self.load_policy())

    def _ancestors(self, process: Process) -> tuple[Process, ...]:
        try:
            return self.processes.lineage(process.identity)[1:]
        except ProcessError:  # it has exited since it was seen, which shutdown will find out
            return ()

    def _with_registration(self, application: Application) -> Application:
        main = application.main_process
        if main is None or application.reboot_reasons:
            return application
        return with_registration(application, self.processes.registration(main))
