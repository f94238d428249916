"""Looks that end, whatever becomes of what they look at.

The kernel lets a reader of ``cmdline``, ``environ``, ``auxv`` or ``maps`` wait while the memory of
that process is locked, and a process can keep its memory locked for ever: by a page fault in a file
whose file system never answers (FUSE, a dead server). A file system that does not answer holds up
whoever looks at its files, too, also through ``/proc/PID/fd`` of a process in a container. No time
limit ends such a wait, and no signal but one that kills.

So a look runs in a thread of its own, which notes what it is about to wait for. The caller watches:
when the thread has waited for one thing too long, the thread is abandoned, that thing counts as
unresponsive, and the look is made again without it. An abandoned thread goes on waiting, at no
cost, and ends as soon as it can.

Threads are made by ``_thread``: ``threading`` takes a millisecond to import, at every start.
"""

from __future__ import annotations

import _thread
import math
import os
import time
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from restartmanager.model.limits import UNRESPONSIVE_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

_Found = TypeVar("_Found")
_INTERVAL_S = 0.25
_SUSPICIOUS_S = 0.5
"""After so long a wait it is worth finding out who else does not answer."""
_ANSWERS_S = 0.25
"""Who answers at all has done so by then."""
_TRIES = 2
"""After so many tries in vain nothing more of the users is looked into whose processes were silent,
unless that is root: else a user could hold up a look for as long as there are processes to lock."""
_FILES_ASKED = 1000
_STACK_BYTES = 256 * 1024
_PROC = "/proc/"

_looks: dict[int, _Look[object]] = {}
"""The look that each thread works for."""

_asked: dict[str, float] = {}
"""Whom a thread is waiting for, to know when it answers again, and since when; a thread that has
not got the processor yet waits for nobody."""

_silent: set[str] = set()
"""Those of them that have not answered in time. Both are changed by single operations only, which
the interpreter makes one after the other."""


class UnresponsiveError(PermissionError):
    """What is asked has not answered in time, and is not asked again.

    It is a PermissionError because whoever meets one goes on in the same way: this process cannot
    be looked into, the others can. ``subject`` is the folder of a process, or a path.
    """

    def __init__(self, subject: str) -> None:
        super().__init__(f"{subject} does not answer")
        self.subject = subject


class _AbandonedError(BaseException):
    """Ends a thread whose look is being made again by another one."""


def waits_for(subject: str) -> None:
    """Say what the calling thread is about to wait for: a folder such as ``/proc/1/``, or a path.

    To be followed by ``has_it``. Raises UnresponsiveError where that is known not to answer.
    Outside a watched look it does nothing.
    """
    ident = _thread.get_ident()
    look = _looks.get(ident)
    if look is None:
        return
    if look.abandoned:
        raise _AbandonedError
    if subject in look.avoided or (look.users and _user_of(subject) in look.users):
        look.passed_over.add(subject)
        raise UnresponsiveError(subject)
    look.waits[ident] = (subject,)


def has_it() -> None:
    """Say that the wait is over, however it ended; or, within ``Inside``, that the look goes on."""
    ident = _thread.get_ident()
    look = _looks.get(ident)
    if look is None:
        return
    process = look.inside.get(ident)
    if process is None:
        look.waits.pop(ident, None)
    else:
        look.waits[ident] = (process,)


class Inside:
    """A look into one process, by the calling thread: a context in which every single step may
    wait for it, such as a stat(2) of its open files, which may lie on a server of its container.

    ``process`` is its folder below /proc, with a slash. Who takes many steps in a row says
    ``has_it`` in between. Entering raises UnresponsiveError where it is known not to answer.
    """

    __slots__ = ("_process",)

    def __init__(self, process: str) -> None:
        self._process = process

    def __enter__(self) -> None:
        waits_for(self._process)
        ident = _thread.get_ident()
        look = _looks.get(ident)
        if look is not None:
            look.inside[ident] = self._process

    def __exit__(self, *_: object) -> None:
        ident = _thread.get_ident()
        look = _looks.get(ident)
        if look is not None:
            look.inside.pop(ident, None)
            look.waits.pop(ident, None)


def patient_read(descriptor: int, size: int, subject: str) -> bytes:
    """``os.read`` that is watched: see ``waits_for``."""
    waits_for(subject)
    try:
        return os.read(descriptor, size)
    finally:
        has_it()


def patient_stat(
    path: str, subject: str, *, dir_fd: int | None = None, follow_symlinks: bool = True
) -> os.stat_result:
    """``os.stat`` that is watched: see ``waits_for``."""
    waits_for(subject)
    try:
        return os.stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
    finally:
        has_it()


def watched(look: Callable[[], _Found]) -> _Found:
    """Make this look, which must change nothing, so that it ends; what it found.

    Within a watched look it is a plain call. Raises what the look raises.
    """
    if _thread.get_ident() in _looks:
        return look()
    avoided = set(_silent)
    users: set[int] = set()
    tries = 0
    while True:
        one = _Look(look, avoided, users)
        one.begin()
        late = one.wait()
        if not late:
            return one.result()
        tries += 1
        avoided = avoided | late | _silent_among_asked()
        if tries >= _TRIES:  # somebody locks one process after the other
            users = users | {user for subject in late if (user := _user_of(subject))}


def helps(work: Callable[[], object]) -> Callable[[], object]:
    """The same work, for another thread to do for the look of the calling thread: it is watched
    as part of it."""
    look = _looks.get(_thread.get_ident())
    if look is None:
        return work

    def helping() -> object:
        ident = _thread.get_ident()
        _looks[ident] = look
        try:
            return work()
        except _AbandonedError:
            return None
        finally:
            look.inside.pop(ident, None)
            look.waits.pop(ident, None)
            _looks.pop(ident, None)

    return helping


