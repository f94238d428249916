"""Ways: what lies on the way to a file, looked at step by step, and who else could change it.

The way is walked from the root directory, name by name, with links resolved by hand. Each name is
looked up in the folder that was looked at before, held by a descriptor (O_PATH), and judged by
``rules.trust`` before anything behind it is touched: so the walk never gets to what a stranger's
file system would answer, and nothing that it has passed can be exchanged by a stranger.
"""

from __future__ import annotations

import errno
import os
import stat
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.adapters.proc.mounts import mount_number, server_of_mount
from restartmanager.adapters.proc.watched import has_it, waits_for
from restartmanager.rules.trust import Step, Trust

if TYPE_CHECKING:
    from typing import Self


_LINKS = 40  # path_resolution(7): the kernel follows no more
_LOOKS = 4000
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_NOTHING = (errno.ENOENT, errno.ENAMETOOLONG)
_CLOSED = -1


class Way(NamedTuple):
    """What a path leads to, and who else could change that: ``risk`` is empty for nobody.

    ``facts`` and ``path``, which has no links, are those of what is at its end; without facts there
    is nothing (``missing``), or it cannot be seen from outside.
    """

    risk: str = ""
    facts: os.stat_result | None = None
    path: str = ""
    missing: bool = False

    @property
    def leads_to_file(self) -> bool:
        """Whether a regular file is at its end."""
        return self.facts is not None and stat.S_ISREG(self.facts.st_mode)


class _Place(NamedTuple):
    """A step with what else was seen of it."""

    step: Step
    mount: bytes | None
    facts: os.stat_result


class Ways:
    """The ways to files, judged for what runs as one user.

    Paths are absolute, and mean what they mean to the caller. What several ways share is looked at
    once: make one for each question, and do not keep it.
    """

    def __init__(self, uid: int) -> None:
        self.trust = Trust(uid, cache(_members_of))
        self.folders: dict[str, _Place] = {}
        """Those that were passed, by their paths."""
        self.looks_left = _LOOKS

    def count(self) -> None:
        """Count a look, or a way; ValueError when it is one too many."""
        self.looks_left -= 1
        if self.looks_left < 0:
            raise ValueError("too many files are on the way")

    def to_file(self, path: str) -> Way:
        """The way to a program or a script, or to a folder in which code is searched for. It may
        be missing, as long as nobody else can put one there."""
        way, last = self._walk(path)
        return way if last is None else way._replace(risk=self.trust.against_file(last))

    def to_working_directory(self, path: str) -> Way:
        """The way to a folder in which others may have files too, if each can alter only his."""
        way, last = self._walk(path)
        if last is None:
            return way
        return way._replace(risk=self.trust.against_working_directory(last))

    def _walk(self, path: str) -> tuple[Way, Step | None]:
        """The way as far as it is safe and can be seen; its last step where that is its end."""
        try:
            self.count()
            with _Walk(self) as walk:
                found = walk.to(path)
        except (OSError, ValueError, LookupError) as error:
            why = getattr(error, "strerror", None) or error
            return Way(f"{path!r} cannot be looked at ({why})"), None
        if isinstance(found, Way):
            return found, None
        return Way("", found.facts, found.step.path), found.step


def risk_of(path: str, opened: os.stat_result, uid: int) -> str:
    """Who but root and this user could have put this file, which was opened there, at this path, or
    could have changed it; empty for nobody."""
    way = Ways(uid).to_file(path)
    if way.risk:
        return way.risk
    if way.facts is None or not os.path.samestat(way.facts, opened):
        return f"{path!r} is being exchanged"
    return ""


