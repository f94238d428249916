"""Explanations of files that are in use although the scan names nobody.

First everything is looked at once more and deeper: threads can have descriptors of their own, a
ring of io_uring(7) holds files without a descriptor, a program can use the file through an
overlayfs that lies over it, and what may not be looked into may still have locked it. What the
kernel itself holds is no process at all: it is said in words. What remains is in use by something
unseen, and is never called free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from restartmanager.adapters.proc.mounts import Mounts
from restartmanager.adapters.proc.procfs import PROC, in_first_pid_namespace
from restartmanager.adapters.scan.hidden import find_hidden
from restartmanager.adapters.scan.kernel_holders import UsedFiles, kernel_uses
from restartmanager.adapters.scan.leases import Verdict
from restartmanager.adapters.scan.proc_scan import ProcScanner, is_held
from restartmanager.model import Evidence, Holder, How, Resources, Unexplained

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from restartmanager.adapters.scan.leases import LeaseProbe
    from restartmanager.model import FileResource, Sighting
    from restartmanager.model.identity import UniqueProcess


_SHOWN = 3


class Explanation(NamedTuple):
    """The result of a deeper look: processes after all, and in words what no process explains."""

    holders: tuple[Holder, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()

    def added_to(self, sighting: Sighting) -> Sighting:
        """The sighting with this in it: a process that is in both has all its evidence."""
        return sighting._replace(
            holders=_merged((*sighting.holders, *self.holders)),
            unexplained=tuple(dict.fromkeys((*sighting.unexplained, *self.unexplained))),
        )


def explain(files: Iterable[FileResource], probe: LeaseProbe, proc: str = PROC) -> Explanation:
    """The users of these files, of which the probe said that they are in use.

    Give it the files that ``is_held`` by nobody in the sighting. It looks at every thread of every
    process, so it costs several times a scan. Files that are no longer in use, before or after
    that, need no explanation. Nothing is raised for what vanishes.
    """
    wanted = _in_use(files, probe)
    if not wanted:
        return Explanation()
    seen = ProcScanner(proc).find_holders(Resources(files=wanted), deep=True)
    hidden = find_hidden(UsedFiles(wanted, Mounts.read(proc)), proc)
    holders = _merged((*seen.holders, *hidden.holders))
    said = kernel_uses(wanted, proc)
    told = {item.path for item in said}
    silent = [file for file in wanted if file.path not in told and not is_held(file.path, holders)]
    reason = _unseen(seen.not_inspectable, hidden.receivers, proc)
    unseen = tuple(Unexplained(file.path, reason) for file in _in_use(silent, probe))
    return Explanation(holders, (*said, *unseen))


def _in_use(files: Iterable[FileResource], probe: LeaseProbe) -> tuple[FileResource, ...]:
    answers = probe.ask(files)
    return tuple(file for file, verdict in answers.items() if verdict is Verdict.IN_USE)


def _unseen(not_inspectable: int, receivers: Sequence[int], proc: str) -> str:
    parts = ["in use, but by no process that can be seen"]
    if receivers:
        numbers = ", ".join(map(str, receivers[:_SHOWN]))
        more = " and others" if len(receivers) > _SHOWN else ""
        parts.append(f"open files are on their way through sockets to process {numbers}{more}")
    if not_inspectable:
        parts.append(f"{not_inspectable} processes may not be looked into")
    if not in_first_pid_namespace(proc):
        parts.append("processes outside this container are hidden")
    return "; ".join(parts)


def _merged(holders: Iterable[Holder]) -> tuple[Holder, ...]:
    """Each process once, with all its evidence, by process number."""
    found: dict[UniqueProcess, Holder] = {}
    for holder in holders:
        known = found.get(holder.process.identity)
        evidence = holder.evidence if known is None else (*known.evidence, *holder.evidence)
        found[holder.process.identity] = Holder(holder.process, _joined(evidence))
    return tuple(sorted(found.values(), key=lambda holder: holder.process.pid))


def _joined(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    ways: dict[tuple[int, str, bool], set[How]] = {}
    for item in evidence:
        ways.setdefault((item.pid, item.path, item.stale), set()).update(item.how)
    return tuple(
        Evidence(pid, path, tuple(how for how in How if how in found), stale)
        for (pid, path, stale), found in sorted(ways.items())
    )
