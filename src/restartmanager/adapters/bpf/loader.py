"""The programs in the kernel, the map of targets that they share, and the proof of their answers.

The proof is a file of our own, nameless, open and mapped while the kernel is asked: an answer only
counts when it names this process for that file, in these two ways. Wrong numbers about the kernel
or process numbers of another pid namespace cannot pass.
"""

from __future__ import annotations

import mmap
import os
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.adapters.bpf import syscall
from restartmanager.adapters.bpf.holders_program import KEY, KINDS, RECORD, RUNNING, VALUE, programs
from restartmanager.model import How

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from restartmanager.adapters.bpf.btf import KernelFacts


_Target = tuple[int, int]

_CAPACITY = 1 << 16  # of the map; memory is taken for what is in it only
LARGEST_QUESTION = _CAPACITY - 1
"""The greatest number of files in one question, our own not counted."""

# Where a file of our own may lie: first the file systems on which stat(2) surely tells the truth.
_PLACES = ("/dev/shm", "/run", "/tmp", "/var/tmp")  # noqa: S108 - O_TMPFILE makes no name there
_ALWAYS = frozenset({How.OPEN, How.MAPPED})


class Hit(NamedTuple):
    """One use of a file by a process; device and inode are those that were asked for."""

    device: int
    inode: int
    pid: int
    kind: How


class Answer(NamedTuple):
    """An answer of the kernel: all uses, and all processes with a program, which were looked at."""

    hits: frozenset[Hit] = frozenset()
    processes: frozenset[int] = frozenset()


class SelfTestError(Exception):
    """An answer of the kernel without the proof; the text says how, as the end of a sentence."""


class LoadedPrograms:
    """The programs in the kernel, proven on this process, and the map of targets they share."""

    def __init__(self, facts: KernelFacts) -> None:
        self._asked: list[bytes] = []
        with ExitStack() as stack:
            self._map = owned(stack, syscall.create_hash_map(KEY.size, VALUE.size, _CAPACITY))
            loaded = [
                owned(stack, syscall.load_iterator(program.name, program.code, program.function_id))
                for program in programs(facts, self._map)
            ]
            self._place, self.kinds = self._prove(loaded)
            self._links = [owned(stack, syscall.link_iterator(program)) for program in loaded]
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Give everything back to the kernel."""
        self._stack.close()

    def find(self, wanted: Sequence[_Target]) -> Answer:
        """One answer, with its proof. Raises SelfTestError, BpfError."""
        with _file_of_our_own(self._place) as own:
            hits, processes = self._ask(self._links, [own, *wanted])
        # Another thread's child has our file as well from its fork until its exec. That takes
        # nothing from the proof, and asking again would find the next child.
        if not _uses(own, hits) >= _proof() or os.getpid() not in processes:
            raise SelfTestError("its self-test failed: a file that this process holds was missed")
        hits = frozenset(
            hit for hit in hits if hit.kind in self.kinds and (hit.device, hit.inode) != own
        )
        return Answer(hits, processes)

    def _prove(self, loaded: Sequence[int]) -> tuple[str, frozenset[How]]:
        """The place for files of our own, and the kinds of use that are found, tried on this
        process only.

        A place may lie on a file system whose numbers differ (see the module): the next may serve.
        """
        pid = os.getpid()
        surroundings = _surroundings()
        with ExitStack() as stack:
            links = [owned(stack, syscall.link_iterator(program, pid)) for program in loaded]
            for place in _PLACES:
                with suppress(OSError), _file_of_our_own(place) as own:
                    hits, _ = self._ask(links, [own, *surroundings.values()])
                    if _uses(own, hits) == _proof():
                        found = {k for k, its in surroundings.items() if Hit(*its, pid, k) in hits}
                        return place, _ALWAYS | found
        raise SelfTestError(
            "its self-test failed: the kernel did not name this process for a file that it has "
            "open and mapped"
        )

    def _ask(self, links: Sequence[int], targets: Sequence[_Target]) -> Answer:
        distinct = list(dict.fromkeys(targets))
        devices = {device: _kernel_device(device) for device in {device for device, _ in distinct}}
        self._want([KEY.pack(inode, devices[device]) for device, inode in distinct])
        records = {record for link in links for record in _records(link)}
        hits = (
            Hit(*distinct[index], pid, KINDS[kind])
            for index, pid, kind in records
            if kind != RUNNING
        )
        running = (pid for _, pid, kind in records if kind == RUNNING)
        return Answer(frozenset(hits), frozenset(running))

    def _want(self, keys: list[bytes]) -> None:
        """Put these targets into the map in place of those of the question before: who asks once
        does not wait until thousands have been taken out."""
        if self._asked:
            syscall.delete_from_map(self._map, self._asked)
        self._asked = keys
        syscall.insert_into_map(self._map, keys, [VALUE.pack(index) for index in range(len(keys))])


def owned(stack: ExitStack, descriptor: int) -> int:
    """A descriptor that is closed when the stack is unwound."""
    stack.callback(os.close, descriptor)
    return descriptor


def _records(link: int) -> Iterator[tuple[int, int, int]]:
    """The records that one iterator writes. Pieces end between records: both sizes are powers of
    two."""
    with closing(syscall.read_iterator(link)) as pieces:
        for piece in pieces:
            yield from RECORD.iter_unpack(piece)


def _kernel_device(device: int) -> int:
    """MKDEV in include/linux/kdev_t.h; what stat(2) shows is glibc's arrangement of the same."""
    return os.major(device) << 20 | os.minor(device)


# -- the proof ---------------------------------------------------------------------------------


@contextmanager
def _file_of_our_own(folder: str) -> Iterator[_Target]:
    """A file without a name that this process alone has open and mapped, for the time being.

    O_EXCL keeps it from ever getting a name. The mapping is not handed on to forked children.
    """
    flags = os.O_TMPFILE | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
    descriptor = os.open(folder, flags, 0o600)
    try:
        os.ftruncate(descriptor, mmap.PAGESIZE)
        with mmap.mmap(descriptor, mmap.PAGESIZE, prot=mmap.PROT_READ) as mapping:
            mapping.madvise(mmap.MADV_DONTFORK)
            about = os.fstat(descriptor)
            yield about.st_dev, about.st_ino
    finally:
        os.close(descriptor)


def _proof() -> set[tuple[int, How]]:
    """The uses of the file of our own that must be found."""
    return {(os.getpid(), kind) for kind in _ALWAYS}


def _uses(target: _Target, hits: Iterable[Hit]) -> set[tuple[int, How]]:
    """The processes that use this file, and in what ways."""
    return {(hit.pid, hit.kind) for hit in hits if (hit.device, hit.inode) == target}


def _surroundings() -> dict[How, _Target]:
    """This process's own executable and directories, as far as they can be looked at."""
    found: dict[How, _Target] = {}
    paths = {How.EXECUTABLE: "/proc/self/exe", How.CWD: "/proc/self/cwd", How.ROOT: "/"}
    for kind, path in paths.items():
        with suppress(OSError):
            about = os.stat(path)
            found[kind] = about.st_dev, about.st_ino
    return found
