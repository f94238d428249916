"""The bpf(2) system call, as far as iterators need it, without a library.

One structure and one function for each command. Descriptors are returned as numbers that the
caller closes; the kernel sets close-on-exec on all of them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from ctypes import c_char, c_uint32, c_uint64
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from restartmanager.adapters.proc.watched import patient_read

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence


ITERATOR = "the iterator of the kernel"
"""What a watched look waits for while the kernel visits all tasks: it waits for their memory."""

# From the kernel's own tables (arch/x86/entry/syscalls, scripts/syscall.tbl): Python has no bpf().
_SYSTEM_CALLS = {"x86_64": 321, "aarch64": 280}

# Commands, types and flags: enum bpf_cmd and following in include/uapi/linux/bpf.h.
_MAP_CREATE = 0
_PROG_LOAD = 5
_MAP_UPDATE_BATCH = 26
_MAP_DELETE_BATCH = 27
_LINK_CREATE = 28
_ITER_CREATE = 33
_MAP_TYPE_HASH, _MAP_TYPE_ARRAY = 1, 2
_NO_PREALLOC = 1
_PROG_TYPE_TRACING = 26
_TRACE_ITER = 28

# bpf_seq_write() is for programs under a licence compatible with the GPL only.
_LICENCE = b"Dual MIT/GPL"
_LOG_SIZE = 1 << 16
_LOG_KEPT = 1000  # its end says why
_LOAD_ATTEMPTS = 50
"""The verifier gives way when something else wants the thread's attention: EAGAIN says to try again
(bpf(2) does not; libbpf does)."""
_READ_SIZE = 1 << 16


class BpfError(Exception):
    """A command that the kernel refused.

    ``step`` says what was tried, ``number`` is the errno, ``log`` the end of what the verifier had
    to say about a program, or empty.
    """

    def __init__(self, step: str, number: int, log: str = "") -> None:
        super().__init__(f"to {step}: {os.strerror(number)}")
        self.step = step
        self.number = number
        self.log = log


class _Attributes(ctypes.Structure):
    """The argument of a command: union bpf_attr, whose missing rest the kernel takes as zero."""


class _MapCreate(_Attributes):
    _fields_: ClassVar = [
        ("map_type", c_uint32),
        ("key_size", c_uint32),
        ("value_size", c_uint32),
        ("max_entries", c_uint32),
        ("map_flags", c_uint32),
    ]


class _MapBatch(_Attributes):
    _fields_: ClassVar = [
        ("in_batch", c_uint64),
        ("out_batch", c_uint64),
        ("keys", c_uint64),
        ("values", c_uint64),
        ("count", c_uint32),
        ("map_fd", c_uint32),
        ("elem_flags", c_uint64),
        ("flags", c_uint64),
    ]


class _ProgLoad(_Attributes):
    _fields_: ClassVar = [
        ("prog_type", c_uint32),
        ("insn_cnt", c_uint32),
        ("insns", c_uint64),
        ("license", c_uint64),
        ("log_level", c_uint32),
        ("log_size", c_uint32),
        ("log_buf", c_uint64),
        ("kern_version", c_uint32),
        ("prog_flags", c_uint32),
        ("prog_name", c_char * 16),
        ("prog_ifindex", c_uint32),
        ("expected_attach_type", c_uint32),
        ("prog_btf_fd", c_uint32),
        ("func_info_rec_size", c_uint32),
        ("func_info", c_uint64),
        ("func_info_cnt", c_uint32),
        ("line_info_rec_size", c_uint32),
        ("line_info", c_uint64),
        ("line_info_cnt", c_uint32),
        ("attach_btf_id", c_uint32),
    ]


class _LinkCreate(_Attributes):
    _fields_: ClassVar = [
        ("prog_fd", c_uint32),
        ("target_fd", c_uint32),
        ("attach_type", c_uint32),
        ("flags", c_uint32),
        ("iter_info", c_uint64),
        ("iter_info_len", c_uint32),
    ]


class _IterCreate(_Attributes):
    _fields_: ClassVar = [("link_fd", c_uint32), ("flags", c_uint32)]


class _TaskInfo(ctypes.Structure):
    """The tasks that an iterator visits: union bpf_iter_link_info, member task, since Linux 6.1."""

    _fields_: ClassVar = [("tid", c_uint32), ("pid", c_uint32), ("pid_fd", c_uint32)]


def is_machine_known() -> bool:
    """Whether the number and the form of the system call are known for this machine.

    A 32-bit Python on a 64-bit kernel has system call numbers of its own, so it counts as unknown.
    """
    pointers = ctypes.sizeof(ctypes.c_void_p)
    return os.uname().machine in _SYSTEM_CALLS and pointers == 8 and sys.byteorder == "little"


def create_hash_map(key_size: int, value_size: int, capacity: int) -> int:
    """Make a hash map that takes memory for what is in it only; its descriptor."""
    attributes = _MapCreate(_MAP_TYPE_HASH, key_size, value_size, capacity, _NO_PREALLOC)
    return _bpf("create a map", _MAP_CREATE, attributes)


def create_room(size: int) -> int:
    """Make a map of one value, as room for a program to work in; its descriptor."""
    attributes = _MapCreate(_MAP_TYPE_ARRAY, 4, size, 1, 0)
    return _bpf("create a map", _MAP_CREATE, attributes)


def insert_into_map(map_fd: int, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
    """Add entries; where this raises BpfError, part of them may have been added."""
    _batch("fill a map", _MAP_UPDATE_BATCH, map_fd, keys, values)


def delete_from_map(map_fd: int, keys: Sequence[bytes]) -> None:
    """Remove entries that are all there."""
    _batch("empty a map", _MAP_DELETE_BATCH, map_fd, keys, ())


def _batch(
    step: str, command: int, map_fd: int, keys: Sequence[bytes], values: Sequence[bytes]
) -> None:
    key_buffer, value_buffer = _buffer(b"".join(keys)), _buffer(b"".join(values))
    attributes = _MapBatch(
        keys=ctypes.addressof(key_buffer),
        values=ctypes.addressof(value_buffer) if values else 0,
        count=len(keys),
        map_fd=map_fd,
    )
    _bpf(step, command, attributes)


def load_iterator(name: str, code: bytes, function_id: int) -> int:
    """Load a program for the iterator with this function; its descriptor.

    Raises BpfError, with the end of the verifier's log where it was the verifier that refused.
    """
    instructions, licence = _buffer(code), _buffer(_LICENCE + b"\0")
    attributes = _ProgLoad(
        prog_type=_PROG_TYPE_TRACING,
        insn_cnt=len(code) // 8,
        insns=ctypes.addressof(instructions),
        license=ctypes.addressof(licence),
        prog_name=name.encode("ascii"),
        expected_attach_type=_TRACE_ITER,
        attach_btf_id=function_id,
    )
    try:
        return _load(attributes)
    except BpfError as error:
        raise BpfError(error.step, error.number, _verifier_log(attributes)) from None


def _load(attributes: _ProgLoad) -> int:
    step = f"load the program {attributes.prog_name.decode('ascii')}"
    for _ in range(_LOAD_ATTEMPTS - 1):
        try:
            return _bpf(step, _PROG_LOAD, attributes)
        except BpfError as error:
            if error.number != errno.EAGAIN:
                raise
    return _bpf(step, _PROG_LOAD, attributes)


def _verifier_log(attributes: _ProgLoad) -> str:
    """Load once more to hear why not: a log that nobody reads makes every load slower."""
    log = ctypes.create_string_buffer(_LOG_SIZE)
    attributes.log_level, attributes.log_size = 1, _LOG_SIZE
    attributes.log_buf = ctypes.addressof(log)
    try:
        os.close(_load(attributes))
    except BpfError:
        return log.value.decode("utf-8", "replace")[-_LOG_KEPT:].strip()
    return ""


def link_iterator(program_fd: int, pid: int | None = None) -> int:
    """Attach a loaded program, to the tasks of one process if ``pid`` is given; the link.

    Kernels before 6.1 cannot restrict an iterator: BpfError.
    """
    attributes = _LinkCreate(prog_fd=program_fd, attach_type=_TRACE_ITER)
    info = _TaskInfo(pid=pid or 0)
    if pid is not None:
        attributes.iter_info = ctypes.addressof(info)
        attributes.iter_info_len = ctypes.sizeof(info)
    return _bpf("attach a program", _LINK_CREATE, attributes)


def read_iterator(link_fd: int) -> Generator[bytes, None, None]:
    """Run the program over all tasks; what it writes, piece by piece as the kernel gives it."""
    descriptor = _bpf("create an iterator", _ITER_CREATE, _IterCreate(link_fd))
    try:
        while piece := _read(descriptor):
            yield piece
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> bytes:
    while True:
        try:
            return patient_read(descriptor, _READ_SIZE, ITERATOR)
        except BlockingIOError:
            # A million objects in a row and nothing written (MAX_ITER_OBJECTS in bpf_iter.c): the
            # kernel gives way, and the next read goes on where this one stopped.
            continue
        except OSError as error:
            raise BpfError("read an iterator", error.errno or 0) from error


def _buffer(content: bytes) -> ctypes.Array[c_char]:
    return ctypes.create_string_buffer(content, max(len(content), 1))


def _bpf(step: str, command: int, attributes: _Attributes) -> int:
    if not is_machine_known():
        raise BpfError(step, errno.ENOSYS)
    number = _SYSTEM_CALLS[os.uname().machine]
    size = ctypes.sizeof(attributes)
    result: int = _library().syscall(number, command, ctypes.byref(attributes), size)
    if result < 0:
        raise BpfError(step, ctypes.get_errno())
    return result


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    library.syscall.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint]
    return library