def passed_over() -> tuple[int, ...]:
    """The numbers of the processes that this look has passed over because they do not answer."""
    look = _looks.get(_thread.get_ident())
    subjects = look.passed_over if look is not None else ()
    numbers = (subject.removeprefix(_PROC).partition("/")[0] for subject in subjects)
    return tuple(sorted(int(number) for number in numbers if number.isdigit()))


class _Look(Generic[_Found]):
    """One try at a look, and the thread that makes it.

    ``waits`` has what each of its threads waits for, in a tuple that is made for that one wait:
    the same tuple after a while means the same wait. ``inside`` has the processes that its threads
    look into.
    """

    def __init__(
        self,
        look: Callable[[], _Found],
        avoided: AbstractSet[str],
        users: AbstractSet[int] = frozenset(),
    ) -> None:
        self._look = look
        self.avoided = avoided
        self.users = users
        self._done = _thread.allocate_lock()
        self._found: _Found | None = None
        self._error: BaseException | None = None
        self.waits: dict[int, tuple[str]] = {}
        self.inside: dict[int, str] = {}
        self.passed_over: set[str] = set()
        self.abandoned = False

    def begin(self) -> None:
        self._done.acquire()
        _thread.start_new_thread(self._run, ())

    def _run(self) -> None:
        ident = _thread.get_ident()
        _looks[ident] = cast("_Look[object]", self)
        try:
            self._found = self._look()
        except _AbandonedError:
            pass
        except BaseException as error:  # noqa: BLE001 - handed on to the caller
            self._error = error
        finally:
            _looks.pop(ident, None)
            self._done.release()

    def wait(self) -> set[str]:
        """Wait until it is done; what does not answer, which means that it is abandoned."""
        before: dict[tuple[str], float] = {}
        try:
            while not self._done.acquire(timeout=_INTERVAL_S):
                now = time.monotonic()
                waits = list(self.waits.values())
                before = {wait: _since(wait, before, now) for wait in waits}
                late = {w[0] for w, since in before.items() if now - since >= UNRESPONSIVE_S}
                if late:
                    self.abandoned = True
                    return late
                _ask_all({w[0] for w, since in before.items() if now - since >= _SUSPICIOUS_S})
        except BaseException:
            self.abandoned = True
            raise
        return set()

    def result(self) -> _Found:
        if self._error is not None:
            raise self._error
        return cast("_Found", self._found)


def _since(wait: tuple[str], before: dict[tuple[str], float], now: float) -> float:
    """Since when this very wait has been seen; equal ones are told apart by their identity."""
    return next((since for seen, since in before.items() if seen is wait), now)


def _user_of(subject: str) -> int:
    """The user as whom a process runs, which the kernel tells without its memory; 0 where it is
    root, or gone, or the subject is a path."""
    if not subject.startswith(_PROC):
        return 0
    try:
        with open(f"{subject}status", "rb") as file:
            lines = file.read(4096).split(b"\n")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(b"Uid:")), 0)


# -- who does not answer ---------------------------------------------------------------------------


def _ask_all(late: set[str]) -> None:
    """Ask these and, unless they are files, all processes, to know in time who else is silent.

    Each is asked in a thread of its own, all at once, so that a hundred that do not answer take no
    longer than one. The threads of those go on waiting: the next looks need not find them again.
    """
    if not late or late <= _asked.keys():
        return
    subjects = set(late)
    if any(subject.startswith(_PROC) or not subject.startswith("/") for subject in late):
        subjects |= {f"{_PROC}{name}/" for name in os.listdir(_PROC) if name.isdigit()}
    before = _thread.stack_size(_STACK_BYTES)
    try:
        for subject in subjects - _asked.keys():
            _asked[subject] = math.inf
            try:
                _thread.start_new_thread(_ask, (subject,))
            except RuntimeError:  # there are as many threads as there may be: its turn will come
                _asked.pop(subject, None)
                break
    finally:
        _thread.stack_size(before)


def _silent_among_asked() -> set[str]:
    """Those that were asked and have not answered."""
    late = time.monotonic() - _ANSWERS_S
    silent = {subject for subject, since in list(_asked.items()) if since <= late}
    _silent.update(silent)
    _silent.intersection_update(list(_asked))  # without who has answered between these lines
    return silent


def _ask(subject: str) -> None:
    """Wait for the answer of one of them, however long that takes."""
    _asked[subject] = time.monotonic()
    try:
        if subject.startswith(_PROC):
            _ask_process(subject)
        else:
            os.stat(subject)
    except (OSError, ValueError):  # it is gone, or closed to us: that is an answer
        pass
    finally:
        _asked.pop(subject, None)
        _silent.discard(subject)


def _ask_process(folder: str) -> None:
    """Wait for all that a look into this process may wait for: its memory and, where it has mounts
    of its own, its open files."""
    descriptor = os.open(folder + "cmdline", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.read(descriptor, 1)
    finally:
        os.close(descriptor)
    if os.readlink(folder + "ns/mnt") == os.readlink("/proc/self/ns/mnt"):
        return
    files = (f"fd/{number}" for number in os.listdir(folder + "fd")[:_FILES_ASKED])
    for name in ("exe", "cwd", "root", *files):
        try:
            os.stat(folder + name)
        except OSError:  # closed meanwhile, or refused: that is an answer
            continue
