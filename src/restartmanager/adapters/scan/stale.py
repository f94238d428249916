"""Stale code: programs and executable mappings that are no longer the files at their paths, and
scripts that are newer than the processes that run them.

Nothing was registered here, so the only record of the old files is what the processes still have.
Executable mappings only: what is mapped as data, and nearly everything that people have had to
put on ignore lists, does not come into question. A library that was moved aside looks like any
other file here; only a registration made before the change can tell that (find_holders).

A path is looked up as the process sees it, and each file once, however many processes have it
mapped.
"""

from __future__ import annotations

import contextlib
import math
import os
import stat
from collections import defaultdict
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.birth import birth_time
from restartmanager.adapters.proc.formats import DELETED
from restartmanager.adapters.proc.maps import CUT, Mapping, map_files_name, parse_mapping, portions
from restartmanager.adapters.proc.mounts import Mounts
from restartmanager.adapters.proc.procfs import PROC, ProcDirectory, boot_time, pids
from restartmanager.adapters.proc.roots import sees_our_root, stat_inside
from restartmanager.adapters.proc.texts import link_text
from restartmanager.adapters.proc.watched import Inside
from restartmanager.adapters.scan.kernel_release import installed_releases, newer_release
from restartmanager.adapters.scan.scripts import ScriptReader
from restartmanager.adapters.scan.targets import CLOCK_TICK_S
from restartmanager.errors import ProcessAccessError, ProcessGoneError
from restartmanager.model import Evidence, Holder, How, Ignored, Sighting
from restartmanager.model.identity import ticks_per_second

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restartmanager.adapters.scan.stale_candidates import StaleCandidates
    from restartmanager.rules.policy import Policy


_EXECUTABLE = 2
"""The column of the execute permission behind the addresses."""


def find_stale(
    policy: Policy, proc: str = PROC, candidates: StaleCandidates | None = None
) -> Sighting:
    """Every process that runs replaced code, with the paths as evidence.

    What a rule of the policy excludes is not evidence; it is listed as ignored, with the reason.
    A kernel that waits for a reboot is named as well. ``candidates`` spare a look at every process.
    """
    look = _Look(policy, proc)
    for pid in pids(proc) if candidates is None else candidates.to_read:
        look.at(pid)
    if candidates is not None:
        for pid, started_at in candidates.others.items():
            look.at_other(pid, started_at)
    return look.result()


