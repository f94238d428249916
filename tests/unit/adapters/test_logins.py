"""Logins, by the files of a login manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.adapters.logins import LoginFiles, parse_login
from restartmanager.model.logins import Login

if TYPE_CHECKING:
    from pathlib import Path

TEXT = b"""# This is private data. Do not parse.
UID=1000
USER=ann
ACTIVE=1
SCOPE=session-7.scope
TTY=pts/0
REMOTE_HOST=192.0.2.7
LEADER=4711
"""


def test_a_login_is_read_with_its_leader_and_where_it_is_from() -> None:
    login = parse_login("7", TEXT)
    assert login == Login("7", 4711, "session-7.scope", "ann", "pts/0", "192.0.2.7")
    assert login.words == "ann (pts/0, from 192.0.2.7)"


@pytest.mark.parametrize(
    ("more", "words"),
    [(b"", "1000"), (b"USER=b", "b"), (b"TTY=tty1", "1000 (tty1)"), (b'USER="b c"', "b c")],
)
def test_what_is_not_known_is_left_out(more: bytes, words: str) -> None:
    login = parse_login("1", b"UID=1000\nLEADER=5\nSCOPE=s\n" + more)
    assert login is not None
    assert login.words == words


@pytest.mark.parametrize("text", [b"", b"LEADER=5", b"SCOPE=s", b"LEADER=x\nSCOPE=s"])
def test_without_a_leader_or_a_scope_it_is_none(text: bytes) -> None:
    assert parse_login("1", text) is None


@given(st.binary())
def test_nonsense_is_none(data: bytes) -> None:
    assert parse_login("1", data) is None or b"LEADER=" in data


def test_only_files_that_can_be_sessions_are_read(tmp_path: Path) -> None:
    for name in ("7", "c2", "7.ref", ".#7x", "a b"):
        (tmp_path / name).write_bytes(TEXT)
    (tmp_path / "9").mkdir()
    assert [login.id for login in LoginFiles(str(tmp_path)).all()] == ["7", "c2"]
    assert LoginFiles(str(tmp_path / "none")).all() == ()
