"""The programs that the kernel runs for each descriptor, each mapping and each task.

Each looks a file up in the map of targets and, when it is there, writes one record. See
``program_parts`` for what the verifier demands.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from restartmanager.adapters.bpf.instructions import (
    FRAME,
    R0,
    R1,
    R2,
    R8,
    Label,
    Lines,
    Program,
    assemble,
    jump_if_zero,
    load32,
    load64,
    put,
    store32,
    store64,
)
from restartmanager.adapters.bpf.program_parts import (
    CONTEXT,
    FILE_ARGUMENT,
    TASK,
    VMA_ARGUMENT,
    begin,
    end,
    look_up,
    number_file,
    pass_over_kernel_threads,
    pass_over_later_threads,
    write_from_frame,
)
from restartmanager.model import How

if TYPE_CHECKING:
    from restartmanager.adapters.bpf.btf import KernelFacts


KEY = struct.Struct("=QQ")
"""A target in the map: inode number, and the super block's device as the kernel keeps it."""

VALUE = struct.Struct("=I")
"""The index of a target."""

RECORD = struct.Struct("=QII")
"""A record that a program writes: the target's index, the process number, the index in
``KINDS``."""

KINDS = (How.OPEN, How.MAPPED, How.EXECUTABLE, How.CWD, How.ROOT)
"""The kinds of use that the programs together find."""

RUNNING = len(KINDS)
"""The mark in place of a kind that says: no target, but a process that runs a program; its threads
are left out."""

_KEY_AT = -KEY.size
_RECORD_AT = _KEY_AT - RECORD.size


def programs(facts: KernelFacts, map_fd: int) -> tuple[Program, ...]:
    """The three programs for the running kernel, with the targets in the given map."""
    return (
        Program("rm_open", facts.task_file_iterator, assemble(_open_program(facts, map_fd))),
        Program("rm_mapped", facts.task_vma_iterator, assemble(_mapped_program(facts, map_fd))),
        Program("rm_task", facts.task_iterator, assemble(_task_program(facts, map_fd))),
    )


def _open_program(facts: KernelFacts, map_fd: int) -> Lines:
    """The program that is run for each descriptor: it reports the open file."""
    return [
        *begin(),
        load64(R1, CONTEXT, FILE_ARGUMENT),
        jump_if_zero(R1, "end"),
        load64(R1, R1, facts.file_inode),
        *_report(facts, map_fd, How.OPEN, "end"),
        *end(),
    ]


def _mapped_program(facts: KernelFacts, map_fd: int) -> Lines:
    """The program that is run for each mapping: it reports the mapped file, if there is one."""
    return [
        *begin(),
        load64(R1, CONTEXT, VMA_ARGUMENT),
        jump_if_zero(R1, "end"),
        load64(R1, R1, facts.vma_file),
        jump_if_zero(R1, "end"),
        load64(R1, R1, facts.file_inode),
        *_report(facts, map_fd, How.MAPPED, "end"),
        *end(),
    ]


def _task_program(facts: KernelFacts, map_fd: int) -> Lines:
    """The program that is run for each task, threads as well: it reports the executable, the
    working and the root directory.

    For the first thread of a process also that it runs a program at all. No lock is held: the
    kernel guards such loads (one that fails gives zero), and a task that is about to change may be
    seen as before or after, as in /proc.
    """
    return [
        *begin(),
        *pass_over_kernel_threads(facts),
        load64(R8, TASK, facts.task_mm),
        jump_if_zero(R8, "directories"),
        *pass_over_later_threads(facts, "executable"),
        put(R1, 0),
        *_write_record(facts, RUNNING),
        Label("executable"),
        load64(R1, R8, facts.mm_exe_file),
        jump_if_zero(R1, "directories"),
        load64(R1, R1, facts.file_inode),
        *_report(facts, map_fd, How.EXECUTABLE, "directories"),
        Label("directories"),
        load64(R8, TASK, facts.task_fs),
        jump_if_zero(R8, "end"),
        load64(R1, R8, facts.fs_pwd_dentry),
        jump_if_zero(R1, "root"),
        load64(R1, R1, facts.dentry_inode),
        *_report(facts, map_fd, How.CWD, "root"),
        Label("root"),
        load64(R1, R8, facts.fs_root_dentry),
        jump_if_zero(R1, "end"),
        load64(R1, R1, facts.dentry_inode),
        *_report(facts, map_fd, How.ROOT, "end"),
        *end(),
    ]


def _report(facts: KernelFacts, map_fd: int, kind: How, otherwise: str) -> Lines:
    """Write a record if the inode in r1 is that of a target, else jump."""
    return [
        *number_file(facts, FRAME, _KEY_AT, otherwise),
        store64(FRAME, _KEY_AT + 8, R2),
        *look_up(map_fd, _KEY_AT),
        jump_if_zero(R0, otherwise),
        load32(R1, R0, 0),
        *_write_record(facts, KINDS.index(kind)),
    ]


def _write_record(facts: KernelFacts, kind: int) -> Lines:
    """Write a record with the index in r1; without room all of it comes again."""
    return [
        store64(FRAME, _RECORD_AT, R1),
        load32(R1, TASK, facts.task_tgid),
        store32(FRAME, _RECORD_AT + 8, R1),
        put(R1, kind),
        store32(FRAME, _RECORD_AT + 12, R1),
        *write_from_frame(facts, _RECORD_AT, RECORD.size),
    ]
