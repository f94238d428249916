"""The numbers are found by following types, whatever the layout; no bytes can do harm."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.adapters.bpf.btf import BtfError, KernelFacts, parse_facts
from support.made_up_btf import ARRAY, FUNCTION, TYPEDEF, UNION, Blob, Kernel


def test_every_number_is_found() -> None:
    facts = parse_facts(Kernel().bytes())._asdict()
    identifiers = {facts.pop(f"{name}_iterator") for name in ("task", "task_file", "task_vma")}
    assert len(identifiers) == 3
    assert facts == {
        "meta_seq": 0,
        "task_pid": 1264,
        "task_tgid": 1268,
        "task_flags": 44,
        "task_group_leader": 1328,
        "task_start": 1560,
        "task_mm": 1136,
        "task_fs": 1816,
        "mm_exe_file": 1312,
        "fs_root_mount": 24,
        "fs_root_dentry": 32,
        "fs_pwd_dentry": 48,
        "dentry_inode": 48,
        "dentry_hash": 16,
        "vma_flags": 32,
        "vma_file": 88,
        "file_path": 64,
        "file_mount": 64,
        "file_dentry": 72,
        "file_inode": 32,
        "inode_number": 64,
        "inode_super_block": 40,
        "super_block_device": 16,
    }


def test_ids_count_all_kinds_of_types() -> None:
    kernel = Kernel()
    tails = {ARRAY: 12, 14: 4, 16: 0, 17: 4, 6: 8, 15: 12, 19: 12}
    for kind, size in tails.items():
        elements = 3 if kind in {6, 15, 19} else 0
        kernel.blob.add(kind, "x", 4, bytes(size * (elements or 1)), elements)
    shifted, plain = parse_facts(kernel.bytes()), parse_facts(Kernel().bytes())
    assert shifted.task_iterator == plain.task_iterator + len(tails)
    assert shifted.inode_number == plain.inode_number


def test_members_in_nested_anonymous_groups_count_from_the_outermost() -> None:
    def members(blob: Blob, number: int, sb: int) -> list[tuple[str, int, int]]:
        inner = blob.group("", [("x", number, 0), ("i_ino", number, 64)])
        union = blob.group("", [("y", number, 0), ("", inner, 64)], UNION)
        return [("", union, 512), ("i_sb", sb, 0)]

    assert parse_facts(Kernel(inode_members=members).bytes()).inode_number == (512 + 64 + 64) // 8


def test_offsets_leave_out_the_width_of_bit_fields() -> None:
    def members(_: Blob, number: int, sb: int) -> list[tuple[str, int, int]]:
        return [("bits", number, 3 << 24 | 1), ("i_ino", number, 64), ("i_sb", sb, 128)]

    facts = parse_facts(Kernel(inode_members=members, inode_flag=1).bytes())
    assert (facts.inode_number, facts.inode_super_block) == (8, 16)


def _bit_field(_: Blob, number: int, sb: int) -> list[tuple[str, int, int]]:
    return [("i_ino", number, 7 << 24 | 64), ("i_sb", sb, 128)]


def _odd_bits(_: Blob, number: int, sb: int) -> list[tuple[str, int, int]]:
    return [("i_ino", number, 65), ("i_sb", sb, 128)]


def _far_away(_: Blob, number: int, sb: int) -> list[tuple[str, int, int]]:
    return [("i_ino", number, 0x8000 * 8), ("i_sb", sb, 128)]


def _missing(_: Blob, number: int, sb: int) -> list[tuple[str, int, int]]:
    return [("i_number", number, 0), ("i_sb", sb, 128)]


def _no_pointer(_: Blob, number: int, sb: int) -> list[tuple[str, int, int]]:
    return [("i_ino", number, 0), ("i_sb", number, 128)]


@pytest.mark.parametrize(
    ("kernel", "why"),
    [
        (Kernel(inode_members=_bit_field, inode_flag=1), "no member i_ino"),
        (Kernel(inode_members=_odd_bits), "i_ino is a bit field"),
        (Kernel(inode_members=_far_away), "inode_number is not a possible one"),
        (Kernel(inode_members=_missing), "no member i_ino"),
        (Kernel(inode_members=_no_pointer), "should point to a structure"),
        (Kernel(inode_number_size=4), "i_ino is not a number of 8 bytes"),
        (Kernel(forward_super_block=True), "should point to a structure"),
        (Kernel(safe_mappings=False), "may crash"),
        (Kernel(file_parameters=("meta", "task", "file", "fd")), "other parameters"),
        (Kernel(file_parameters=("meta", "task", "file")), "other parameters"),
    ],
)
def test_a_kernel_that_differs_is_refused(kernel: Kernel, why: str) -> None:
    with pytest.raises(BtfError, match=why):
        parse_facts(kernel.bytes())


def test_a_kernel_without_the_iterators_is_refused() -> None:
    blob = Blob()
    # Anonymous types must not pass for the names that are not there.
    blob.group("", [("mm", blob.integer("int", 4), 0)])
    blob.add(FUNCTION, "", 1)
    with pytest.raises(BtfError, match="has no bpf_iter"):
        parse_facts(blob.bytes())


@pytest.mark.parametrize("kind", [0, 20, 31])
def test_an_unknown_kind_is_refused(kind: int) -> None:
    kernel = Kernel()
    kernel.build()
    kernel.blob.add(kind, "x", 4)
    with pytest.raises(BtfError, match=f"kind of type not known here .{kind}."):
        parse_facts(kernel.blob.bytes())


def test_types_that_lead_back_to_themselves_are_refused() -> None:
    def members(blob: Blob, number: int, sb: int) -> list[tuple[str, int, int]]:
        itself = len(blob.types) + 1
        return [("i_ino", blob.add(TYPEDEF, "loop", itself), 0), ("i_sb", sb, 64)]

    with pytest.raises(BtfError, match="back to itself"):
        parse_facts(Kernel(inode_members=members).bytes())


def test_groups_that_contain_themselves_end() -> None:
    def members(blob: Blob, number: int, sb: int) -> list[tuple[str, int, int]]:
        itself = len(blob.types) + 1
        blob.group("", [("", itself, 8)] * 100)
        return [("", itself, 0), ("i_sb", sb, 64)]

    with pytest.raises(BtfError, match="no member i_ino"):
        parse_facts(Kernel(inode_members=members).bytes())


@pytest.mark.parametrize("number", [-1, 0x8000, True, 1.0, "1", None])
def test_numbers_that_cannot_be_offsets_are_refused(number: object) -> None:
    good = parse_facts(Kernel().bytes())._asdict()
    with pytest.raises(BtfError, match="task_tgid"):
        KernelFacts(**{**good, "task_tgid": number}).checked()


@given(st.binary())
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BtfError):
        parse_facts(data)


@given(st.binary(max_size=200), st.lists(st.integers(0, 0xFFFFFFFF), min_size=5, max_size=5))
def test_arbitrary_bytes_behind_a_good_magic_are_refused(data: bytes, header: list[int]) -> None:
    with pytest.raises(BtfError):
        parse_facts(struct.pack("<HBBIIIII", 0xEB9F, 1, 0, *header) + data)


GOOD = Kernel().bytes()


@given(
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=8)
)
def test_a_damaged_blob_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for at, value in changes:
        data[at] = value
    try:
        facts = parse_facts(bytes(data))
    except BtfError:
        return
    assert all(value >= 0 for value in facts)


@given(st.integers(0, len(GOOD) - 1))
def test_a_blob_cut_short_is_refused(size: int) -> None:
    with pytest.raises(BtfError):
        parse_facts(GOOD[:size])
