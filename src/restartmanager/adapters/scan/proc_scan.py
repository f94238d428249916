"""The scan of ``/proc``: who uses the registered files, by one look at each process.

Whatever the number of files, every process is looked at once: its mappings, its descriptors, its
program and directories (``uses``). Identity decides, never the text of a path. Nothing that a
process names is opened, run or written.

All that is read about a process lies between the opening of its folder and a last look through
that handle: if the process is still there then, no other one can have had its number meanwhile.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.adapters.proc.mounts import Mounts
from restartmanager.adapters.proc.procfs import PROC, ProcDirectory, boot_time, describe, pids
from restartmanager.adapters.proc.watched import Inside
from restartmanager.adapters.scan.targets import Targets
from restartmanager.adapters.scan.uses import Finder, Use, evidence_of
from restartmanager.errors import ProcessAccessError, ProcessGoneError
from restartmanager.model import Holder, How, Sighting
from restartmanager.model.identity import ticks_per_second

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from restartmanager.model import Process, Resources
    from restartmanager.model.identity import UniqueProcess


HELD = frozenset({How.EXECUTABLE, How.MAPPED, How.OPEN})
"""The ways of using a file that the probe sees; the others hold nothing."""

_NOT_ALWAYS_TOLD = frozenset({How.EXECUTABLE, How.CWD, How.ROOT})
"""The ways that the kernel may leave out (``KernelIterator.find``)."""


class Known(NamedTuple):
    """Facts about the processes before they are looked at: who uses what, as the kernel has told,
    and who may run a script, as ``ScriptSearch`` has."""

    uses: Mapping[int, Sequence[Use]]
    """The uses, by process number."""
    doubtful: Collection[int]
    """The other processes that may run a script."""
    clear: int
    """The number of all others."""
    asked_at: float
    """The time at which the kernel was asked, in seconds since the start of the machine
    (CLOCK_BOOTTIME)."""


class ProcScanner:
    """The scan of every process in ``/proc``; it keeps nothing between two looks."""

    def __init__(self, proc: str = PROC) -> None:
        self._proc = proc

    def find_holders(self, resources: Resources, *, deep: bool = False) -> Sighting:
        """The processes that use these files and trees now, and those registered that live.

        With ``deep`` the descriptors of every thread are looked at: a thread can have a table of
        its own (unshare(2), CLONE_FILES), which is rare, and each costs as much as a process.
        """
        mounts = Mounts.read(self._proc)
        targets = Targets.look_up(resources, mounts)
        return self.find_users(targets, mounts, resources.processes, deep=deep)

    def find_users(
        self,
        targets: Targets,
        mounts: Mounts,
        registered: Sequence[UniqueProcess] = (),
        *,
        deep: bool = False,
        known: Known | None = None,
    ) -> Sighting:
        """The users of targets that have been looked up already; see ``Known`` for what spares a
        look at every process."""
        look = _Look(self._proc, targets, mounts, deep=deep)
        if targets:
            if known is None:
                for pid in pids(self._proc):
                    look.at(pid)
            else:
                for pid, told in known.uses.items():
                    look.at_holder(pid, told, known.asked_at)
                for pid in known.doubtful:
                    look.at(pid, (How.SCRIPT,))
                look.pass_over(known.clear)
        return look.result(self._living(registered))

    def _living(self, identities: Sequence[UniqueProcess]) -> Iterator[Process]:
        for identity in identities:
            with suppress(ProcessGoneError, ProcessAccessError):
                yield describe(identity, self._proc)


def is_held(path: str, holders: Iterable[Holder]) -> bool:
    """Whether one of these processes holds the file registered as ``path``: a script is used
    without being held, so that does not explain what the probe says."""
    return any(
        evidence.path == path and not HELD.isdisjoint(evidence.how)
        for holder in holders
        for evidence in holder.evidence
    )


def _was_there(directory: ProcDirectory, when: float) -> bool:
    """Whether the process was certainly there at this time, in seconds since the start."""
    facts = directory.stat()
    return facts is not None and (facts.start_ticks + 1) / ticks_per_second() <= when


class _Look:
    """One look at the users of files, as it proceeds."""

    def __init__(self, proc: str, targets: Targets, mounts: Mounts, *, deep: bool) -> None:
        self._proc = proc
        self._targets = targets
        self._finder = Finder(targets, mounts)
        self._deep = deep
        self._booted_at = boot_time()
        self._holders: dict[UniqueProcess, Holder] = {}
        self._inspected = 0
        self._not_inspectable = 0

    def at(self, pid: int, ways: Collection[How] = tuple(How)) -> None:
        """Look at one process, for these ways to use a file; one that vanishes meanwhile is no
        holder."""
        self._visit(pid, lambda directory: self._inspect(directory, ways))

    def at_holder(self, pid: int, told: Sequence[Use], asked_at: float) -> None:
        """Look at a process of which the kernel has told these uses: for those again about which
        something more must be known, or all when its number may have been another process's."""

        def inspect(directory: ProcDirectory) -> None:
            if _was_there(directory, asked_at) and all(map(self._is_clear, told)):
                self._inspect(directory, _NOT_ALWAYS_TOLD, told)
            else:
                self._inspect(directory, {use.how for use in told} | _NOT_ALWAYS_TOLD)

        self._visit(pid, inspect)

    def pass_over(self, processes: int) -> None:
        """Count so many as looked at: all about them is known."""
        self._inspected += processes

    def result(self, registered: Iterator[Process]) -> Sighting:
        """The sighting, with the registered processes among the holders; by process number."""
        for process in registered:
            self._holders.setdefault(process.identity, Holder(process, ()))
        return Sighting(
            holders=tuple(sorted(self._holders.values(), key=lambda holder: holder.process.pid)),
            inspected=self._inspected,
            not_inspectable=self._not_inspectable,
        )

    def _visit(self, pid: int, inspect: Callable[[ProcDirectory], None]) -> None:
        try:
            with ProcDirectory(pid, self._proc) as directory, Inside(f"{self._proc}/{pid}/"):
                inspect(directory)
        except (ProcessAccessError, PermissionError):
            self._not_inspectable += 1
        except ProcessGoneError:
            return

    def _is_clear(self, use: Use) -> bool:
        """Whether process and file say all about a use: the file is what was recorded and what is
        there now, so that nobody can use an old version of it."""
        return not isinstance(use.file, str) and self._targets.unchanged(use.file)

    def _inspect(
        self, directory: ProcDirectory, ways: Collection[How], told: Sequence[Use] = ()
    ) -> None:
        view = self._view(directory)
        if view is None:
            return
        base = f"{self._proc}/{directory.pid}/"
        views = directory.views() if self._deep else [view]
        uses, complete = self._finder.find(base + view, [base + v for v in views], ways)
        if complete:
            self._inspected += 1
        else:
            self._not_inspectable += 1
        uses += told
        if uses:
            process = directory.describe()
            started_at = self._booted_at + process.identity.start_ticks / ticks_per_second()
            evidence = evidence_of(uses, self._targets, process.pid, started_at)
            if evidence:
                self._holders[process.identity] = Holder(process, evidence)

    def _view(self, directory: ProcDirectory) -> str | None:
        """The prefix under which the process can be looked into ("" as a rule); None where there is
        nothing to see: kernel threads, and what only waits to be reaped."""
        try:
            os.readlink(f"{self._proc}/{directory.pid}/exe")
        except PermissionError:
            if self._living_program(directory) is None:
                return None
            raise
        except OSError:  # nothing there, or ENAMETOOLONG
            return self._living_program(directory)
        return ""

    def _living_program(self, directory: ProcDirectory) -> str | None:
        facts = directory.stat()
        return None if facts is None or facts.kernel_thread else directory.living_view()
