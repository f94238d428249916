"""Uses of registered files by one process: everything about it that can name a file."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.adapters.proc.files import identity_of
from restartmanager.adapters.proc.roots import sees_our_root, stat_inside
from restartmanager.adapters.proc.texts import link_text
from restartmanager.adapters.scan.descriptors import DescriptorReader
from restartmanager.adapters.scan.mappings import MapReader
from restartmanager.adapters.scan.scripts import ScriptReader
from restartmanager.adapters.scan.sockets import BoundSockets
from restartmanager.model import Evidence, How

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from restartmanager.adapters.proc.listings import Key
    from restartmanager.adapters.proc.mounts import Mounts
    from restartmanager.adapters.scan.targets import Target, Targets
    from restartmanager.model import FileIdentity


_VANISHED = (FileNotFoundError, ProcessLookupError, NotADirectoryError)


class Use(NamedTuple):
    """One way in which a process uses a file: the one with this key, or the one that was at this
    path and is no longer there.

    ``facts`` are those of the file where it still has a name and could be taken for another one.
    """

    how: How
    file: Key | str
    private: bool = True
    facts: FileIdentity | None = None


class Finder:
    """The finder of uses of the targets, by one process after the other."""

    def __init__(self, targets: Targets, mounts: Mounts) -> None:
        self._targets = targets
        self._mounts = mounts
        self._maps = MapReader(targets)
        self._descriptors = DescriptorReader(targets, mounts)
        self._sockets = BoundSockets(targets.paths.sockets)
        self._scripts = ScriptReader(mounts, targets.devices)

    def find(
        self, base: str, views: Iterable[str], ways: Collection[How]
    ) -> tuple[list[Use], bool]:
        """All uses in these ways by the process in the folder ``base``, and whether all of it could
        be seen; scripts are always looked for.

        ``views`` are the folders whose descriptors are looked at.
        """
        uses: list[Use] = []
        complete = True
        steps: list[Iterator[Use]] = []
        if How.MAPPED in ways:
            steps.append(self._mapped(base))
        if How.EXECUTABLE in ways:
            steps.append(self._executable(base, uses))
        if How.CWD in ways or How.ROOT in ways:
            steps.append(self._folders(base))
        if How.OPEN in ways:
            steps += [self._open(view) for view in views]
        if self._targets.any_script:
            steps.append(self._run(base))
        for step in steps:
            try:
                uses.extend(step)
            except _VANISHED:
                continue
            except OSError:
                complete = False
        return uses, complete

    def _mapped(self, base: str) -> Iterator[Use]:
        for file, private, path in self._maps.read(base):
            facts = None
            if not isinstance(file, str) and self._targets.doubtful(file):
                facts = _facts_at(f"{base}root{path}", file)
            yield Use(How.MAPPED, file, private, facts)

    def _executable(self, base: str, mapped: list[Use]) -> Iterator[Use]:
        """The program; it is mapped as a rule, so nothing is missed where it is not asked for
        fear of a network mount."""
        if mapped or not self._may_hang(base + "exe"):
            yield from self._use(How.EXECUTABLE, os.stat(base + "exe"))

    def _folders(self, base: str) -> Iterator[Use]:
        if not self._targets.paths.any_folder:
            return
        for name, how in (("cwd", How.CWD), ("root", How.ROOT)):
            if self._may_hang(base + name):
                continue
            facts = os.stat(base + name)
            if self._targets.at(_key(facts)):
                yield from self._use(how, facts)
            elif not facts.st_nlink:
                yield from self._removed(how, base, base + name)

    def _open(self, base: str) -> Iterator[Use]:
        sockets = self._sockets.of(base)
        for link, facts in self._descriptors.read(base, sockets):
            if self._targets.at(_key(facts)):
                yield from self._use(How.OPEN, facts)
            elif stat.S_ISSOCK(facts.st_mode) and facts.st_ino in sockets:
                yield from self._bound(base, sockets[facts.st_ino])
            elif not facts.st_nlink:
                yield from self._removed(How.OPEN, base, link)

    def _use(self, how: How, facts: os.stat_result) -> Iterator[Use]:
        key = _key(facts)
        if self._targets.at(key):
            named = facts.st_nlink > 0 and self._targets.doubtful(key)
            yield Use(how, key, facts=identity_of(facts) if named else None)

    def _bound(self, base: str, path: str) -> Iterator[Use]:
        """A socket that was bound to this path, as the process names it: it counts when the path
        leads there still, or leads nowhere and is the registered one."""
        yield from self._named(How.SOCKET, base, path, stat_inside(base, path))

    def _named(self, how: How, base: str, path: str, facts: os.stat_result | None) -> Iterator[Use]:
        if facts is not None:
            yield from self._use(how, facts)
            return
        whole = os.path.normpath(os.path.join(link_text(base + "cwd"), path))
        if whole in self._targets.paths.gone and sees_our_root(base):
            yield Use(how, whole)

    def _removed(self, how: How, base: str, link: str) -> Iterator[Use]:
        path = self._targets.paths.removed_below(link_text(link))
        if path is not None and sees_our_root(base):
            yield Use(how, path)

    def _run(self, base: str) -> Iterator[Use]:
        for path, facts in self._scripts.of(base):
            yield from self._named(How.SCRIPT, base, path, facts)

    def _may_hang(self, link: str) -> bool:
        return self._mounts.any_remote and self._mounts.may_hang(
            os.readlink(link), self._targets.devices
        )


def evidence_of(
    uses: Iterable[Use], targets: Targets, pid: int, started_at: float
) -> tuple[Evidence, ...]:
    """The evidence that these uses are, by registered path: the ways in the order of ``How``,
    apart for the file that is at the path now and for one that no longer is."""
    found: dict[tuple[str, bool], set[How]] = {}
    for use in uses:
        if isinstance(use.file, str):
            found.setdefault((use.file, True), set()).add(use.how)
            continue
        for target in targets.at(use.file):
            if not target.is_meant(use.facts):
                continue
            stale = _is_stale(use, use.file, target, started_at)
            found.setdefault((target.path, stale), set()).add(use.how)
    return tuple(
        Evidence(pid, path, tuple(how for how in How if how in ways), stale)
        for (path, stale), ways in sorted(found.items())
    )


def _is_stale(use: Use, key: Key, target: Target, started_at: float) -> bool:
    """An interpreter has read its script when it started; what is there later is another one."""
    if use.how is How.SCRIPT:
        return target.newer_than(started_at)
    content = use.how is How.EXECUTABLE or (use.how is How.MAPPED and use.private)
    return target.is_stale(key, content=content, started_at=started_at)


def _facts_at(path: str, key: Key) -> FileIdentity | None:
    """The facts of the file there, when it is the one with this key."""
    try:
        facts = os.stat(path)
    except (OSError, ValueError):
        return None
    return identity_of(facts) if _key(facts) == key else None


def _key(facts: os.stat_result) -> Key:
    return facts.st_dev, facts.st_ino
