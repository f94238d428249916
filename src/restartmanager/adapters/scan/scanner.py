"""The scanner of this machine: of several ways to the same answer, the quickest one that is right.

1. A few files are asked about one by one first (``leases``): who holds nothing need not be looked
   for. What is free costs some microseconds, and no look at any process.
2. The kernel is asked for the processes that hold the rest (``bpf``: BPF iterators, root only),
   and only those are read. Where it cannot be asked, or its numbers would not be those of stat(2),
   every process is read (``proc_scan``).
3. What is in use although nobody was found is looked at again, deeper (``unexplained``). It is
   never called free.

The kernel is asked likewise who runs replaced code, and only candidates are read
(``stale_candidates``).

Each of the first two can be switched off, and steps aside by itself where it is not possible.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.mounts import Mounts
from restartmanager.adapters.proc.procfs import PROC, ProcDirectory, pids
from restartmanager.adapters.proc.texts import contents
from restartmanager.adapters.proc.watched import passed_over, watched
from restartmanager.adapters.scan.leases import LeaseProbe
from restartmanager.adapters.scan.proc_scan import Known, ProcScanner, is_held
from restartmanager.adapters.scan.targets import Targets
from restartmanager.adapters.scan.uses import Use
from restartmanager.errors import ProcessAccessError, ProcessGoneError, UnsupportedError
from restartmanager.model import Unresponsive
from restartmanager.rules.interpreters import HEAD_BYTES, could_be_script

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from restartmanager.adapters.bpf.iterator import KernelIterator
    from restartmanager.adapters.scan.stale_candidates import StaleCandidates
    from restartmanager.model import FileResource, Resources, Sighting
    from restartmanager.rules.policy import Policy


_ASKED_AT_MOST = 2000
"""Above this, asking about files one by one costs more than a look at all processes."""

_WORTH_ASKING = 150
"""With fewer processes, reading them all takes no longer than making the kernel ready to answer."""


class LinuxScanner:
    """The scanner of this machine; port ``Scanner``. It is safe to keep, and to use again."""

    def __init__(
        self, *, leases: bool = True, kernel: bool = True, cache_folder: str | None = None
    ) -> None:
        self._leases = leases
        self._kernel = self._kernel_tells_code = kernel
        self._cache_folder = cache_folder
        self._iterator: KernelIterator | None = None
        self._processes = ProcScanner()

    def find_stale(self, policy: Policy) -> Sighting:
        """The processes that run replaced code: see ``restartmanager.adapters.scan.stale``."""
        return watched(lambda: _with_unresponsive(self._find_stale(policy)))

    def _find_stale(self, policy: Policy) -> Sighting:
        from restartmanager.adapters.scan.stale import find_stale

        asked = self._kernel and self._kernel_tells_code
        return find_stale(policy, PROC, self._candidates() if asked else None)

    def find_holders(self, resources: Resources) -> Sighting:
        """The processes that use these files and trees now: see ``ports.Scanner``.

        ``inspected`` counts the processes that were looked at: none where every file was free.
        """
        return watched(lambda: _with_unresponsive(self._find_holders(resources)))

    def _find_holders(self, resources: Resources) -> Sighting:
        probe = self._probe(resources)
        if probe is None:
            return self._look(resources)
        in_use = _without_free(resources.files, probe)
        sighting = self._look(resources._replace(files=in_use))
        return _explained(sighting, in_use, probe) if in_use else sighting

    def _probe(self, resources: Resources) -> LeaseProbe | None:
        if not self._leases or not 0 < len(resources.files) <= _ASKED_AT_MOST:
            return None
        probe = LeaseProbe()
        return probe if probe.why_unavailable() is None else None

    # -- the look at the processes -------------------------------------------------------------

    def _look(self, resources: Resources) -> Sighting:
        mounts = Mounts.read(PROC)
        targets = Targets.look_up(resources, mounts)
        known = self._ask_kernel(targets, mounts) if self._kernel else None
        return self._processes.find_users(targets, mounts, resources.processes, known=known)

    def _ask_kernel(self, targets: Targets, mounts: Mounts) -> Known | None:
        """The processes that hold a target, and the others; None where the kernel cannot tell.

        Files that came and went below a tree have no identity to ask for, and sockets are known by
        their names only: there every process is read.
        """
        paths = targets.paths
        if paths.any_folder or paths.sockets or not (targets and targets.numbers.plain_devices):
            return None
        processes = pids(PROC)
        if len(processes) < _WORTH_ASKING:
            return None
        from restartmanager.adapters.scan.scripts_pending import ScriptSearch

        asked_at = time.clock_gettime(time.CLOCK_BOOTTIME)
        try:
            kernel = self._loaded()
            with ScriptSearch(targets, mounts, processes) as search:
                answer = kernel.find(targets.keys)
        except UnsupportedError:
            self._kernel = False  # the doctor command says why
            return None
        uses: dict[int, list[Use]] = {}
        for hit in answer.hits:
            uses.setdefault(hit.pid, []).append(Use(hit.kind, (hit.device, hit.inode)))
        others = answer.processes - uses.keys()
        doubtful = search.doubtful(others)
        return Known(uses, doubtful, len(others) - len(doubtful), asked_at)

    def _candidates(self) -> StaleCandidates | None:
        """The processes that may run replaced code; None where the kernel cannot tell."""
        from restartmanager.adapters.bpf.iterator import running_code
        from restartmanager.adapters.scan.stale_candidates import (
            candidates,
            doubtful_files,
            root_is_a_layer,
        )

        mountinfo = contents(f"{PROC}/self/mountinfo")
        if len(pids(PROC)) < _WORTH_ASKING or root_is_a_layer(mountinfo):
            return None
        try:
            code = running_code(self._made_cache_folder())
            doubtful = doubtful_files(code, Mounts.read(PROC))
            named = {(file.device, file.inode) for file in doubtful if not file.removed}
            hits = self._loaded().find(named).hits if named else ()
        except UnsupportedError:
            self._kernel_tells_code = False
            return None
        holders = {file.pid for file in doubtful} | {hit.pid for hit in hits}
        return candidates(code, holders)

    def _loaded(self) -> KernelIterator:
        if self._iterator is None:
            from restartmanager.adapters.bpf.iterator import KernelIterator

            iterator = KernelIterator(self._made_cache_folder())
            iterator.__enter__()
            self._iterator = iterator
        return self._iterator

    def _made_cache_folder(self) -> str | None:
        if self._cache_folder is not None:
            with contextlib.suppress(OSError):
                os.makedirs(self._cache_folder, mode=0o700, exist_ok=True)
        return self._cache_folder


def _with_unresponsive(sighting: Sighting) -> Sighting:
    """The sighting with the names of those that did not answer, which cost nothing to read."""
    names = ((pid, _name_of(pid)) for pid in passed_over())
    silent = tuple(Unresponsive(pid, name) for pid, name in names if name is not None)
    return sighting._replace(unresponsive=silent) if silent else sighting


def _name_of(pid: int) -> str | None:
    try:
        with ProcDirectory(pid) as directory:
            facts = directory.stat()
    except (ProcessGoneError, ProcessAccessError):
        return None
    return facts.name if facts is not None else None


def _explained(sighting: Sighting, in_use: Sequence[FileResource], probe: LeaseProbe) -> Sighting:
    """The sighting with what a deeper look says about files that nobody seems to hold, and with
    what the kernel itself holds."""
    from restartmanager.adapters.scan.kernel_holders import kernel_uses

    held = {file for file in in_use if is_held(file.path, sighting.holders)}
    unheld = [file for file in in_use if file not in held]
    if unheld:
        from restartmanager.adapters.scan.unexplained import explain

        sighting = explain(unheld, probe).added_to(sighting)
    by_kernel = kernel_uses([file for file in in_use if file in held])
    return sighting._replace(unexplained=(*sighting.unexplained, *by_kernel))


def _without_free(files: Iterable[FileResource], probe: LeaseProbe) -> tuple[FileResource, ...]:
    """The files that are held, or may be used without being held, or cannot be asked about."""
    free = probe.free_among(files, HEAD_BYTES)
    return tuple(
        file for file in files if file not in free or could_be_script(file.path, free[file])
    )
