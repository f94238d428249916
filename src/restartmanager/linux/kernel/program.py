"""The programs that the kernel runs for each descriptor, each mapping and each task.

They are short enough to be written instruction by instruction (Documentation/bpf/standardization/
instruction-set.rst), which spares a compiler on the machine. Each program looks a file up in the
map of targets and, when it is there, writes one record. The verifier checks every step against the
kernel's types: pointers are followed one member at a time, and one that may be null is compared
with zero first, as newer kernels demand.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.model import How

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restartmanager.linux.kernel.btf import KernelFacts

__all__ = [
    "KEY",
    "KINDS",
    "RECORD",
    "RUNNING",
    "VALUE",
    "Instruction",
    "Label",
    "Program",
    "assemble",
    "programs",
]

KEY = struct.Struct("=QQ")
"""A target in the map: inode number, and the super block's device as the kernel keeps it."""

VALUE = struct.Struct("=I")
"""Which target it is: its index."""

RECORD = struct.Struct("=QII")
"""What a program writes: the target's index, the process number, the index in ``KINDS``."""

KINDS = (How.OPEN, How.MAPPED, How.EXECUTABLE, How.CWD, How.ROOT)
"""What the programs together find."""

RUNNING = len(KINDS)
"""In place of a kind: no target, but a process that runs a program; its threads are left out."""

# Registers (r1 to r5 are lost in a call, r6 to r9 are kept) and what the programs keep in them.
_R0, _R1, _R2, _R3, _R4, _R5, _R6, _R7, _R8, _R9, _FRAME = range(11)
_CONTEXT, _TASK = _R6, _R7

# Where each iterator's context has its arguments; ``btf`` makes sure of it.
_META_ARGUMENT, _TASK_ARGUMENT, _VMA_ARGUMENT, _FILE_ARGUMENT = 0, 8, 16, 24

# Helper functions: include/uapi/linux/bpf.h.
_MAP_LOOKUP_ELEM = 1
_SEQ_WRITE = 127

_KERNEL_THREAD = 0x0020_0000
"""PF_KTHREAD in include/linux/sched.h: such a task may borrow a process's memory for a while."""

_KEY_AT = -KEY.size
_RECORD_AT = _KEY_AT - RECORD.size


class Instruction(NamedTuple):
    """One instruction of eight bytes; ``target`` is the label that a jump leads to."""

    code: int
    destination: int = 0
    source: int = 0
    offset: int = 0
    immediate: int = 0
    target: str = ""


class Label(NamedTuple):
    """A place to jump to."""

    name: str


class Program(NamedTuple):
    """A program ready to load; ``function_id`` is the iterator it belongs to."""

    name: str
    function_id: int
    code: bytes


def assemble(lines: Iterable[Instruction | Label]) -> bytes:
    """Turn lines into what the kernel loads.

    Raises ValueError for a label that is missing, there twice, or lies before its jump (the
    verifier would have to prove that such a loop ends).
    """
    instructions: list[Instruction] = []
    places: dict[str, int] = {}
    for line in lines:
        if isinstance(line, Instruction):
            instructions.append(line)
        elif line.name in places:
            raise ValueError(f"the label {line.name!r} is there twice")
        else:
            places[line.name] = len(instructions)
    return b"".join(_encode(line, at, places) for at, line in enumerate(instructions))


def _encode(line: Instruction, at: int, places: dict[str, int]) -> bytes:
    offset = line.offset
    if line.target:
        offset = places.get(line.target, -1) - at - 1
        if offset < 0:
            raise ValueError(f"no label {line.target!r} follows the jump to it")
    registers = line.source << 4 | line.destination
    return struct.pack("<BBhi", line.code, registers, offset, line.immediate)


# -- the instructions that are used ------------------------------------------------------------


def _load64(destination: int, source: int, offset: int) -> Instruction:
    return Instruction(0x79, destination, source, offset)


def _load32(destination: int, source: int, offset: int) -> Instruction:
    return Instruction(0x61, destination, source, offset)


def _store64(destination: int, offset: int, source: int) -> Instruction:
    return Instruction(0x7B, destination, source, offset)


def _store32(destination: int, offset: int, source: int) -> Instruction:
    return Instruction(0x63, destination, source, offset)


def _copy(destination: int, source: int) -> Instruction:
    return Instruction(0xBF, destination, source)


def _set(destination: int, value: int) -> Instruction:
    return Instruction(0xB7, destination, immediate=value)


def _set_frame_address(destination: int, offset: int) -> list[Instruction]:
    return [_copy(destination, _FRAME), Instruction(0x07, destination, immediate=offset)]


def _set_map(destination: int, map_fd: int) -> list[Instruction]:
    """Two places wide; source 1 says that the value is a descriptor of a map."""
    return [Instruction(0x18, destination, 1, immediate=map_fd), Instruction(0)]


def _jump_if_zero(register: int, target: str) -> Instruction:
    return Instruction(0x15, register, target=target)


def _jump_if_different(register: int, other: int, target: str) -> Instruction:
    return Instruction(0x5D, register, other, target=target)


def _jump_if_any_bit(register: int, bits: int, target: str) -> Instruction:
    return Instruction(0x45, register, immediate=bits, target=target)


def _call(helper: int) -> Instruction:
    return Instruction(0x85, immediate=helper)


_EXIT = Instruction(0x95)


# -- the programs ------------------------------------------------------------------------------

