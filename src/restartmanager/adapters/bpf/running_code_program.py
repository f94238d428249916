"""The programs that tell which code runs: each file that is mapped to be executed, with its path.

A file is told once, with the process that was started first of those seen with it, and again when
one comes that was started still earlier. One that was removed is told once for each process, for
those are what is looked for. What was told is kept in a map. See ``program_parts`` for what the
verifier demands.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from restartmanager.adapters.bpf.instructions import (
    FRAME,
    R0,
    R1,
    R2,
    R3,
    R4,
    R8,
    R9,
    Label,
    Lines,
    Program,
    add,
    assemble,
    call,
    copy,
    jump,
    jump_if_at_most,
    jump_if_beyond,
    jump_if_not_zero,
    jump_if_positive,
    jump_if_zero,
    jump_unless_any_bit,
    load32,
    load64,
    put,
    put_frame_address,
    put_map,
    store32,
    store32_number,
    store64,
)
from restartmanager.adapters.bpf.program_parts import (
    CONTEXT,
    TASK,
    VMA_ARGUMENT,
    begin,
    end,
    look_up,
    number_file,
    pass_over_kernel_threads,
    pass_over_later_threads,
    write,
    write_from_frame,
)

if TYPE_CHECKING:
    from restartmanager.adapters.bpf.btf import KernelFacts


CODE = struct.Struct("=QQIIII")
"""The record before each path: start of the process (ns since boot), inode, the super block's
device as the kernel keeps it, whether the file was removed, process number, length of the path with
the zero byte at its end: 0 for one that is too long."""

PROCESS = struct.Struct("=QQQII")
"""A process: its start, mount and entry of its root directory as addresses in the kernel, its
number, and nothing."""

TOLD_KEY = struct.Struct("=QQ")
"""The key of what was told: mount, or process number where the file was removed, and directory
entry."""

TOLD_VALUE = struct.Struct("=Q")
"""The start of the process it was told with."""

PATH_MAX = 4096  # include/uapi/linux/limits.h

# Helper functions: include/uapi/linux/bpf.h.
_MAP_UPDATE_ELEM = 2
_D_PATH = 147

_EXECUTABLE = 0x4  # VM_EXEC in include/linux/mm.h
_KEY_AT = -TOLD_KEY.size
_START_AT = _KEY_AT - TOLD_VALUE.size
_REMOVED_AT = _START_AT - 4
_INDEX_AT = _START_AT - 8
_RECORD_AT = -PROCESS.size


def code_programs(facts: KernelFacts, told: int, room: int) -> tuple[Program, ...]:
    """The two programs for the running kernel. ``told`` is an empty hash map, ``room`` an array of
    one value in which a record is put together."""
    mapped = assemble(_code_program(facts, told, room))
    return (
        Program("rm_code", facts.task_vma_iterator, mapped),
        Program("rm_process", facts.task_iterator, assemble(_process_program(facts))),
    )


def _code_program(facts: KernelFacts, told: int, room: int) -> Lines:
    """The program that is run for each mapping: it tells the file, if it is mapped to be executed
    and has not been told."""
    return [
        *begin(),
        load64(R8, CONTEXT, VMA_ARGUMENT),
        jump_if_zero(R8, "end"),
        load64(R1, R8, facts.vma_flags),
        *jump_unless_any_bit(R1, _EXECUTABLE, "end"),
        load64(R9, R8, facts.vma_file),
        jump_if_zero(R9, "end"),
        load64(R1, TASK, facts.task_group_leader),
        jump_if_zero(R1, "end"),
        load64(R8, R1, facts.task_start),
        store64(FRAME, _START_AT, R8),
        *_name_file(facts),
        *look_up(told, _KEY_AT),
        jump_if_zero(R0, "tell"),
        load64(R1, R0, 0),
        jump_if_at_most(R1, R8, "end"),
        Label("tell"),
        *_put_together(facts, room),
        *write(facts),
        # Without room all of this comes again with an empty buffer: it must not count as told.
        jump_if_not_zero(R0, "end"),
        *put_map(R1, told),
        *put_frame_address(R2, _KEY_AT),
        *put_frame_address(R3, _START_AT),
        put(R4, 0),
        call(_MAP_UPDATE_ELEM),
        *end(),
    ]


def _name_file(facts: KernelFacts) -> Lines:
    """Put the key of the file in r9 on the stack. A directory entry that is in no hash chain is
    that of a removed file (d_unlinked() in include/linux/dcache.h)."""
    return [
        load64(R2, R9, facts.file_dentry),
        jump_if_zero(R2, "end"),
        store64(FRAME, _KEY_AT + 8, R2),
        load64(R1, R2, facts.dentry_hash),
        jump_if_zero(R1, "removed"),
        load64(R1, R9, facts.file_mount),
        store32_number(FRAME, _REMOVED_AT, 0),
        jump("named"),
        Label("removed"),
        load32(R1, TASK, facts.task_tgid),
        store32_number(FRAME, _REMOVED_AT, 1),
        Label("named"),
        store64(FRAME, _KEY_AT, R1),
    ]


def _put_together(facts: KernelFacts, room: int) -> Lines:
    """Make the record of the file in r9; where it is in r2, and its length in r3."""
    return [
        store32_number(FRAME, _INDEX_AT, 0),
        *look_up(room, _INDEX_AT),
        jump_if_zero(R0, "end"),
        load64(R1, FRAME, _START_AT),
        copy(R8, R0),
        store64(R8, 0, R1),
        load64(R1, R9, facts.file_inode),
        *number_file(facts, R8, 8, "end"),
        store32(R8, 16, R2),
        load32(R2, FRAME, _REMOVED_AT),
        store32(R8, 20, R2),
        load32(R2, TASK, facts.task_tgid),
        store32(R8, 24, R2),
        copy(R1, R9),
        add(R1, facts.file_path),
        copy(R2, R8),
        add(R2, CODE.size),
        put(R3, PATH_MAX),
        call(_D_PATH),
        jump_if_positive(R0, "path"),
        put(R0, 0),
        Label("path"),
        jump_if_beyond(R0, PATH_MAX, "end"),
        store32(R8, 28, R0),
        copy(R2, R8),
        copy(R3, R0),
        add(R3, CODE.size),
    ]


def _process_program(facts: KernelFacts) -> Lines:
    """The program that is run for each task: of each process that runs a program it tells when it
    was started, and which root it has."""
    return [
        *begin(),
        *pass_over_kernel_threads(facts),
        load64(R1, TASK, facts.task_mm),
        jump_if_zero(R1, "end"),
        *pass_over_later_threads(facts, "end"),
        load64(R8, TASK, facts.task_fs),
        jump_if_zero(R8, "end"),
        load64(R2, TASK, facts.task_start),
        store64(FRAME, _RECORD_AT, R2),
        load64(R2, R8, facts.fs_root_mount),
        store64(FRAME, _RECORD_AT + 8, R2),
        load64(R2, R8, facts.fs_root_dentry),
        store64(FRAME, _RECORD_AT + 16, R2),
        store32(FRAME, _RECORD_AT + 24, R1),
        store32_number(FRAME, _RECORD_AT + 28, 0),
        *write_from_frame(facts, _RECORD_AT, PROCESS.size),
        *end(),
    ]
