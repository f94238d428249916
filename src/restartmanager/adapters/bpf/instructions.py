"""The instructions that programs in the kernel are put together from, and their encoding.

The programs are short enough to be written instruction by instruction, which spares a compiler on
the machine (kernel: Documentation/bpf/standardization/instruction-set.rst).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable


R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FRAME = range(11)
"""The registers. In r1 a program gets its context; r1 to r5 are lost in a call, r6 to r9 are kept;
the last one is the address above the stack."""


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


Lines: TypeAlias = list[Instruction | Label]


class Program(NamedTuple):
    """A program ready to load; ``function_id`` is the iterator it belongs to."""

    name: str
    function_id: int
    code: bytes


# -- the instructions that are used ------------------------------------------------------------


def load64(destination: int, source: int, offset: int) -> Instruction:
    """Eight bytes at ``source`` + ``offset``."""
    return Instruction(0x79, destination, source, offset)


def load32(destination: int, source: int, offset: int) -> Instruction:
    """Four bytes there; the upper half becomes zero."""
    return Instruction(0x61, destination, source, offset)


def store64(destination: int, offset: int, source: int) -> Instruction:
    """Eight bytes to ``destination`` + ``offset``."""
    return Instruction(0x7B, destination, source, offset)


def store32(destination: int, offset: int, source: int) -> Instruction:
    """The lower four bytes."""
    return Instruction(0x63, destination, source, offset)


def store32_number(destination: int, offset: int, value: int) -> Instruction:
    """A number, to ``destination`` + ``offset``."""
    return Instruction(0x62, destination, offset=offset, immediate=value)


def copy(destination: int, source: int) -> Instruction:
    """One register from another."""
    return Instruction(0xBF, destination, source)


def put(destination: int, value: int) -> Instruction:
    """A number that fits in 32 bits."""
    return Instruction(0xB7, destination, immediate=value)


def put_frame_address(destination: int, offset: int) -> list[Instruction]:
    """The address of a place on the stack."""
    return [copy(destination, FRAME), add(destination, offset)]


def put_map(destination: int, map_fd: int) -> list[Instruction]:
    """Two places wide; source 1 says that the value is a descriptor of a map."""
    return [Instruction(0x18, destination, 1, immediate=map_fd), Instruction(0)]


def jump_if_zero(register: int, target: str) -> Instruction:
    """Go on at ``target`` when it is zero."""
    return Instruction(0x15, register, target=target)


def jump_if_different(register: int, other: int, target: str) -> Instruction:
    """Go on there when the two registers differ."""
    return Instruction(0x5D, register, other, target=target)


def jump_if_any_bit(register: int, bits: int, target: str) -> Instruction:
    """Go on there when one of these bits is set."""
    return Instruction(0x45, register, immediate=bits, target=target)


def add(destination: int, value: int) -> Instruction:
    """Add a number."""
    return Instruction(0x07, destination, immediate=value)


def jump(target: str) -> Instruction:
    """Go on there."""
    return Instruction(0x05, target=target)


def jump_unless_any_bit(register: int, bits: int, target: str) -> list[Instruction]:
    """Go on there when none of these bits is set; the register is lost."""
    return [Instruction(0x57, register, immediate=bits), jump_if_zero(register, target)]


def jump_if_not_zero(register: int, target: str) -> Instruction:
    """Go on there when it is not zero."""
    return Instruction(0x55, register, target=target)


def jump_if_at_most(register: int, other: int, target: str) -> Instruction:
    """Go on there when the first is not greater than the second, both without a sign."""
    return Instruction(0xBD, register, other, target=target)


def jump_if_positive(register: int, target: str) -> Instruction:
    """Go on there when it is greater than zero, with a sign."""
    return Instruction(0x65, register, target=target)


def jump_if_beyond(register: int, limit: int, target: str) -> Instruction:
    """Go on there when it is greater than a number, without a sign."""
    return Instruction(0x25, register, immediate=limit, target=target)


def call(helper: int) -> Instruction:
    """Call a helper function: arguments in r1 to r5, the result in r0."""
    return Instruction(0x85, immediate=helper)


EXIT = Instruction(0x95)
