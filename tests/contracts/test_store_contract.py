"""Both stores do what the port says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.store.sqlite import SqliteStore
from restartmanager.testing.contracts.store import StoreContract
from restartmanager.testing.samples import RECORD
from restartmanager.testing.store import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from restartmanager.ports.store import Store


class TestMemoryStore(StoreContract):
    def make_store(self) -> Store:
        return MemoryStore()


class TestSqliteStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = str(tmp_path / "state")

    def make_store(self) -> Store:
        return SqliteStore(self.folder)

    def test_another_process_sees_it(self, store: Store, session: str) -> None:
        with SqliteStore(self.folder) as other:
            assert other.session(session) == RECORD

    def test_a_closed_store_opens_again(self) -> None:
        store = SqliteStore(self.folder)
        store.create_session(RECORD, limit=64)
        store.close()
        store.close()
        assert store.sessions() == (RECORD,)
        store.close()

    def test_everything_is_the_users_alone(self, session: str) -> None:
        assert os.stat(self.folder).st_mode & 0o777 == 0o700
        with os.scandir(self.folder) as entries:
            assert {entry.stat().st_mode & 0o777 for entry in entries} == {0o600}
