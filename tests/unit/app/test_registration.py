from __future__ import annotations

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.app.registration import SIZE_LIMIT, pack, unpack
from restartmanager.errors import UsageError
from restartmanager.model import RestartFlags, RestartRegistration
from restartmanager.model.identity import UniqueProcess

PROCESS = UniqueProcess(4711, 123456, "0123456789abcdef0123456789abcdef")
VALID = {
    "format": 1,
    "pid": 4711,
    "start_ticks": 123456,
    "boot_id": PROCESS.boot_id,
    "command": ["/usr/bin/editor", "--restore"],
    "flags": 3,
}
WORDS = (
    st.binary(max_size=20)
    .filter(lambda raw: b"\0" not in raw)
    .map(lambda raw: raw.decode("utf-8", "surrogateescape"))
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def unpacked_on_a_small_stack(data: bytes) -> object:
    """What becomes of it where no Python can nest 50,000 deep: 3.14 goes on while there is room."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(unpack(data)))
    before = threading.stack_size(2 * 1024 * 1024)
    try:
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    (result,) = found
    return result


@given(
    st.lists(WORDS, min_size=1, max_size=5).filter(lambda words: words[0] != ""),
    st.integers(min_value=0, max_value=15),
)
def test_what_was_packed_is_unpacked_undecodable_bytes_and_all(
    words: list[str], flags: int
) -> None:
    registration = RestartRegistration(tuple(words), RestartFlags(flags))
    assert unpack(pack(PROCESS, registration)) == (PROCESS, registration)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_registration_are_none(data: bytes) -> None:
    assert unpack(data) is None


@given(st.dictionaries(st.sampled_from(sorted(VALID)), ANYTHING, min_size=1))
def test_no_value_of_any_type_makes_it_raise(changes: dict[str, object]) -> None:
    found = unpack(json.dumps({**VALID, **changes}).encode())
    if found is not None:
        assert unpack(pack(*found)) == found


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": True},
        {"pid": 0},
        {"pid": 2**31},
        {"pid": True},
        {"pid": "4711"},
        {"start_ticks": -1},
        {"start_ticks": 1.0},
        {"boot_id": None},
        {"command": []},
        {"command": "sh"},
        {"command": [""]},
        {"command": ["sh", 1]},
        {"command": ["sh", "a\0b"]},
        {"command": ["sh", "\ud800"]},
        {"flags": 16},
        {"flags": -1},
        {"flags": None},
    ],
)
def test_one_wrong_value_spoils_it(change: dict[str, object]) -> None:
    assert unpack(json.dumps(VALID).encode()) is not None
    assert unpack(json.dumps({**VALID, **change}).encode()) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[" * 50_000,
        b'{"format": ' + b"9" * 10_000 + b"}",
        b"null",
        b"[]",
        b'"text"',
        json.dumps(VALID).encode() + b" " * SIZE_LIMIT,
        json.dumps(VALID).encode("utf-16"),
    ],
    ids=["empty", "deep", "digits", "null", "list", "text", "huge", "utf-16"],
)
def test_hostile_bytes_are_none(data: bytes) -> None:
    assert unpacked_on_a_small_stack(data) is None


def test_the_longest_that_can_be_packed_can_be_unpacked() -> None:
    room = SIZE_LIMIT - len(pack(PROCESS, RestartRegistration(("sh", ""))))
    registration = RestartRegistration(("sh", "x" * room))
    assert unpack(pack(PROCESS, registration)) == (PROCESS, registration)
    with pytest.raises(UsageError, match="65537 bytes"):
        pack(PROCESS, RestartRegistration(("sh", "x" * (room + 1))))


@pytest.mark.parametrize(
    ("command", "flags"),
    [((), 0), (("",), 0), (("sh", "a\0"), 0), (("sh", "\ud800"), 0), (("sh",), 16)],
)
def test_what_could_not_be_run_is_not_packed(command: tuple[str, ...], flags: int) -> None:
    with pytest.raises(UsageError):
        pack(PROCESS, RestartRegistration(command, RestartFlags(flags)))