_Lines = list[Instruction | Label]


def programs(facts: KernelFacts, map_fd: int) -> tuple[Program, ...]:
    """The three programs for the running kernel, with the targets in the given map."""
    return (
        Program("rm_open", facts.task_file_iterator, assemble(_open_program(facts, map_fd))),
        Program("rm_mapped", facts.task_vma_iterator, assemble(_mapped_program(facts, map_fd))),
        Program("rm_task", facts.task_iterator, assemble(_task_program(facts, map_fd))),
    )


def _open_program(facts: KernelFacts, map_fd: int) -> _Lines:
    """For each descriptor: the open file."""
    return [
        *_begin(),
        _load64(_R1, _CONTEXT, _FILE_ARGUMENT),
        _jump_if_zero(_R1, "end"),
        _load64(_R1, _R1, facts.file_inode),
        *_report(facts, map_fd, How.OPEN, "end"),
        *_end(),
    ]


def _mapped_program(facts: KernelFacts, map_fd: int) -> _Lines:
    """For each mapping: the file that is mapped, if it is one."""
    return [
        *_begin(),
        _load64(_R1, _CONTEXT, _VMA_ARGUMENT),
        _jump_if_zero(_R1, "end"),
        _load64(_R1, _R1, facts.vma_file),
        _jump_if_zero(_R1, "end"),
        _load64(_R1, _R1, facts.file_inode),
        *_report(facts, map_fd, How.MAPPED, "end"),
        *_end(),
    ]


def _task_program(facts: KernelFacts, map_fd: int) -> _Lines:
    """For each task, threads as well: the executable, the working and the root directory.

    For the first thread of a process also that it runs a program at all. No lock is held: the
    kernel guards such loads (one that fails gives zero), and a task that is about to change may be
    seen as before or after, as in /proc.
    """
    return [
        *_begin(),
        _load32(_R1, _TASK, facts.task_flags),
        _jump_if_any_bit(_R1, _KERNEL_THREAD, "end"),
        _load64(_R8, _TASK, facts.task_mm),
        _jump_if_zero(_R8, "directories"),
        _load32(_R1, _TASK, facts.task_pid),
        _load32(_R2, _TASK, facts.task_tgid),
        _jump_if_different(_R1, _R2, "executable"),
        _set(_R1, 0),
        *_write_record(facts, RUNNING),
        Label("executable"),
        _load64(_R1, _R8, facts.mm_exe_file),
        _jump_if_zero(_R1, "directories"),
        _load64(_R1, _R1, facts.file_inode),
        *_report(facts, map_fd, How.EXECUTABLE, "directories"),
        Label("directories"),
        _load64(_R8, _TASK, facts.task_fs),
        _jump_if_zero(_R8, "end"),
        _load64(_R1, _R8, facts.fs_pwd_dentry),
        _jump_if_zero(_R1, "root"),
        _load64(_R1, _R1, facts.dentry_inode),
        *_report(facts, map_fd, How.CWD, "root"),
        Label("root"),
        _load64(_R1, _R8, facts.fs_root_dentry),
        _jump_if_zero(_R1, "end"),
        _load64(_R1, _R1, facts.dentry_inode),
        *_report(facts, map_fd, How.ROOT, "end"),
        *_end(),
    ]


def _begin() -> _Lines:
    """Keep the context and the task; the last call of an iteration comes without a task."""
    return [
        _copy(_CONTEXT, _R1),
        _load64(_TASK, _CONTEXT, _TASK_ARGUMENT),
        _jump_if_zero(_TASK, "end"),
    ]


def _end() -> _Lines:
    """Return 0: go on to the next object."""
    return [Label("end"), _set(_R0, 0), _EXIT]


def _report(facts: KernelFacts, map_fd: int, kind: How, otherwise: str) -> _Lines:
    """Write a record if the inode in r1 is that of a target, else jump."""
    return [
        _jump_if_zero(_R1, otherwise),
        _load64(_R2, _R1, facts.inode_number),
        _store64(_FRAME, _KEY_AT, _R2),
        _load64(_R1, _R1, facts.inode_super_block),
        _jump_if_zero(_R1, otherwise),
        _load32(_R2, _R1, facts.super_block_device),
        _store64(_FRAME, _KEY_AT + 8, _R2),
        *_set_map(_R1, map_fd),
        *_set_frame_address(_R2, _KEY_AT),
        _call(_MAP_LOOKUP_ELEM),
        _jump_if_zero(_R0, otherwise),
        _load32(_R1, _R0, 0),
        *_write_record(facts, KINDS.index(kind)),
    ]


def _write_record(facts: KernelFacts, kind: int) -> _Lines:
    """Write a record with the index in r1.

    What bpf_seq_write() returns needs no look: when there was no room, the kernel takes back all
    that was written for this object and comes again with an empty buffer.
    """
    return [
        _store64(_FRAME, _RECORD_AT, _R1),
        _load32(_R1, _TASK, facts.task_tgid),
        _store32(_FRAME, _RECORD_AT + 8, _R1),
        _set(_R1, kind),
        _store32(_FRAME, _RECORD_AT + 12, _R1),
        _load64(_R1, _CONTEXT, _META_ARGUMENT),
        _load64(_R1, _R1, facts.meta_seq),
        *_set_frame_address(_R2, _RECORD_AT),
        _set(_R3, RECORD.size),
        _call(_SEQ_WRITE),
    ]
