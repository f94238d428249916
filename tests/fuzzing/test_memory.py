"""Whatever happens to the bytes of a session memory, it is read, or set aside and said so."""

from __future__ import annotations

import os
import random
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from fuzzing.mutations import Mutator
from restartmanager.adapters.store.sqlite import SqliteStore
from restartmanager.errors import (
    NoSuchSessionError,
    StoreDamagedError,
    StoreError,
    StoreVersionError,
)
from restartmanager.model import Filter, FilterAction, FilterTrigger, Resources, TreeResource
from restartmanager.model.journal import Operation
from restartmanager.testing.samples import ENTRY, KEY, PRIMARY, RECORD, SECONDARY, file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAMAGES = int(os.environ.get("RESTARTMANAGER_DAMAGES", "300"))
PARTS = 4


@pytest.fixture
def memory(tmp_path: Path) -> bytes:
    """The bytes of a memory with something in every table."""
    with SqliteStore(str(tmp_path / "whole")) as store:
        store.create_session(RECORD, limit=64)
        store.add_member(KEY, SECONDARY)
        tree = TreeResource("/t", (file("/t/a"),))
        store.add_resources(KEY, Resources((file("/a"),), (tree,), (PRIMARY,), ("a.service",)))
        store.set_filter(KEY, Filter("/a", FilterTrigger.EXECUTABLE, FilterAction.NO_RESTART))
        store.write_entries(KEY, [ENTRY])
    return (tmp_path / "whole/sessions.db").read_bytes()


@pytest.mark.parametrize("part", range(PARTS))
def test_a_damaged_memory_is_read_or_set_aside(memory: bytes, tmp_path: Path, part: int) -> None:
    aside = 0
    for number in range(part, DAMAGES, PARTS):
        folder = tmp_path / "state"
        folder.mkdir(mode=0o700)
        (folder / "sessions.db").write_bytes(damaged(memory, number))
        aside += use(str(folder))
        shutil.rmtree(folder)
    assert aside, "no damage was ever noticed"


def damaged(memory: bytes, number: int) -> bytes:
    """The memory with one to three pages, or its header, or its length changed."""
    pick = random.Random(number)  # noqa: S311 - a test, not a secret
    data = bytearray(memory)
    for _ in range(pick.randint(1, 3)):
        at = pick.choice((0, 4096 * pick.randrange(len(memory) // 4096)))
        size = pick.choice((100, 4096))
        page = Mutator([bytes(data[at : at + size])], pick.randrange(10**9)).next()
        data[at : at + size] = page if pick.random() < 0.1 else page[:size].ljust(size, b"\0")
    return bytes(data)


def use(folder: str) -> int:
    """Do everything with it; how often it was set aside. What it raises otherwise goes through."""
    aside = 0
    with SqliteStore(folder, busy_timeout_s=2) as store:
        deeds: list[Callable[[], object]] = [
            store.sessions,
            lambda: store.session(KEY),
            lambda: store.resources(KEY),
            lambda: store.filters(KEY),
            lambda: store.journal(KEY),
            lambda: store.add_resources(KEY, Resources(files=(file("/b"),))),
            lambda: store.write_entries(KEY, [ENTRY]),
            lambda: store.begin(KEY, Operation.RECOVERY, PRIMARY),
            lambda: store.delete_session(KEY),
        ]
        for deed in deeds:
            try:
                with suppress(NoSuchSessionError):
                    deed()
            except StoreDamagedError:
                aside += 1
            except StoreVersionError:
                continue
            except StoreError as error:
                # The mark of a format that only newer versions of SQLite may write.
                assert error.why == "it is read-only here"  # noqa: PT017 - others go through
    return aside
