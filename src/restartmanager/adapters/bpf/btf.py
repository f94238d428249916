"""Facts about the running kernel's structures, read from its own type information.

The kernel describes its types in BTF, in ``/sys/kernel/btf/vmlinux`` (Documentation/bpf/btf.rst).
The programs of this package need some sixteen numbers of it: where certain members lie, and the
ids of the functions that they attach to. Nothing is looked up by a structure's name, which need
not be unique: the way starts at the iterators' own arguments and follows the types from there.

Everything here is a pure function of bytes, safe with any; ``kernel_layout`` reads the real ones.
"""

from __future__ import annotations

import struct
from array import array
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_OFFSET_LIMIT = 0x7FFF  # what the 16-bit offset of a BPF instruction can say

_HEADER = struct.Struct("<HBBIIIII")
_MAGIC = 0xEB9F  # BTF_MAGIC in include/uapi/linux/btf.h
_TYPE = struct.Struct("<III")
_PARAMETER = struct.Struct("<II")
_MODIFIERS_LIMIT = 32  # more in a row than any type in C has

_INTEGER, _POINTER, _STRUCT, _UNION, _FUNCTION, _PROTOTYPE = 1, 2, 4, 5, 12, 13
# The few that are looked up by name; all others are reached from these.
_ROOTS = (
    (_FUNCTION, b"bpf_iter_task"),
    (_FUNCTION, b"bpf_iter_task_file"),
    (_FUNCTION, b"bpf_iter_task_vma"),
    (_STRUCT, b"bpf_iter_seq_task_vma_info"),
)
_MODIFIERS = frozenset({8, 9, 10, 11, 18})  # typedef, volatile, const, restrict, type tag
# By kind: the size of an entry, and how much each of its elements adds.
_SIZES = {
    **dict.fromkeys((_POINTER, 7, 8, 9, 10, 11, _FUNCTION, 16, 18), (12, 0)),
    **dict.fromkeys((_INTEGER, 14, 17), (16, 0)),
    **dict.fromkeys((_STRUCT, _UNION, 15, 19), (12, 12)),
    **dict.fromkeys((6, _PROTOTYPE), (12, 8)),
    3: (24, 0),
}


class BtfError(ValueError):
    """Type information that cannot be used; the text says why, as the end of a sentence."""


class KernelFacts(NamedTuple):
    """The numbers that programs need: ids of the functions to attach to, and offsets of members in
    bytes."""

    task_iterator: int
    task_file_iterator: int
    task_vma_iterator: int
    meta_seq: int
    task_pid: int
    task_tgid: int
    task_flags: int
    task_group_leader: int
    task_start: int
    task_mm: int
    task_fs: int
    mm_exe_file: int
    fs_root_mount: int
    fs_root_dentry: int
    fs_pwd_dentry: int
    dentry_inode: int
    dentry_hash: int
    vma_flags: int
    vma_file: int
    file_path: int
    file_mount: int
    file_dentry: int
    file_inode: int
    inode_number: int
    inode_super_block: int
    super_block_device: int

    def checked(self) -> KernelFacts:
        """These facts, checked. Raises BtfError for a number that cannot be one."""
        for name, value in self._asdict().items():
            limit = 0x7FFFFFFF if name.endswith("_iterator") else _OFFSET_LIMIT
            # bool is an int for isinstance, and JSON has both.
            if type(value) is not int or not 0 <= value <= limit:
                raise BtfError(f"the number {name} is not a possible one: {value!r}")
        return self


def parse_facts(data: bytes) -> KernelFacts:
    """Read the numbers out of type information as ``/sys/kernel/btf/vmlinux`` holds it.

    Raises BtfError, and nothing else, when the data is damaged, of a kind not known here, or of a
    kernel that lacks what is needed.
    """
    try:
        return _facts(_Types(data)).checked()
    except KeyError as error:
        raise BtfError(
            f"the kernel's type information has a kind of type not known here ({error})"
        ) from error
    except (struct.error, IndexError) as error:
        raise BtfError("the kernel's type information is cut short or damaged") from error


