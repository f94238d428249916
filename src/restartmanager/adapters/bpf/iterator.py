"""Questions to the kernel by BPF iterators: who holds files, and which code runs.

BPF iterators (Documentation/bpf/bpf_iterators.rst) visit every descriptor, every mapping and every
task and answer with the processes that use the files asked for: the same answer as reading all of
/proc, in a fraction of the time. It needs Linux 6.2 or one that has its repairs, type information
(CONFIG_DEBUG_INFO_BTF), the rights of root, and the first pid namespace. Where one of these is
missing, or the kernel refuses for another reason, everything here raises UnsupportedError and the
caller reads /proc instead. Whether to ask at all is the caller's to decide.

Nothing is believed without proof. On loading, and again with every question, a nameless file of our
own is open and mapped, and the answer only counts when it names this process for that file.

Limits. Files are told apart by the super block's device and the inode number as the kernel has
them. Two file systems show others in stat(2): on **btrfs** every subvolume has a device of its own,
so files there are never found; on **overlayfs** a mapping belongs to the file of a layer, so
mappings are not found, nor open files where the layers lie on several file systems. Do not ask
about files on these. What no task has as descriptor, mapping, executable or directory is not seen:
descriptors in flight between sockets, files registered with io_uring, loop devices, swap files.
Like /proc/PID/maps, visiting mappings waits for a process that holds its own memory lock.
"""

from __future__ import annotations

import errno
import os
import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from restartmanager.adapters.bpf import syscall
from restartmanager.adapters.bpf.btf import BtfError
from restartmanager.adapters.bpf.kernel_layout import BTF_PATH, facts_to_try
from restartmanager.adapters.bpf.loader import (
    LARGEST_QUESTION,
    Answer,
    Hit,
    LoadedPrograms,
    SelfTestError,
)
from restartmanager.adapters.proc.procfs import in_first_pid_namespace
from restartmanager.adapters.proc.watched import has_it, waits_for
from restartmanager.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import Self

    from restartmanager.adapters.bpf.btf import KernelFacts
    from restartmanager.adapters.bpf.running_code import RunningCode


_Proven = TypeVar("_Proven")

_WHAT = "Asking the kernel who holds files"
_CAP_SYS_ADMIN, _CAP_PERFMON, _CAP_BPF = 21, 38, 39


