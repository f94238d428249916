"""Type information of kernels that we made up: what ``/sys/kernel/btf/vmlinux`` could say."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

INTEGER, POINTER, ARRAY, STRUCT, UNION, FORWARD, TYPEDEF = 1, 2, 3, 4, 5, 7, 8
CONST, FUNCTION, PROTOTYPE, TYPE_TAG = 10, 12, 13, 18


@dataclass
class Blob:
    """Builds BTF type by type; ids are given in order, from 1."""

    types: list[bytes] = field(default_factory=list)
    names: bytearray = field(default_factory=lambda: bytearray(b"\0"))
    known: dict[str, int] = field(default_factory=dict)

    def name(self, text: str) -> int:
        if text and text not in self.known:
            self.known[text] = len(self.names)
            self.names += text.encode() + b"\0"
        return self.known.get(text, 0)

    def add(self, kind: int, name: str = "", value: int = 0, tail: bytes = b"", n: int = 0) -> int:
        self.types.append(struct.pack("<III", self.name(name), kind << 24 | n, value) + tail)
        return len(self.types)

    def integer(self, name: str, size: int) -> int:
        return self.add(INTEGER, name, size, struct.pack("<I", size * 8))

    def group(
        self, name: str, members: list[tuple[str, int, int]], kind: int = STRUCT, flag: int = 0
    ) -> int:
        """``members``: name, type, offset in bits."""
        tail = b"".join(struct.pack("<III", self.name(n), t, at) for n, t, at in members)
        return self.add(kind | flag << 7, name, 4096, tail, len(members))

    def function(self, name: str, parameters: list[tuple[str, int]]) -> int:
        tail = b"".join(struct.pack("<II", self.name(n), t) for n, t in parameters)
        return self.add(FUNCTION, name, self.add(PROTOTYPE, "", 0, tail, len(parameters)))

    def bytes(self) -> bytes:
        types = b"".join(self.types)
        sizes = (0, len(types), len(types), len(self.names))
        return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, *sizes) + types + self.names


@dataclass
class Kernel:
    """A kernel of our own making; a test changes a layout or a type, then asks for the blob."""

    blob: Blob = field(default_factory=Blob)
    inode_members: Callable[[Blob, int, int], list[tuple[str, int, int]]] | None = None
    inode_flag: int = 0
    inode_number_size: int = 8
    file_parameters: tuple[str, ...] = ("meta", "task", "fd", "file")
    safe_mappings: bool = True
    forward_super_block: bool = False

    def bytes(self) -> bytes:
        self.build()
        return self.blob.bytes()

    def build(self) -> None:
        blob = self.blob
        # A stranger of the same name comes first: names of structures decide nothing.
        blob.group("file", [("f_inode", blob.integer("char", 1), 0)])
        u32 = blob.add(TYPEDEF, "dev_t", blob.integer("unsigned int", 4))
        number = blob.integer("unsigned long", self.inode_number_size)
        if self.forward_super_block:
            super_block = blob.add(FORWARD, "super_block")
        else:
            super_block = blob.group("super_block", [("s_dev", u32, 128)])
        super_pointer = blob.add(POINTER, "", super_block)
        make = self.inode_members or (
            lambda _, number, sb: [("i_sb", sb, 40 * 8), ("i_ino", number, 64 * 8)]
        )
        inode = blob.group("inode", make(blob, number, super_pointer), flag=self.inode_flag)
        inode_pointer = blob.add(POINTER, "", inode)
        node = blob.group("hlist_bl_node", [("next", number, 0), ("pprev", number, 8 * 8)])
        dentry = blob.group("dentry", [("d_hash", node, 8 * 8), ("d_inode", inode_pointer, 48 * 8)])
        path = blob.group(
            "path", [("mnt", number, 0), ("dentry", blob.add(POINTER, "", dentry), 64)]
        )
        file = blob.group("file", [("f_inode", inode_pointer, 32 * 8), ("f_path", path, 64 * 8)])
        file_pointer = blob.add(POINTER, "", blob.add(CONST, "", file))
        fs = blob.group("fs_struct", [("root", path, 24 * 8), ("pwd", path, 40 * 8)])
        tagged = blob.add(POINTER, "", blob.add(TYPE_TAG, "rcu", file))
        mm = blob.group(
            "mm_struct",
            [("", blob.group("", [("other", u32, 0), ("exe_file", tagged, 8 * 8)]), 1304 * 8)],
        )
        task = blob.group(
            "task_struct",
            [
                ("flags", u32, 44 * 8),
                ("mm", blob.add(POINTER, "", mm), 1136 * 8),
                ("pid", u32, 1264 * 8),
                ("tgid", u32, 1268 * 8),
                ("group_leader", blob.add(POINTER, "", fs), 1328 * 8),  # any structure will do
                ("start_boottime", blob.integer("unsigned long long", 8), 1560 * 8),
                ("fs", blob.add(POINTER, "", fs), 1816 * 8),
            ],
        )
        seq = blob.group("seq_file", [("buf", number, 0)])
        meta = blob.group("bpf_iter_meta", [("seq", blob.add(POINTER, "", seq), 0)])
        flags = blob.integer("unsigned long", 8)
        vma = blob.group(
            "vm_area_struct", [("vm_flags", flags, 32 * 8), ("vm_file", file_pointer, 88 * 8)]
        )
        types = {
            "meta": blob.add(POINTER, "", meta),
            "task": blob.add(POINTER, "", task),
            "fd": u32,
            "file": file_pointer,
            "vma": blob.add(POINTER, "", vma),
        }
        state = [("task", types["task"], 0)] + [("mm", number, 64)] * self.safe_mappings
        blob.group("bpf_iter_seq_task_vma_info", state)
        for name, parameters in {
            "bpf_iter_task": ("meta", "task"),
            "bpf_iter_task_file": self.file_parameters,
            "bpf_iter_task_vma": ("meta", "task", "vma"),
        }.items():
            blob.function(name, [(parameter, types[parameter]) for parameter in parameters])