class _Walk:
    """One walk from the root directory; leaving the context closes what it holds."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._links = 0
        self._passed: list[_Place] = []
        self._fd = _CLOSED
        """The folder that was passed last, where it is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _close(self._fd)

    def to(self, path: str) -> _Place | Way:
        """What is at the end of the path; a way where it ends before that. Raises OSError,
        ValueError, LookupError."""
        self._begin()
        names = _names(path)[::-1]
        while names:
            name = names.pop()
            if name == "..":
                self._go_up()
                continue
            found = self._follow(name)
            if isinstance(found, str):
                if found.startswith("/"):
                    self._begin()
                names += _names(found)[::-1]
            elif isinstance(found, Way):
                return found
            elif not stat.S_ISDIR(found.step.mode):
                return Way(missing=True) if names else found
        return self._passed[-1]

    def _follow(self, name: str) -> _Place | Way | str:
        """What this name in the last folder is; of a link, its text. A folder is entered."""
        folder = self._passed[-1]
        path = os.path.join(folder.step.path, name)
        if path in self._ways.folders:
            self._enter(self._ways.folders[path], _CLOSED)
            return self._passed[-1]
        try:
            fd = self._open(path, name)
        except PermissionError:
            risk = self._ways.trust.against_entry(folder.step, Step(path))
            if risk or folder.step.closed_to_others:  # then only its owner gets any further
                return Way(risk)
            raise
        try:
            place = self._look(path, fd)
            if isinstance(place, Way):
                return place
            if stat.S_ISLNK(place.step.mode):
                return self._text_of(path, fd)
            if stat.S_ISDIR(place.step.mode):
                self._ways.folders[path] = place
                self._enter(place, fd)
                fd = _CLOSED
            return place
        finally:
            _close(fd)

    def _open(self, path: str, name: str) -> int:
        """A descriptor of what has this name in the last folder; _CLOSED where there is nothing."""
        self._ways.count()
        if self._fd < 0:
            self._fd = os.open(self._passed[-1].step.path, _LOOK)
        waits_for(path)  # a file system may be one that does not answer
        try:
            return os.open(name, _LOOK, dir_fd=self._fd)
        except OSError as error:
            if error.errno in _NOTHING:
                return _CLOSED
            raise
        finally:
            has_it()

    def _look(self, path: str, fd: int) -> _Place | Way:
        """What was opened in the last folder, if it is there, and nobody else can exchange it."""
        trust, folder = self._ways.trust, self._passed[-1]
        if fd < 0:
            return Way(trust.against_entry(folder.step, Step(path)), missing=True)
        mount = mount_number(fd)
        server = 0 if mount == folder.mount else server_of_mount(mount)
        risk = trust.against_server(path, server) if server else ""
        if risk or server not in {0, os.geteuid()}:  # who asks it may wait for ever
            return Way(risk)
        waits_for(path)
        try:
            facts = os.fstat(fd)
            place = _Place(_step(path, fd, facts), mount, facts)
        finally:
            has_it()
        risk = trust.against_entry(folder.step, place.step)
        return Way(risk) if risk else place

    def _text_of(self, path: str, fd: int) -> str | Way:
        self._links += 1
        if self._links > _LINKS:
            return Way(f"{path!r} is one link too many")
        if path.startswith("/proc/"):
            return Way(f"it leads through {path!r}, which means something else to each process")
        return os.readlink("", dir_fd=fd)

    def _enter(self, folder: _Place, fd: int) -> None:
        _close(self._fd)
        self._fd = fd
        self._passed.append(folder)

    def _go_up(self) -> None:
        _close(self._fd)
        self._fd = _CLOSED
        if len(self._passed) > 1:
            self._passed.pop()

    def _begin(self) -> None:
        root = self._ways.folders.get("/")
        _close(self._fd)
        self._fd = _CLOSED
        if root is None:
            self._fd = os.open("/", _LOOK)
            facts = os.fstat(self._fd)
            root = _Place(_step("/", self._fd, facts), mount_number(self._fd), facts)
            self._ways.folders["/"] = root
        self._passed = [root]


def _step(path: str, fd: int, facts: os.stat_result) -> Step:
    mode, group = facts.st_mode, facts.st_gid
    grants = None
    # The bits of the group are the most that a list can grant (acl(5)); links have none.
    if mode & stat.S_IWGRP and not stat.S_ISLNK(mode):
        from restartmanager.adapters.proc.writers import acl_of, parse_acl

        acl = acl_of(fd, path)
        grants = None if acl is None else parse_acl(acl, group)
    return Step(path, mode, facts.st_uid, group, facts.st_nlink, grants)


def _members_of(gid: int) -> frozenset[int] | None:
    from restartmanager.adapters.proc.writers import members_of  # seldom needed

    return members_of(gid)


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in {"", "."}]


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)