def _facts(types: _Types) -> KernelFacts:
    _demand_safe_mappings(types)
    task_iterator, _ = types.function(b"bpf_iter_task", (b"meta", b"task"))
    file_iterator, (meta, task, _, file) = types.function(
        b"bpf_iter_task_file", (b"meta", b"task", b"fd", b"file")
    )
    vma_iterator, (_, _, vma) = types.function(b"bpf_iter_task_vma", (b"meta", b"task", b"vma"))
    task = types.target(task)
    mm_at, mm = types.pointer(task, b"mm")
    fs_at, fs = types.pointer(task, b"fs")
    root_at, path = types.member(fs, b"root")
    pwd_at, _ = types.member(fs, b"pwd")
    dentry_at, dentry = types.pointer(path, b"dentry")
    mount_at, _ = types.member(path, b"mnt")
    hash_at, hash_node = types.member(dentry, b"d_hash")
    file_path_at, _ = types.member(types.target(file), b"f_path")
    inode_at, inode = types.pointer(types.target(file), b"f_inode")
    super_block_at, super_block = types.pointer(inode, b"i_sb")
    return KernelFacts(
        task_iterator=task_iterator,
        task_file_iterator=file_iterator,
        task_vma_iterator=vma_iterator,
        meta_seq=types.pointer(types.target(meta), b"seq")[0],
        task_pid=types.number(task, b"pid", 4),
        task_tgid=types.number(task, b"tgid", 4),
        task_flags=types.number(task, b"flags", 4),
        task_group_leader=types.pointer(task, b"group_leader")[0],
        task_start=types.number(task, b"start_boottime", 8),
        task_mm=mm_at,
        task_fs=fs_at,
        mm_exe_file=types.pointer(mm, b"exe_file")[0],
        fs_root_mount=root_at + mount_at,
        fs_root_dentry=root_at + dentry_at,
        fs_pwd_dentry=pwd_at + dentry_at,
        dentry_inode=types.pointer(dentry, b"d_inode")[0],
        dentry_hash=hash_at + types.member(hash_node, b"pprev")[0],
        vma_flags=types.number(types.target(vma), b"vm_flags", 8),
        vma_file=types.pointer(types.target(vma), b"vm_file")[0],
        file_path=file_path_at,
        file_mount=file_path_at + mount_at,
        file_dentry=file_path_at + dentry_at,
        file_inode=inode_at,
        inode_number=types.number(inode, b"i_ino", 8),
        inode_super_block=super_block_at,
        super_block_device=types.number(super_block, b"s_dev", 4),
    )


def _demand_safe_mappings(types: _Types) -> None:
    """Refuse a kernel that may crash when a process exits while its mappings are visited.

    Before "bpf: keep a reference to the mm, in case the task is dead" (6.2, and stable kernels it
    was brought to) the iterator followed the dead task's null pointer. The member that came with
    the repair says more than a version number, for distributions carry repairs back.
    """
    state = types.root(_STRUCT, b"bpf_iter_seq_task_vma_info")
    try:
        types.member(state, b"mm")
    except BtfError:
        raise BtfError(
            "this kernel may crash when a process exits while its mappings are visited, "
            "which is mended in Linux 6.2"
        ) from None


class _Type(NamedTuple):
    """One type; ``value`` is its size or the type it refers to, ``tail`` where its rest lies."""

    kind: int
    length: int
    bit_fields: bool
    value: int
    tail: int


_VOID = _Type(kind=0, length=0, bit_fields=False, value=0, tail=0)


