"""The adapter of the port ``Processes``.

What acting needs is imported when somebody acts: who only asks gets the answer sooner.
"""

from __future__ import annotations

import contextlib
import os
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from restartmanager.adapters.proc import procfs
from restartmanager.adapters.proc.texts import contents
from restartmanager.adapters.proc.watched import watched
from restartmanager.errors import ProcessAccessError, ProcessError, ProcessGoneError
from restartmanager.model.identity import UniqueProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from restartmanager.model import Home, Process, Recipe, RestartRegistration
    from restartmanager.model.identity import FileNumbers
    from restartmanager.model.progress import CancelToken
    from restartmanager.ports.processes import ProcessHandle

_Found = TypeVar("_Found")


class LinuxProcesses:
    """The processes of this machine, by ``/proc`` and pidfds; port ``Processes``.

    The errors are those of the port. UnsupportedError comes from a kernel before Linux 5.3.
    """

    def watched(self, look: Callable[[], _Found]) -> _Found:
        """Make a look at many processes so that it ends: see ``adapters.proc.watched``."""
        return watched(look)

    def current(self) -> UniqueProcess:
        """The calling process."""
        return UniqueProcess.current()

    def pipeline(self) -> frozenset[UniqueProcess]:
        """The other processes of the caller's own pipeline."""
        from restartmanager.adapters.processes.pipelines import own_pipeline

        return own_pipeline()

    def describe(self, identity: UniqueProcess) -> Process:
        """The facts about a process. Raises ProcessGoneError, and ProcessAccessError where it is
        hidden from the caller."""
        return watched(lambda: procfs.describe(identity))

    def lineage(
        self, identity: UniqueProcess, known: Mapping[UniqueProcess, Process] | None = None
    ) -> tuple[Process, ...]:
        """The process and its ancestors, nearest first, as far as they can be seen; empty when the
        process itself is gone. Who is already ``known`` is not looked at again."""
        return watched(lambda: self._lineage(identity, known or {}))

    def _lineage(
        self, identity: UniqueProcess, seen: Mapping[UniqueProcess, Process]
    ) -> tuple[Process, ...]:
        found: list[Process] = []
        following: UniqueProcess | None = identity
        while following is not None:
            try:
                process = seen.get(following) or procfs.describe(following)
            except (ProcessGoneError, ProcessAccessError):
                break
            found.append(process)
            following = _parent(process)
        return tuple(found)

    def is_alive(self, identity: UniqueProcess) -> bool:
        """Whether it still runs. False only on proof: exited, a zombie, another process under its
        number, or another boot."""
        from restartmanager.adapters.processes.pidfds import is_alive

        return is_alive(identity)

    def suspended(self, identity: UniqueProcess) -> str:
        """Why it cannot act on anything that it is asked; empty where it can, or is gone."""
        from restartmanager.adapters.proc.suspended import why_suspended

        try:
            with procfs.ProcDirectory(identity.pid) as directory:
                return why_suspended(directory) if self.is_alive(identity) else ""
        except ProcessError:
            return ""

    def is_at_gate(self, identity: UniqueProcess) -> bool:
        """Whether ``start`` has created it and it has not begun to run its program."""
        from restartmanager.adapters.processes.starting import is_launcher

        try:
            return is_launcher(self.describe(identity).arguments)
        except (ProcessGoneError, ProcessAccessError):
            return False

    def seen_otherwise(self, observer: UniqueProcess, paths: Sequence[str]) -> tuple[str, ...]:
        """Those of these paths that lead elsewhere for this process."""
        from restartmanager.adapters.proc.roots import seen_otherwise

        base = f"{procfs.PROC}/{observer.pid}/"
        return watched(lambda: seen_otherwise(base, paths)) if self.is_alive(observer) else ()

    def oldest(self, cgroup: str) -> Process | None:
        """The process of this control group that was started first; None when it is empty, or
        cannot be seen."""
        return watched(lambda: oldest_process(cgroup))

    def members(
        self, cgroup: str, known: Mapping[UniqueProcess, Process] | None = None
    ) -> tuple[Process, ...]:
        """The processes of this control group and of those below it."""
        return watched(lambda: members_of(cgroup, known or {}))

    def registration(self, process: Process) -> RestartRegistration | None:
        """The process's registration about coming back; None when it has no valid one, or the
        caller may not look."""
        from restartmanager.adapters.processes.registrations import registration_of

        return watched(lambda: registration_of(process))

    def recipe(self, process: Process, registration: RestartRegistration | None) -> Recipe:
        """The recipe that starts the process again. Raises ProcessGoneError, ProcessAccessError,
        and ProcessError with the reason where it cannot be started as it is."""
        from restartmanager.adapters.processes.recipes import read_recipe

        return watched(lambda: read_recipe(process, registration))

    def risk(self, recipe: Recipe) -> str:
        """Who, beyond root and its user, could change what the recipe starts, as a sentence without
        a full stop; empty when nobody can."""
        from restartmanager.adapters.processes.trust import risk_of

        return watched(lambda: risk_of(recipe))

    def lost_limit(self, process: Process, home: Home | None) -> str:
        """The limit of its control groups that it would lose in this home, or for None beside the
        caller, as a sentence without a full stop; empty for none."""
        from restartmanager.adapters.proc.control_groups import lost_limit

        def look() -> str:
            with procfs.ProcDirectory(process.pid) as directory:
                groups, facts = directory.read("cgroup"), directory.stat()
            start = None if facts is None else facts.start_ticks
            if groups is None or start != process.identity.start_ticks:
                raise ProcessGoneError(process.pid)
            return lost_limit(groups, home.group if home is not None else "")

        return watched(look)

    def program(self, subject: UniqueProcess | Recipe) -> FileNumbers | None:
        """The file of the program that a process runs, or that a recipe would start now; None where
        it cannot be seen, or others could exchange it."""
        from restartmanager.adapters.processes.trust import program_of

        if isinstance(subject, UniqueProcess):
            return watched(lambda: procfs.program_of(subject))
        return watched(lambda: program_of(subject))

    def open(self, identity: UniqueProcess) -> ProcessHandle:
        """Take hold of it. Raises ProcessGoneError where the identity no longer matches."""
        from restartmanager.adapters.processes.pidfds import PidfdHandle

        return PidfdHandle(identity)

    def wait(
        self,
        handles: Collection[ProcessHandle],
        deadline: float,
        cancel: CancelToken | None = None,
    ) -> frozenset[UniqueProcess]:
        """Wait until at least one has exited, the monotonic ``deadline`` (seconds) passes, or
        ``cancel`` is called; which ones have exited. A deadline in the past means one look."""
        from restartmanager.adapters.processes.pidfds import wait_for_exit

        return wait_for_exit(handles, deadline, cancel)

    def turn_to_start(
        self, replaced: UniqueProcess, uid: int
    ) -> contextlib.AbstractContextManager[None]:
        """Have the turn to start something in place of this process, as this user."""
        from restartmanager.adapters.processes.successors import turn_to_start

        return turn_to_start(replaced, uid)

    def successor(self, replaced: UniqueProcess, uid: int) -> UniqueProcess | None:
        """The process of this user that was started in place of this one, and lives."""
        from restartmanager.adapters.processes.successors import successor_of

        return watched(lambda: successor_of(replaced, uid))

    def daemon_of(self, starter: UniqueProcess, uid: int) -> UniqueProcess | None:
        """The daemon that a process, which ``start`` has started, has left behind."""
        from restartmanager.adapters.processes.successors import daemon_of

        return watched(lambda: daemon_of(starter, uid))

    def start(
        self,
        recipe: Recipe,
        on_created: Callable[[UniqueProcess], object],
        *,
        replaced: UniqueProcess | None = None,
    ) -> UniqueProcess:
        """Start a process by its recipe, with its owner's rights, in a session of its own, nobody's
        child, with no descriptor of ours; ``on_created`` is called before it runs anything."""
        from restartmanager.adapters.processes.starting import start

        return start(recipe, on_created, replaced=replaced)


