"""The code that runs on this machine, told by the kernel: every file that is mapped to be executed.

One look, proven on this process like every answer of the kernel's: it has to name the files that
this process itself has mapped to be executed, by path, device and inode as ``/proc/self/maps`` has
them, and the time at which this process was started.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.adapters.bpf import syscall
from restartmanager.adapters.bpf.loader import SelfTestError, owned
from restartmanager.adapters.bpf.running_code_program import (
    CODE,
    PATH_MAX,
    PROCESS,
    TOLD_KEY,
    TOLD_VALUE,
    code_programs,
)
from restartmanager.adapters.proc.maps import parse_mapping, portions
from restartmanager.errors import UnsupportedError
from restartmanager.model.identity import UniqueProcess, ticks_per_second

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restartmanager.adapters.bpf.btf import KernelFacts


_CAPACITY = 1 << 16  # files beyond that are told more than once
_ANSWER_LIMIT = 64 * 1024 * 1024  # some hundred thousand files
_EXECUTABLE = b"x"


class CodeFile(NamedTuple):
    """A file that is mapped to be executed, under the path that it has now.

    ``pid`` is the process that was started first of those that have it, at ``start_ns`` after boot;
    a ``removed`` file is there once for each process. The path is empty where it is too long.
    """

    path: str
    device: int
    inode: int
    removed: bool
    pid: int
    start_ns: int


class RunningProcess(NamedTuple):
    """A process that runs a program: when it was started, after boot, and a token for its root
    directory that is the same for all who see the same one on the same mount."""

    start_ns: int
    root: tuple[int, int]


class RunningCode(NamedTuple):
    """The kernel's answer: the files, and all processes by their numbers."""

    files: tuple[CodeFile, ...]
    processes: dict[int, RunningProcess]


def ask_for_code(facts: KernelFacts) -> RunningCode:
    """Load the programs, ask once, and unload them.

    Raises BpfError, SelfTestError, and UnsupportedError for an answer that is too long: whoever
    maps very many files can make it as long as he likes.
    """
    expected = _own_code()
    with ExitStack() as stack:
        told = owned(stack, syscall.create_hash_map(TOLD_KEY.size, TOLD_VALUE.size, _CAPACITY))
        room = owned(stack, syscall.create_room(CODE.size + PATH_MAX))
        answers = []
        for program in code_programs(facts, told, room):
            loaded = syscall.load_iterator(program.name, program.code, program.function_id)
            link = owned(stack, syscall.link_iterator(owned(stack, loaded)))
            answers.append(_answer(link))
    files, processes = answers
    code = RunningCode(tuple(_files(files)), dict(_processes(processes)))
    named = {(file.path, file.device, file.inode) for file in code.files}
    if not (expected <= named and _knows_our_start(code) and _agrees_about_starts(code)):
        raise SelfTestError("its self-test failed: code that this process runs was missed")
    return code


def _answer(link: int) -> bytes:
    answer = bytearray()
    with closing(syscall.read_iterator(link)) as pieces:
        for piece in pieces:
            answer += piece
            if len(answer) > _ANSWER_LIMIT:
                raise UnsupportedError("Asking the kernel which code runs", "there is too much")
    return bytes(answer)


def _files(data: bytes) -> Iterator[CodeFile]:
    at = 0
    while at < len(data):
        start_ns, inode, device, removed, pid, length = CODE.unpack_from(data, at)
        at += CODE.size
        path = os.fsdecode(data[at : at + length].removesuffix(b"\0"))
        at += length
        device = os.makedev(device >> 20, device & 0xFFFFF)  # MKDEV in include/linux/kdev_t.h
        yield CodeFile(path, device, inode, bool(removed), pid, start_ns)


def _processes(data: bytes) -> Iterator[tuple[int, RunningProcess]]:
    for start_ns, mount, entry, pid, _ in PROCESS.iter_unpack(data):
        yield pid, RunningProcess(start_ns, (mount, entry))


# -- the proof ---------------------------------------------------------------------------------


def _own_code() -> set[tuple[str, int, int]]:
    lines = b"".join(portions("/proc/self/maps")).split(b"\n")
    code = (parse_mapping(line) for line in lines if _EXECUTABLE in line.partition(b" ")[2][:4])
    return {(found.path, found.device, found.inode) for found in code if found is not None}


def _knows_our_start(code: RunningCode) -> bool:
    """Whether the kernel has the start time that this process knows of itself: in a time namespace
    of its own a process sees other times."""
    ourselves = code.processes.get(os.getpid())
    if ourselves is None:
        return False
    ticks = ourselves.start_ns * ticks_per_second() // 1_000_000_000
    return ticks == UniqueProcess.current().start_ticks


def _agrees_about_starts(code: RunningCode) -> bool:
    """Both programs say when a process was started; single ones may have come and gone between."""
    return any(
        file.pid in code.processes and code.processes[file.pid].start_ns == file.start_ns
        for file in code.files
    )
