"""The caller's own job: what an installer is part of is no reason to refuse, and is not closed.

The shell that an installer was started from works in some directory, and what the installer writes
is read by the rest of its pipeline, which may keep it in a file of the very tree that changes::

    >>> from restartmanager.model import Evidence, Holder, Process
    >>> from restartmanager.model.identity import UniqueProcess
    >>> tee = UniqueProcess(7, 70, "boot")
    >>> log = Evidence(7, "/srv/app/log", (How.OPEN,), stale=False)
    >>> facts = {"uid": 0, "process_group": 7, "session": 7, "terminal": True}
    >>> holder = Holder(Process(tee, 1, "tee", None, (), **facts), (log,))
    >>> seen = without_own_job(Sighting((holder,)), line=set(), pipeline={tee})
    >>> seen.holders, seen.ignored[0].reason
    ((), "it is part of the caller's own pipeline")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.model import How, Ignored, Sighting

if TYPE_CHECKING:
    from collections.abc import Collection

    from restartmanager.model import Holder
    from restartmanager.model.identity import UniqueProcess


_PIPELINE = "it is part of the caller's own pipeline"
_DIRECTORY = "the caller, or what it was started from, only works in it"


def without_own_job(
    sighting: Sighting, line: Collection[UniqueProcess], pipeline: Collection[UniqueProcess]
) -> Sighting:
    """The sighting without the processes of the caller's ``pipeline``, and without those in the
    ``line`` of the caller and its ancestors that only work in a directory. They are among what is
    ignored."""
    left = [(holder, _why_left(holder, line, pipeline)) for holder in sighting.holders]
    ignored = tuple(
        Ignored(evidence.path, why, (holder.process.pid,))
        for holder, why in left
        if why
        for evidence in holder.evidence
    )
    if not ignored:
        return sighting
    holders = tuple(holder for holder, why in left if not why)
    return sighting._replace(holders=holders, ignored=sighting.ignored + ignored)


def _why_left(
    holder: Holder, line: Collection[UniqueProcess], pipeline: Collection[UniqueProcess]
) -> str:
    identity = holder.process.identity
    if identity in line:
        only_there = all(evidence.how == (How.CWD,) for evidence in holder.evidence)
        return _DIRECTORY if only_there else ""
    return _PIPELINE if identity in pipeline else ""