class _Types:
    """All types of one BTF blob by their ids.

    The methods that ask raise BtfError when the answer is not of the kind that was asked for, and
    struct.error or IndexError when the blob is damaged.
    """

    def __init__(self, data: bytes) -> None:
        magic, version, _, header, types_at, types_size, names_at, names_size = _HEADER.unpack_from(
            data
        )
        if magic != _MAGIC or version != 1:
            raise BtfError("the kernel's type information is not BTF of version 1")
        self._data = data
        self._names = data[header + names_at : header + names_at + names_size]
        # Id 0 is void, which has no entry.
        self._positions = array("L", [0])
        self._roots: dict[tuple[int, bytes], int] = {}
        self._scan(header + types_at, header + types_at + types_size)

    def _scan(self, position: int, end: int) -> None:
        """Note where each type begins: their sizes differ, so there is no shorter way to one."""
        data, append, unpack = self._data, self._positions.append, _TYPE.unpack_from
        # Names are kept once each, so a name is as good as the place where it stands.
        names = {self._names.find(b"\0" + name + b"\0") + 1: name for _, name in _ROOTS}
        names.pop(0, None)  # where the anonymous ones are, and what "not found" comes to
        while position < end:
            name_at, info, _ = unpack(data, position)
            kind = info >> 24 & 0x1F
            if name_at in names:
                self._roots.setdefault((kind, names[name_at]), len(self._positions))
            append(position)
            fixed, each = _SIZES[kind]
            position += fixed + each * (info & 0xFFFF)
        if position != end or end > len(data):
            raise IndexError(position)

    def root(self, kind: int, name: bytes) -> int:
        """The id of one of the roots."""
        if (kind, name) not in self._roots:
            raise BtfError(f"this kernel has no {name.decode()}: too old, or built without it")
        return self._roots[kind, name]

    def function(self, name: bytes, parameters: Sequence[bytes]) -> tuple[int, list[int]]:
        """The id of a function, and the types of its parameters.

        A program finds the parameters of its iterator in its context, eight bytes each. With others
        than those known here, another program would be needed.
        """
        function = self.root(_FUNCTION, name)
        prototype = self._type(self._type(function).value)
        found = [
            _PARAMETER.unpack_from(self._data, prototype.tail + _PARAMETER.size * index)
            for index in range(prototype.length if prototype.kind == _PROTOTYPE else 0)
        ]
        if [self._name(name_at) for name_at, _ in found] != list(parameters):
            raise BtfError(f"{name.decode()} has other parameters than those known here")
        return function, [type_id for _, type_id in found]

    def pointer(self, struct_id: int, name: bytes) -> tuple[int, int]:
        """The offset of a member that is a pointer, and the structure it points to."""
        offset, type_id = self.member(struct_id, name)
        return offset, self.target(type_id)

    def number(self, struct_id: int, name: bytes, size: int) -> int:
        """The offset of a member that is an integer of ``size`` bytes."""
        offset, type_id = self.member(struct_id, name)
        plain = self._type(self._plain(type_id))
        if plain.kind != _INTEGER or plain.value != size:
            raise BtfError(f"the member {name.decode()} is not a number of {size} bytes")
        return offset

    def target(self, type_id: int) -> int:
        """The structure that a pointer points to."""
        pointer = self._type(self._plain(type_id))
        target = self._plain(pointer.value) if pointer.kind == _POINTER else 0
        if not target or self._type(target).kind != _STRUCT:
            raise BtfError("what should point to a structure does not")
        return target

    def member(self, struct_id: int, name: bytes) -> tuple[int, int]:
        """The offset in bytes of a member, and its type.

        Members of anonymous structures and unions count as the outer one's, as they do in C: the
        kernel moves members into such groups now and then.
        """
        groups, seen = [(struct_id, 0)], {struct_id}
        while groups:
            group_id, base = groups.pop()
            for name_at, type_id, bits in self._members(group_id):
                if self._name(name_at) == name:
                    if (base + bits) % 8:
                        raise BtfError(f"the member {name.decode()} is a bit field")
                    return (base + bits) // 8, self._plain(type_id)
                # Each group once: a damaged blob may have groups that contain themselves.
                if not name_at and type_id not in seen:
                    seen.add(type_id)
                    groups.append((type_id, base + bits))
        raise BtfError(f"a structure has no member {name.decode()}")

    def _members(self, type_id: int) -> Iterator[tuple[int, int, int]]:
        """Name, type and offset in bits of each member; none where it is no structure or union."""
        group = self._type(self._plain(type_id))
        if group.kind not in {_STRUCT, _UNION}:
            return
        for index in range(group.length):
            name_at, member_id, offset = _TYPE.unpack_from(
                self._data, group.tail + _TYPE.size * index
            )
            if group.bit_fields and offset >> 24:
                continue  # a bit field by its width; none that is wanted here is one
            yield name_at, member_id, offset & 0xFFFFFF if group.bit_fields else offset

    def _plain(self, type_id: int) -> int:
        """The type below typedefs, qualifiers and tags."""
        for _ in range(_MODIFIERS_LIMIT):
            found = self._type(type_id)
            if found.kind not in _MODIFIERS:
                return type_id
            type_id = found.value
        raise BtfError("a type leads back to itself")

    def _type(self, type_id: int) -> _Type:
        if not type_id:
            return _VOID
        position = self._positions[type_id]
        _, info, value = _TYPE.unpack_from(self._data, position)
        return _Type(
            kind=info >> 24 & 0x1F,
            length=info & 0xFFFF,
            bit_fields=bool(info >> 31),
            value=value,
            tail=position + _TYPE.size,
        )

    def _name(self, name_at: int) -> bytes:
        end = self._names.find(b"\0", name_at)
        if end < 0:
            raise IndexError(name_at)
        return self._names[name_at:end]
