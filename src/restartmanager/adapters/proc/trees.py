"""Trees, walked by descriptors: what somebody exchanges with a link meanwhile leads nowhere.

Each folder is opened from the one that holds it, by its name alone and without following a link,
and what is in it is looked at from there. So nothing outside the tree can be taken for a part of
it, whatever is moved, and when. The way to the tree itself may have links: ``rules.links`` says
which of them count.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.dead_mounts import dead_mounts_below
from restartmanager.adapters.proc.mounts import below
from restartmanager.adapters.proc.watched import has_it, waits_for
from restartmanager.rules.links import Link, why_not_followed

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from typing import Self


_STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = _STEP | os.O_DIRECTORY
_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LINKS = 40  # path_resolution(7): the kernel follows no more
_NAMES = 4096
_PATH_MAX = 4096
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_OPEN = 64
"""So many folders above the one that is being listed stay open at most."""
_THE_KERNELS = frozenset({"/proc", "/sys"})
"""Nothing there is a file that anybody changes."""


class TurnedLinkError(OSError):
    """A link on the way to a folder counts for nothing; ``strerror`` names it and says why."""

    def __init__(self, path: str, link: str, why: str) -> None:
        super().__init__(errno.ELOOP, f"{link!r} is a link, and {why}", path)


class Tree:
    """One tree, held by a descriptor of its folder; use it in a ``with`` statement.

    ``path`` is absolute; ``real_path`` leads to the same folder without links. Raises OSError where
    there is no folder, TurnedLinkError where a link on the way to it could have been turned there
    by somebody else than its owner.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        waits_for(path)
        try:
            self._held, self.real_path, links = _open_folder(path)
        finally:
            has_it()
        try:
            _check(path, links, self._owner())
            self._passed_over = frozenset(self._named(_points_in(self.real_path)))
        except BaseException:
            os.close(self._held)
            raise

    def _owner(self) -> int:
        waits_for(self.path)
        try:
            return os.fstat(self._held).st_uid
        finally:
            has_it()

    def _named(self, real_paths: Iterable[str]) -> Iterator[str]:
        """These paths below the real one, as they are called from this one."""
        start = len(_with_slash(self.real_path))
        return (_with_slash(self.path) + path[start:] for path in real_paths)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._held)

    def is_listable(self) -> bool:
        """Whether the caller may see what is in the folder itself."""
        waits_for(self.path)
        try:
            os.close(os.open(".", _LISTED, dir_fd=self._held))
        except PermissionError:
            return False
        except OSError:
            return True
        finally:
            has_it()
        return True

    def walk(self) -> Generator[tuple[str, os.stat_result], None, None]:
        """The folder and everything below it but symbolic links, which nobody can hold, each by
        its path below ``path``.

        What vanishes meanwhile, folders that the caller may not read, and those below a folder
        whose path is too long to be one, are left out. File systems that are mounted below belong
        to it, unless the program that answers for one does not.
        """
        yield self.path, os.fstat(self._held)
        with _Descent(self._held, self.path) as descent:
            while (folder := descent.next()) is not None:
                above = _with_slash(folder.path)
                try:
                    with os.scandir(folder.descriptor) as entries:
                        for entry in entries:
                            try:
                                if above + entry.name in self._passed_over:
                                    continue
                                facts = _facts(entry, above)
                            except OSError:
                                continue
                            path, mode = above + entry.name, facts.st_mode
                            if stat.S_ISLNK(mode):
                                continue
                            if stat.S_ISDIR(mode):
                                if path in self._passed_over:
                                    continue
                                folder.inner.append(entry.name)
                            yield path, facts
                except OSError:
                    continue

    def look_at(self, paths: Iterable[str]) -> Iterator[tuple[str, os.stat_result | None]]:
        """What is at each of these paths below ``path`` now, None where the caller may not see
        it; links are not followed, and what is not there is left out."""
        above = len(_with_slash(self.path))
        folders: dict[str, list[str]] = {}
        for path in paths:
            folders.setdefault(os.path.dirname(path), []).append(path)
        for folder, inside in folders.items():
            try:
                with _opened_below(self._held, folder[above:]) as descriptor:
                    yield from _look_in(descriptor, inside)
            except OSError as error:
                if error.errno in _NOT_THERE:
                    continue
                yield from ((path, None) for path in inside)


def _points_in(folder: str) -> set[str]:
    """The mount points below this folder that are passed over."""
    return dead_mounts_below(folder) | {point for point in _THE_KERNELS if below(point, folder)}


def _facts(entry: os.DirEntry[str], above: str) -> os.stat_result:
    """The facts of an entry itself; a folder may be the root of a mount that does not answer."""
    if not entry.is_dir(follow_symlinks=False):
        return entry.stat(follow_symlinks=False)
    waits_for(above + entry.name)
    try:
        return entry.stat(follow_symlinks=False)
    finally:
        has_it()