def _parent(process: Process) -> UniqueProcess | None:
    """The parent, where it is the one and not a later process with its number."""
    try:
        parent = UniqueProcess.of(process.parent_pid) if process.parent_pid > 0 else None
    except (ProcessGoneError, ProcessAccessError):
        return None
    child = process.identity
    if parent is None or parent.pid == child.pid or parent.start_ticks > child.start_ticks:
        return None
    return parent


# -- control groups --------------------------------------------------------------------------------

_MOUNTS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
"""The places where the unified hierarchy may be mounted: beside version 1, or alone."""
_SIZE_LIMIT = 1024 * 1024  # more than a hundred thousand processes


def oldest_process(cgroup: str, mount: str | None = None) -> Process | None:
    """The process of this control group that was started first; None when it is empty, or cannot
    be seen. Control groups below it do not count."""
    root = _unified() if mount is None else mount
    if root is None or ".." in cgroup.split("/"):
        return None
    found = []
    for number in _numbers(f"{root}{cgroup}/cgroup.procs"):
        try:
            found.append(UniqueProcess.of(number))
        except ProcessError:
            continue
    for identity in sorted(found, key=lambda one: (one.start_ticks, one.pid)):
        try:
            return procfs.describe(identity)
        except ProcessError:
            continue
    return None


def members_of(
    cgroup: str, known: Mapping[UniqueProcess, Process], mount: str | None = None
) -> tuple[Process, ...]:
    """The processes of this control group and of those below it."""
    root = _unified() if mount is None else mount
    if root is None or ".." in cgroup.split("/"):
        return ()
    found = []
    for folder, _, _ in os.walk(f"{root}{cgroup}"):
        for number in _numbers(f"{folder}/cgroup.procs"):
            with contextlib.suppress(ProcessError):
                identity = UniqueProcess.of(number)
                found.append(known.get(identity) or procfs.describe(identity))
    return tuple(found)


def _numbers(path: str) -> list[int]:
    """0 stands for a process of another pid namespace."""
    text = contents(path, _SIZE_LIMIT)
    return [int(word) for word in text.split() if word.isdigit() and int(word) > 0]


@cache
def _unified() -> str | None:
    """The folder where the unified hierarchy is mounted."""
    return next((path for path in _MOUNTS if os.path.exists(f"{path}/cgroup.procs")), None)
