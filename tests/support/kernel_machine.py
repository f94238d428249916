"""A machine that runs the programs for the kernel: an interpreter of their few instructions."""

import struct
from dataclasses import dataclass, field

from restartmanager.adapters.bpf.btf import KernelFacts
from restartmanager.adapters.bpf.holders_program import KEY, KINDS, RECORD, RUNNING
from restartmanager.adapters.bpf.running_code_program import CODE, PATH_MAX, PROCESS
from restartmanager.model import How

FACTS = KernelFacts(*range(0, 8 * len(KernelFacts._fields), 8))
MAP, TOLD, ROOM = 77, 78, 79
ROOM_AT = 0x6000_0000
TGID = 4321


@dataclass
class Machine:
    """Memory in which structures are dictionaries by offset, and the helper functions.

    Reading a member that was not put there fails: the programs may touch nothing else.
    """

    memory: dict[int, int] = field(default_factory=dict)
    targets: dict[bytes, int] = field(default_factory=dict)
    records: list[tuple[int, int, How]] = field(default_factory=list)
    running: list[int] = field(default_factory=list)
    following: int = 0x1000
    told: dict[tuple[int, int], int] = field(default_factory=dict)
    files: list[tuple[int | str, ...]] = field(default_factory=list)
    processes: list[tuple[int, ...]] = field(default_factory=list)
    paths: dict[int, str] = field(default_factory=dict)
    text: str = ""
    room: bool = True
    """Whether there is room for another record."""

    def structure(self, members: dict[int, int]) -> int:
        address = self.following
        self.following += 0x1000
        self.memory.update({address + offset: value for offset, value in members.items()})
        return address

    def run(self, code: bytes, context: int) -> int:  # noqa: C901, PLR0912 - a case for each instruction
        registers = [0] * 11
        registers[1], registers[10] = context, 0x7000_0000
        at = 0
        while True:
            opcode, pair, offset, immediate = struct.unpack_from("<BBhi", code, at * 8)
            destination, source = pair & 15, pair >> 4
            at += 1
            match opcode:
                case 0x79 | 0x61:
                    registers[destination] = self.memory[registers[source] + offset]
                case 0x7B | 0x63:
                    self.store(registers[destination] + offset, registers[source], opcode)
                case 0x62:
                    self.store(registers[destination] + offset, immediate, opcode)
                case 0xBF:
                    registers[destination] = registers[source]
                case 0xB7:
                    registers[destination] = immediate
                case 0x07:
                    registers[destination] += immediate
                case 0x18:
                    assert source == 1
                    registers[destination] = immediate
                    at += 1
                case 0x57:
                    registers[destination] &= immediate
                case 0x05:
                    at += offset
                case 0x15:
                    at += offset if registers[destination] == immediate else 0
                case 0x55:
                    at += offset if registers[destination] != immediate else 0
                case 0x65 | 0x25:
                    at += offset if registers[destination] > immediate else 0
                case 0xBD:
                    at += offset if registers[destination] <= registers[source] else 0
                case 0x5D:
                    at += offset if registers[destination] != registers[source] else 0
                case 0x45:
                    at += offset if registers[destination] & immediate else 0
                case 0x85:
                    registers[0] = self.call(immediate, registers)
                    registers[1:6] = [0xDEAD] * 5
                case 0x95:
                    return registers[0]
                case _:
                    raise AssertionError(hex(opcode))

    def store(self, address: int, value: int, opcode: int) -> None:
        self.memory[address] = value
        if opcode != 0x7B:
            assert value < 1 << 32

    def call(self, helper: int, registers: list[int]) -> int:
        _, first, second, third, *_ = registers
        match helper:
            case 1:
                return self.look_up(first, second)
            case 2:
                self.told[self.memory[second], self.memory[second + 8]] = self.memory[third]
                return 0
            case 147:
                assert third == PATH_MAX
                self.text = self.paths.get(first, "")
                return len(self.text) + 1 if self.text else -36
        assert (helper, first) == (127, 0x5E9)
        if not self.room:
            return -75
        self.write(second, third)
        return 0

    def look_up(self, map_fd: int, key_at: int) -> int:
        if map_fd == ROOM:
            return ROOM_AT if self.memory[key_at] == 0 else 0
        first, second = self.memory[key_at], self.memory[key_at + 8]
        if map_fd == TOLD:
            start = self.told.get((first, second))
            return 0 if start is None else self.structure({0: start})
        assert map_fd == MAP
        key = KEY.pack(first, second)
        return self.structure({0: self.targets[key]}) if key in self.targets else 0

    def write(self, at: int, size: int) -> None:
        if at == ROOM_AT:
            values = tuple(self.memory[at + offset] for offset in (0, 8, 16, 20, 24))
            assert size == CODE.size + self.memory[at + 28]
            self.files.append((*values, self.text))
            return
        if size == PROCESS.size:
            self.processes.append(tuple(self.memory[at + o] for o in (0, 8, 16, 24)))
            return
        assert size == RECORD.size
        index, pid, kind = (self.memory[at + offset] for offset in (0, 8, 12))
        if kind == RUNNING:
            self.running.append(pid)
        else:
            self.records.append((index, pid, KINDS[kind]))

    # -- what a kernel has

    def inode(self, number: int, device: int) -> int:
        super_block = self.structure({FACTS.super_block_device: device})
        members = {FACTS.inode_number: number, FACTS.inode_super_block: super_block}
        return self.structure(members)

    def file(self, number: int, device: int) -> int:
        return self.structure({FACTS.file_inode: self.inode(number, device)})

    def dentry(self, number: int, device: int) -> int:
        return self.structure({FACTS.dentry_inode: self.inode(number, device)})

    def task(self, *, mm: int = 0, fs: int = 0, flags: int = 0, pid: int = TGID) -> int:
        members = {FACTS.task_pid: pid, FACTS.task_tgid: TGID, FACTS.task_flags: flags}
        members |= {FACTS.task_group_leader: self.structure({FACTS.task_start: 700})}
        members |= {FACTS.task_start: 700, FACTS.task_mm: mm, FACTS.task_fs: fs}
        return self.structure(members)

    def context(self, **arguments: int) -> int:
        meta = self.structure({FACTS.meta_seq: 0x5E9})
        places = {"task": 8, "vma": 16, "file": 24}
        return self.structure({0: meta, **{places[n]: value for n, value in arguments.items()}})