def _open_folder(path: str) -> tuple[int, str, list[tuple[str, Link]]]:
    """A descriptor (O_PATH) of the folder that this absolute path leads to, walked name by name,
    its path without links, and the links on the way, each with its path."""
    links: list[tuple[str, Link]] = []
    held, passed = os.open("/", _FOLDER), [""]
    try:
        names = _names(path)
        while names:
            name = names.pop(0)
            step = os.open(name, _STEP, dir_fd=held)
            try:
                facts = os.fstat(step)
                if stat.S_ISLNK(facts.st_mode):
                    links.append(("/".join((*passed, name)), _link(facts, os.fstat(held))))
                    text = os.readlink("", dir_fd=step)
                    names[:0] = _names(text)
                    if len(links) > _LINKS or len(names) > _NAMES:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                    if text.startswith("/"):
                        root = os.open("/", _FOLDER)
                        os.close(held)
                        held, passed = root, [""]
                    continue
                if not stat.S_ISDIR(facts.st_mode):
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
                passed = passed[:-1] or [""] if name == ".." else [*passed, name]
                held, step = step, held
            finally:
                os.close(step)
    except BaseException:
        os.close(held)
        raise
    return held, "/".join(passed) or "/", links


def _check(path: str, links: Iterable[tuple[str, Link]], target_owner: int) -> None:
    for where, link in links:
        why = why_not_followed(link, target_owner, os.geteuid())
        if why:
            raise TurnedLinkError(path, where, why)


def real_path_of(path: str) -> str | None:
    """Where this folder is, or was before it was removed, without links that do not count; None
    where one of them is on the way, or the caller may not go it."""
    names: list[str] = []
    while True:
        try:
            with Tree(path) as tree:
                return os.path.join(tree.real_path, *names)
        except (FileNotFoundError, NotADirectoryError):
            path, name = os.path.split(path)
            names.insert(0, name)
        except OSError:
            return None


# -- the way down ----------------------------------------------------------------------------------


class _Folder:
    """A folder that was listed; ``inner`` are the names of those in it that were not yet."""

    __slots__ = ("descriptor", "inner", "path")

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor: int | None = descriptor
        self.inner: list[str] = []


class _Descent:
    """The way from a tree's own folder down to the one at hand: the folders on it that have more
    to be listed. The last of them are open; those far above are opened again when it is their
    turn, from the tree's own folder, so that no depth takes more descriptors."""

    def __init__(self, held: int, path: str) -> None:
        self._held = held
        self._path = path
        self._way: list[_Folder] = []
        self._begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._way:
            self._leave()

    def next(self) -> _Folder | None:
        """The next folder, to be listed, its inner folders to be noted in it; None at the end."""
        if not self._begun:
            self._begun = True
            try:
                return self._enter(self._path, os.open(".", _LISTED, dir_fd=self._held))
            except OSError:
                return None
        while self._way:
            above = self._way[-1]
            if not above.inner:
                self._leave()
            elif above.descriptor is None:
                self._open_again()
            else:
                name = above.inner.pop()
                path = _with_slash(above.path) + name
                try:
                    descriptor = os.open(name, _LISTED, dir_fd=above.descriptor)
                except OSError:
                    continue
                if len(os.fsencode(path)) < _PATH_MAX:
                    return self._enter(path, descriptor)
                os.close(descriptor)
        return None

    def _enter(self, path: str, descriptor: int) -> _Folder:
        if self._way and not self._way[-1].inner:
            self._leave()
        folder = _Folder(path, descriptor)
        self._way.append(folder)
        if len(self._way) > _OPEN:
            _close(self._way[-_OPEN - 1])
        return folder

    def _leave(self) -> None:
        _close(self._way.pop())

    def _open_again(self) -> None:
        """Open the last part of the way; what is no longer there is left."""
        descriptor, path = self._held, self._path
        start = max(0, len(self._way) - _OPEN)
        for number, folder in enumerate(self._way[start:], start):
            try:
                descriptor = _open_below(descriptor, folder.path[len(path) :])
            except OSError:
                del self._way[number:]
                return
            folder.descriptor, path = descriptor, folder.path


def _close(folder: _Folder) -> None:
    if folder.descriptor is not None:
        os.close(folder.descriptor)
        folder.descriptor = None


def _open_below(start: int, path: str) -> int:
    """A descriptor (O_PATH) of the folder at this path below ``start``, no link followed."""
    held = os.open(".", _FOLDER, dir_fd=start)
    for name in _names(path):
        try:
            step = os.open(name, _FOLDER, dir_fd=held)
        finally:
            os.close(held)
        held = step
    return held


@contextmanager
def _opened_below(start: int, path: str) -> Iterator[int]:
    descriptor = _open_below(start, path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _look_in(descriptor: int, paths: Iterable[str]) -> Iterator[tuple[str, os.stat_result | None]]:
    for path in paths:
        name = os.path.basename(path) or "."
        try:
            facts = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NOT_THERE:
                yield path, None
        else:
            if not stat.S_ISLNK(facts.st_mode):
                yield path, facts


# -- the way to it ---------------------------------------------------------------------------------


def _link(facts: os.stat_result, folder: os.stat_result) -> Link:
    return Link(
        owner=facts.st_uid,
        names=facts.st_nlink,
        folder_owner=folder.st_uid,
        folder_open=bool(folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH)),
    )


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in {"", "."}]


def _with_slash(path: str) -> str:
    return path if path.endswith("/") else f"{path}/"
