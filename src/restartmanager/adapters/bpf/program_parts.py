"""The parts that several programs in the kernel have in common, as lists of instructions.

The verifier checks every step of a program against the kernel's types: pointers are followed one
member at a time, and one that may be null is compared with zero first, as newer kernels demand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.adapters.bpf.instructions import (
    EXIT,
    R0,
    R1,
    R2,
    R3,
    R6,
    R7,
    Label,
    Lines,
    call,
    copy,
    jump_if_any_bit,
    jump_if_different,
    jump_if_zero,
    load32,
    load64,
    put,
    put_frame_address,
    put_map,
    store64,
)
from restartmanager.adapters.proc.formats import PF_KTHREAD

if TYPE_CHECKING:
    from restartmanager.adapters.bpf.btf import KernelFacts


CONTEXT, TASK = R6, R7
"""The registers in which each program keeps its context and the task it was called for."""

META_ARGUMENT, TASK_ARGUMENT, VMA_ARGUMENT, FILE_ARGUMENT = 0, 8, 16, 24
"""The offsets of the arguments in each iterator's context; ``btf`` makes sure of it."""

# Helper functions: include/uapi/linux/bpf.h.
_MAP_LOOKUP_ELEM = 1
_SEQ_WRITE = 127


def begin() -> Lines:
    """Keep the context and the task; the last call of an iteration comes without a task."""
    return [
        copy(CONTEXT, R1),
        load64(TASK, CONTEXT, TASK_ARGUMENT),
        jump_if_zero(TASK, "end"),
    ]


def end() -> Lines:
    """Return 0: go on to the next object."""
    return [Label("end"), put(R0, 0), EXIT]


def pass_over_kernel_threads(facts: KernelFacts) -> Lines:
    """End for a kernel thread: it may borrow a process's memory for a while."""
    return [
        load32(R1, TASK, facts.task_flags),
        jump_if_any_bit(R1, PF_KTHREAD, "end"),
    ]


def pass_over_later_threads(facts: KernelFacts, otherwise: str) -> Lines:
    """Jump for all threads of a process but its first; its number is in r1 after that."""
    return [
        load32(R1, TASK, facts.task_pid),
        load32(R2, TASK, facts.task_tgid),
        jump_if_different(R1, R2, otherwise),
    ]


def number_file(facts: KernelFacts, place: int, offset: int, otherwise: str) -> Lines:
    """Store the number of the inode in r1 at ``place`` + ``offset``, and leave its super block's
    device in r2; jump where there is no inode."""
    return [
        jump_if_zero(R1, otherwise),
        load64(R2, R1, facts.inode_number),
        store64(place, offset, R2),
        load64(R1, R1, facts.inode_super_block),
        jump_if_zero(R1, otherwise),
        load32(R2, R1, facts.super_block_device),
    ]


def look_up(map_fd: int, key_at: int) -> Lines:
    """Put the address of the value under the key at this place on the stack into r0, or zero."""
    return [*put_map(R1, map_fd), *put_frame_address(R2, key_at), call(_MAP_LOOKUP_ELEM)]


def write_from_frame(facts: KernelFacts, record_at: int, size: int) -> Lines:
    """Write the record at this place on the stack: see ``write``."""
    return [*put_frame_address(R2, record_at), put(R3, size), *write(facts)]


def write(facts: KernelFacts) -> Lines:
    """Write the record at r2, as long as r3 says.

    What bpf_seq_write() returns is not zero when there was no room: then the kernel takes back all
    that was written for this object and comes again with an empty buffer.
    """
    return [
        load64(R1, CONTEXT, META_ARGUMENT),
        load64(R1, R1, facts.meta_seq),
        call(_SEQ_WRITE),
    ]
