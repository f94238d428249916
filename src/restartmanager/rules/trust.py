"""Trust: who could have changed a file, or have put another one in its place.

What is started for a user may be changeable by nobody but root and that user. A path is as safe as
the least safe step on the way to it, so each is judged by itself, from the root directory on::

    >>> nobody_else = Trust(1000, members_of={1000: frozenset({1000})}.get)
    >>> folder = Step("/srv/tool", 0o040755, uid=65002)
    >>> nobody_else.against_entry(folder, Step("/srv/tool/prog", 0o100755))
    "user 65002 can change '/srv/tool'"

Whoever owns a folder, or may write to it, can exchange what is in it (path_resolution(7)); where it
is sticky only its owner can, and the owner of the entry.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


UNKNOWN_USER = -1
"""The member of a group whose name no user has: it may belong to anybody."""

_ENTERED_BY_OTHERS = stat.S_IXGRP | stat.S_IXOTH


class Grant(NamedTuple):
    """An entry of an access control list that names a user or a group, and lets it write."""

    id: int
    is_group: bool


class Step(NamedTuple):
    """One file, folder or link on a way, as fstat(2) shows it; where nothing is, ``mode`` is 0."""

    path: str
    mode: int = 0
    uid: int = 0
    gid: int = 0
    names: int = 1
    """The number of its hard links."""
    acl: Sequence[Grant] | None = None
    """Whom its access control list lets write, the owning group included; None without a list."""

    @property
    def missing(self) -> bool:
        """Whether there is nothing."""
        return not self.mode

    @property
    def closed_to_others(self) -> bool:
        """Whether nobody but its owner, and root, gets into this folder. Entries of an access
        control list can grant no more than the bits of the group (acl(5))."""
        return not self.mode & _ENTERED_BY_OTHERS


class Trust(NamedTuple):
    """The judgement for what runs as user ``uid``: that user and root may change it.

    ``members_of`` gives the users of a group, and None for a group that nobody knows. Every answer
    is a sentence about who else could change what, without a full stop; empty when nobody can.
    """

    uid: int
    members_of: Callable[[int], frozenset[int] | None]

    def against_entry(self, folder: Step, entry: Step) -> str:
        """Who could put something else in the place of this entry of a folder."""
        if not self._is_trusted(folder.uid):
            return _can_change(f"user {folder.uid}", folder)
        writer = self._writer(folder)
        if not writer:
            return ""
        if not folder.mode & stat.S_ISVTX:
            return _can_change(writer, folder)
        return self._against_entry_of_all(writer, entry)

    def _against_entry_of_all(self, writer: str, entry: Step) -> str:
        """The same for a sticky folder that ``writer`` may add to."""
        if entry.missing:
            return f"{entry.path!r} is missing, and {writer} can make it"
        if not self._is_trusted(entry.uid):
            return _can_change(f"user {entry.uid}", entry)
        if stat.S_ISREG(entry.mode) and entry.names > 1:  # proc_sys_fs(5), protected_hardlinks
            return f"{entry.path!r} has a second name, and {writer} can have given it this one"
        return ""

    def against_file(self, file: Step) -> str:
        """Who could change the contents of a file, or a folder without regard to its sticky bit."""
        if not self._is_trusted(file.uid):
            return _can_change(f"user {file.uid}", file)
        writer = self._writer(file)
        return _can_change(writer, file) if writer else ""

    def against_working_directory(self, folder: Step) -> str:
        """Who could exchange the files in a folder; to a sticky one others may add their own."""
        if self._is_trusted(folder.uid) and folder.mode & stat.S_ISVTX:
            return ""
        return self.against_file(folder)

    def against_server(self, mount_point: str, server: int) -> str:
        """Who could change all of a file system because a process of his answers for it (fuse(4));
        ``server`` is that user."""
        if self._is_trusted(server):
            return ""
        return f"user {server} can change {mount_point!r}, a file system of his own"

    def _is_trusted(self, uid: int) -> bool:
        return uid in {0, self.uid}

    def _writer(self, step: Step) -> str:
        """Who else may write to it, but for its owner; empty for nobody."""
        if step.mode & stat.S_IWOTH:
            return "everybody"
        if not step.mode & stat.S_IWGRP:
            return ""
        grants = (Grant(step.gid, is_group=True),) if step.acl is None else step.acl
        for grant in grants:
            if grant.is_group and not self._is_trusted_group(grant.id):
                return f"group {grant.id}"
            if not grant.is_group and not self._is_trusted(grant.id):
                return f"user {grant.id}"
        return ""

    def _is_trusted_group(self, gid: int) -> bool:
        members = self.members_of(gid)
        if members is None:
            return gid == 0
        return members <= {0, self.uid}


def _can_change(who: str, step: Step) -> str:
    return f"{who} can change {step.path!r}"