class _Look:
    """One look at the code that runs, as it proceeds."""

    def __init__(self, policy: Policy, proc: str) -> None:
        self._policy = policy
        self._mounts = Mounts.read(proc)
        self._scripts = ScriptReader(self._mounts)
        self._proc = proc
        self._booted_at = boot_time()
        self._data: set[bytes] = set()
        self._changed_at: dict[bytes, float] = {}
        self._holders: list[Holder] = []
        self._ignored: dict[tuple[str, str], set[int]] = defaultdict(set)
        self._inspected = 0
        self._not_inspectable = 0

    def at(self, pid: int) -> None:
        """Look at one process; one that vanishes meanwhile is none."""
        try:
            with ProcDirectory(pid, self._proc) as directory, Inside(f"{self._proc}/{pid}/"):
                facts = directory.stat()
                if facts is None or facts.kernel_thread or facts.dead:
                    return
                self._inspect(directory, self._booted_at + facts.start_ticks / ticks_per_second())
        except (ProcessAccessError, PermissionError):
            self._not_inspectable += 1
        except (ProcessGoneError, FileNotFoundError, ProcessLookupError):
            return

    def at_other(self, pid: int, started_at: float) -> None:
        """Look at one process whose code was not replaced: its scripts may have been."""
        with contextlib.suppress(OSError):
            scripts = self._scripts.of(f"{self._proc}/{pid}/")
            if all(facts is None or facts.st_ctime < started_at for _, facts in scripts):
                self._inspected += 1
                return
        self.at(pid)

    def result(self) -> Sighting:
        ignored = (
            Ignored(path, reason, tuple(sorted(pids)))
            for (path, reason), pids in sorted(self._ignored.items())
        )
        return Sighting(
            holders=tuple(sorted(self._holders, key=lambda holder: holder.process.pid)),
            inspected=self._inspected,
            not_inspectable=self._not_inspectable,
            ignored=tuple(ignored),
            newer_kernel=newer_release(os.uname().release, installed_releases()) or "",
        )

    def _inspect(self, directory: ProcDirectory, started_at: float) -> None:
        base = f"{self._proc}/{directory.pid}/"
        found: dict[str, set[How]] = defaultdict(set)
        for path in self._mapped(base, started_at):
            if (reason := self._policy.ignores(path)) is None:
                found[path].add(How.MAPPED)
            else:
                self._ignored[path, reason].add(directory.pid)
        for path, facts in self._scripts.of(base):
            if facts is not None and facts.st_ctime >= started_at + CLOCK_TICK_S:
                cwd = link_text(base + "cwd") or "/"
                found[os.path.normpath(os.path.join(cwd, path))].add(How.SCRIPT)
        self._inspected += 1
        if found:
            self._report(directory, found)

    def _report(self, directory: ProcDirectory, found: dict[str, set[How]]) -> None:
        process = directory.describe()
        if process.executable in found:
            found[process.executable].add(How.EXECUTABLE)
        evidence = (
            Evidence(process.pid, path, tuple(how for how in How if how in ways), stale=True)
            for path, ways in sorted(found.items())
        )
        self._holders.append(Holder(process, tuple(evidence)))

    def _mapped(self, base: str, started_at: float) -> Iterator[str]:
        """The paths of executable mappings that are not the files there any more."""
        ours = sees_our_root(base)
        for text in portions(base + "maps"):
            for line in {line[CUT:] for line in text.split(b"\n")} - self._data:
                changed_at = self._changed_at.get(line) if ours else None
                if changed_at is None:
                    mapping = _executable(line)
                    if mapping is None:
                        self._data.add(line)
                        continue
                    changed_at = self._look_at(mapping, base, line, text, ours=ours)
                    if ours:
                        self._changed_at[line] = changed_at
                if changed_at >= started_at + CLOCK_TICK_S:
                    mapping = parse_mapping(line)
                    assert mapping is not None  # noqa: S101 - it was one above
                    if math.isinf(changed_at) or (ours and _is_older(mapping.path, started_at)):
                        yield mapping.path.removesuffix(DELETED)

    def _look_at(
        self, mapping: Mapping, base: str, line: bytes, text: bytes, *, ours: bool
    ) -> float:
        """The time at which the file that is mapped here was last changed: for ever ago when it
        never was, the end of time when another one is at its path.

        It was overwritten in place when both its times moved, which neither a change of attributes
        nor an unpacked package does. Where nothing is at its path without the kernel saying that
        the file was removed, the path only cannot be reached: something is mounted over it. What
        lies on a network mount is not asked for, which may never answer: there the kernel's remark
        has to do.
        """
        if self._mounts.any_remote and self._mounts.may_hang(mapping.path, ()):
            return math.inf if mapping.path.endswith(DELETED) else -math.inf
        now = _at_path(base, mapping.path, ours=ours)
        if now is None:
            return math.inf if mapping.path.endswith(DELETED) else -math.inf
        if not _same(mapping, now, base, line, text):
            return math.inf
        return min(now.st_ctime, now.st_mtime) if stat.S_ISREG(now.st_mode) else -math.inf


def _is_older(path: str, started_at: float) -> bool:
    """Whether the file was there before the process: what came later, and is mapped, was mapped
    later still, by a plugin that was loaded or a program that was run in the same process."""
    born = birth_time(path)
    return born is not None and born < started_at


def _executable(line: bytes) -> Mapping | None:
    """The file of an executable mapping; a cut line without permissions counts as one."""
    if line[_EXECUTABLE : _EXECUTABLE + 1] == b"-":
        return None
    mapping = parse_mapping(line)
    return mapping if mapping is not None and mapping.path.startswith("/") else None


def _at_path(base: str, path: str, *, ours: bool) -> os.stat_result | None:
    try:
        return os.stat(path) if ours else stat_inside(base, path)
    except (OSError, ValueError):
        return None


def _same(mapping: Mapping, now: os.stat_result, base: str, line: bytes, text: bytes) -> bool:
    """Whether the mapped file is the one at its path; the device decides where it is told the
    same way by both, else the kernel is asked for the mapped file itself."""
    if mapping.inode == now.st_ino and mapping.device == now.st_dev:
        return True
    if os.major(mapping.device) != 0 and os.major(now.st_dev) != 0:
        return False
    with contextlib.suppress(OSError, ValueError):
        mapped = os.stat(f"{base}map_files/{map_files_name(line, text)}")
        return (mapped.st_dev, mapped.st_ino) == (now.st_dev, now.st_ino)
    return mapping.inode == now.st_ino