class KernelIterator:
    """The question to the kernel who holds files; loaded on entering, for any number of questions.

    ``cache_folder`` is a folder of the caller's own in which the numbers about this kernel are
    kept, to spare a tenth of a second. Entering raises UnsupportedError where the kernel cannot be
    asked; its ``detail`` has the end of the verifier's log if that refused. Whoever forgets to
    close it keeps nothing open: it is unloaded with the object.
    """

    def __init__(self, cache_folder: str | None = None) -> None:
        self._cache_folder = cache_folder
        self._lock = threading.Lock()
        self._loaded: LoadedPrograms | None = None
        self._unload: weakref.finalize[[], KernelIterator] | None = None

    def __enter__(self) -> Self:
        with self._lock, _refusals_explained():
            if self._loaded is None:
                self._loaded = _load(self._cache_folder)
                self._unload = weakref.finalize(self, self._loaded.close)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Unload everything; any number of times."""
        with self._lock:
            self._close()

    def find(self, targets: Collection[tuple[int, int]]) -> Answer:
        """All uses of the files with these (``st_dev``, ``st_ino``), in one look at the machine;
        without any there is no look.

        OPEN and MAPPED are always found. EXECUTABLE, CWD and ROOT are where the kernel named this
        very process for its own executable and directories. It does not when these lie on btrfs or
        overlayfs, for then they prove nothing: look for such uses in /proc.

        Process numbers are of tgids, so threads count as their process. Processes that come and go
        meanwhile may be missing or gone, as with /proc. Raises UnsupportedError when the kernel
        refuses or its answer lacks the proof; nothing of the answer is given then. May be called
        from several threads, one of which is served at a time.
        """
        with _refusals_explained():  # a look that was abandoned may still hold the lock
            waits_for(syscall.ITERATOR)
            has_it()
        with self._lock, _refusals_explained():
            loaded = self._demand()
            wanted = list(dict.fromkeys(targets))
            step = LARGEST_QUESTION
            try:
                some = [loaded.find(wanted[at : at + step]) for at in range(0, len(wanted), step)]
            except BaseException:
                # The map may hold what was not taken out again: the next answer would be wrong.
                self._close()
                raise
            hits = frozenset[Hit]().union(*(answer.hits for answer in some))
            return Answer(hits, frozenset[int]().union(*(answer.processes for answer in some)))

    def _demand(self) -> LoadedPrograms:
        if self._loaded is None:
            raise UnsupportedError(_WHAT, "it is not loaded, or was unloaded after a failure")
        return self._loaded

    def _close(self) -> None:
        if self._unload is not None:
            self._unload()
            self._loaded = self._unload = None


def running_code(cache_folder: str | None = None) -> RunningCode:
    """All code that runs on this machine, in one look: see ``RunningCode``.

    Raises UnsupportedError as ``KernelIterator`` does.
    """
    from restartmanager.adapters.bpf.running_code import ask_for_code

    with _refusals_explained():
        return _first_proven(cache_folder, ask_for_code)


def why_unavailable(cache_folder: str | None = None) -> str | None:
    """Why the kernel cannot be asked here, as one sentence; None when it can.

    Everything is tried out, down to the self-test, which takes about a tenth of a second without
    ``cache_folder``.
    """
    try:
        with KernelIterator(cache_folder):
            return None
    except UnsupportedError as error:
        return error.message


# -- loading -----------------------------------------------------------------------------------


def _load(cache_folder: str | None) -> LoadedPrograms:
    return _first_proven(cache_folder, LoadedPrograms)


def _first_proven(cache_folder: str | None, attempt: Callable[[KernelFacts], _Proven]) -> _Proven:
    """The result of the attempt with the first numbers that prove right."""
    obstacle = _obstacle()
    if obstacle:
        raise UnsupportedError(_WHAT, obstacle)
    problem: Exception = SelfTestError()
    for facts in facts_to_try(cache_folder):
        try:
            return attempt(facts)
        except (syscall.BpfError, SelfTestError) as error:
            problem = error
    raise problem


# -- why not -----------------------------------------------------------------------------------


@contextmanager
def _refusals_explained() -> Iterator[None]:
    """Make all that can go wrong inside one kind of error, which means: read /proc instead."""
    try:
        yield
    except syscall.BpfError as error:
        raise _unsupported(_explanation(error), error.log) from error
    except (BtfError, SelfTestError) as error:
        raise _unsupported(str(error)) from error
    except OSError as error:
        raise _unsupported(f"a file of our own cannot be opened ({error.strerror})") from error


def _unsupported(why: str, detail: str = "") -> UnsupportedError:
    error = UnsupportedError(_WHAT, why)
    error.detail = detail
    return error


def _explanation(error: syscall.BpfError) -> str:
    if error.number == errno.EPERM:
        return (
            f"the kernel refused {error}; the rights are there, so a user namespace, kernel "
            "lockdown, a security module or a system call filter takes away their effect"
        )
    return f"the kernel refused {error}"


def _obstacle() -> str | None:
    """The obstacle that can be known without trying, as the end of a sentence."""
    if not syscall.is_machine_known():
        return f"the system call is not known for this kind of machine ({os.uname().machine})"
    if not os.path.exists(BTF_PATH):
        return f"the kernel does not show its types ({BTF_PATH} is missing)"
    if not in_first_pid_namespace():
        return (
            "this process lives in a pid namespace of its own, where the kernel's process numbers "
            "mean nothing"
        )
    if not _has_rights():
        return "it needs root's rights, or the capabilities CAP_BPF and CAP_PERFMON"
    return None


def _has_rights() -> bool:
    """capabilities(7): CAP_SYS_ADMIN stands for the two since they were split off it (5.8)."""
    try:
        with open("/proc/thread-self/status", "rb") as file:
            line = next(line for line in file if line.startswith(b"CapEff:"))
    except (OSError, StopIteration):
        return True
    held = int(line.split()[1], 16)
    both = 1 << _CAP_BPF | 1 << _CAP_PERFMON
    return bool(held & 1 << _CAP_SYS_ADMIN) or held & both == both
