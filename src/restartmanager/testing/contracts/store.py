# ruff: noqa: S101 - these are tests: they assert
"""Contract tests of the port ``Store``: derive from `StoreContract` and define ``make_store``."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from restartmanager.errors import NoSuchSessionError, SessionLimitError, UsageError
from restartmanager.model import (
    Filter,
    FilterAction,
    FilterTrigger,
    Resources,
    Status,
    TreeResource,
)
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.journal import JournalEntry, JournalStep, Operation, SessionRecord
from restartmanager.testing.contracts.store_resources import StoreResourcesContract
from restartmanager.testing.samples import (
    APPLICATION,
    BOOT,
    ENTRY,
    KEY,
    OTHER_KEY,
    PRIMARY,
    RECORD,
    SECONDARY,
    SERVICE,
    TERTIARY,
    file,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from restartmanager.ports.store import Store

__all__ = ["StoreContract"]


class StoreContract(StoreResourcesContract):
    """The tests of a store; those of resources and filters are inherited. Override
    ``make_store``."""

    # -- sessions ------------------------------------------------------------------------------

    def test_a_new_store_has_no_sessions(self, store: Store) -> None:
        assert store.sessions() == ()

    def test_a_session_comes_back_as_it_was_created(self, store: Store) -> None:
        full = replace(
            RECORD,
            shut_down=True,
            operation=Operation.RECOVERY,
            worker=TERTIARY,
            members=(TERTIARY, SECONDARY),
        )
        bare = SessionRecord(key=OTHER_KEY, created_at=1.0, boot_id=BOOT)
        store.create_session(full, limit=64)
        store.create_session(bare, limit=64)
        assert store.session(KEY) == full
        assert store.session(OTHER_KEY) == bare

    def test_sessions_are_listed_oldest_first(self, store: Store) -> None:
        records = [replace(RECORD, key=f"{n:032x}", created_at=float(n)) for n in range(5)]
        for record in records:
            store.create_session(record, limit=64)
        assert store.sessions() == tuple(records)

    def test_no_more_sessions_than_the_limit(self, store: Store, session: str) -> None:
        with pytest.raises(SessionLimitError) as caught:
            store.create_session(replace(RECORD, key=OTHER_KEY), limit=1)
        assert caught.value.limit == 1
        assert [record.key for record in store.sessions()] == [session]

    def test_a_deleted_session_makes_room_for_another(self, store: Store, session: str) -> None:
        store.delete_session(session)
        store.create_session(replace(RECORD, key=OTHER_KEY), limit=1)
        assert [record.key for record in store.sessions()] == [OTHER_KEY]

    def test_a_key_is_taken_once(self, store: Store, session: str) -> None:
        with pytest.raises(UsageError):
            store.create_session(replace(RECORD, key=session, created_at=9.0), limit=64)
        assert store.session(session) == RECORD

    def test_deleting_forgets_all_that_belongs_to_the_session(
        self, store: Store, session: str
    ) -> None:
        store.add_member(session, SECONDARY)
        store.add_resources(session, Resources(files=(file("/a"),), services=("a",)))
        store.add_resources(session, Resources(trees=(TreeResource("/t", (file("/t"),)),)))
        store.set_filter(session, Filter("a", FilterTrigger.SERVICE, FilterAction.NO_RESTART))
        store.write_entries(session, [ENTRY])
        store.delete_session(session)
        store.create_session(RECORD, limit=64)
        assert store.session(session) == RECORD
        assert store.resources(session) == Resources()
        assert store.filters(session) == ()
        assert store.journal(session) == ()

    def test_deleting_leaves_other_sessions_alone(self, store: Store, session: str) -> None:
        store.create_session(replace(RECORD, key=OTHER_KEY), limit=64)
        store.add_resources(OTHER_KEY, Resources(files=(file("/a"),)))
        store.write_entries(OTHER_KEY, [ENTRY])
        store.delete_session(session)
        assert store.resources(OTHER_KEY) == Resources(files=(file("/a"),))
        assert store.journal(OTHER_KEY) == (ENTRY,)

    @pytest.mark.parametrize(
        "call",
        [
            lambda store: store.session(KEY),
            lambda store: store.delete_session(KEY),
            lambda store: store.add_member(KEY, SECONDARY),
            lambda store: store.remove_member(KEY, SECONDARY),
            lambda store: store.add_resources(KEY, Resources(files=(file("/a"),))),
            lambda store: store.resources(KEY),
            lambda store: store.set_filter(
                KEY, Filter("a", FilterTrigger.SERVICE, FilterAction.NO_RESTART)
            ),
            lambda store: store.remove_filter(KEY, FilterTrigger.SERVICE, "a"),
            lambda store: store.filters(KEY),
            lambda store: store.begin(KEY, Operation.SHUTDOWN, PRIMARY),
            lambda store: store.write_entries(KEY, [ENTRY]),
            lambda store: store.journal(KEY),
        ],
    )
    def test_a_session_that_is_gone_is_no_such_session(
        self, store: Store, session: str, call: Callable[[Store], object]
    ) -> None:
        store.delete_session(session)
        with pytest.raises(NoSuchSessionError):
            call(store)

    # -- members -------------------------------------------------------------------------------

    def test_members_are_listed_in_the_order_they_joined(self, store: Store, session: str) -> None:
        store.add_member(session, TERTIARY)
        store.add_member(session, SECONDARY)
        store.add_member(session, TERTIARY)
        assert store.session(session).members == (TERTIARY, SECONDARY)
        assert store.sessions()[0].members == (TERTIARY, SECONDARY)

    def test_a_member_leaves(self, store: Store, session: str) -> None:
        store.add_member(session, SECONDARY)
        store.add_member(session, TERTIARY)
        store.remove_member(session, SECONDARY)
        assert store.session(session).members == (TERTIARY,)

    def test_who_never_joined_may_leave(self, store: Store, session: str) -> None:
        store.remove_member(session, SECONDARY)
        assert store.session(session) == RECORD

    # -- operations ----------------------------------------------------------------------------

    def test_an_idle_session_can_be_claimed(self, store: Store, session: str) -> None:
        assert store.begin(session, Operation.RESTART, PRIMARY)
        record = store.session(session)
        assert (record.operation, record.worker) == (Operation.RESTART, PRIMARY)
        assert not record.shut_down

    def test_a_shutdown_is_remembered(self, store: Store, session: str) -> None:
        store.begin(session, Operation.SHUTDOWN, PRIMARY)
        store.finish(session, PRIMARY)
        store.begin(session, Operation.RESTART, PRIMARY)
        assert store.session(session).shut_down

    def test_a_claimed_session_cannot_be_claimed_again(self, store: Store, session: str) -> None:
        store.begin(session, Operation.RESTART, PRIMARY)
        assert not store.begin(session, Operation.SHUTDOWN, SECONDARY)
        assert not store.begin(session, Operation.SHUTDOWN, PRIMARY)
        record = store.session(session)
        assert (record.operation, record.worker) == (Operation.RESTART, PRIMARY)
        assert not record.shut_down

    def test_a_claim_is_taken_over_from_the_named_worker_only(
        self, store: Store, session: str
    ) -> None:
        assert not store.begin(session, Operation.RECOVERY, SECONDARY, replacing=PRIMARY)
        store.begin(session, Operation.SHUTDOWN, PRIMARY)
        assert not store.begin(session, Operation.RECOVERY, SECONDARY, replacing=TERTIARY)
        assert store.begin(session, Operation.RECOVERY, SECONDARY, replacing=PRIMARY)
        assert not store.begin(session, Operation.RECOVERY, TERTIARY, replacing=PRIMARY)
        record = store.session(session)
        assert (record.operation, record.worker) == (Operation.RECOVERY, SECONDARY)

    def test_a_claim_is_given_back(self, store: Store, session: str) -> None:
        store.begin(session, Operation.SHUTDOWN, PRIMARY)
        store.finish(session, PRIMARY)
        record = store.session(session)
        assert (record.operation, record.worker) == (None, None)
        assert store.begin(session, Operation.RESTART, SECONDARY)

    def test_nobody_gives_back_the_claim_of_another(self, store: Store, session: str) -> None:
        store.begin(session, Operation.SHUTDOWN, PRIMARY)
        store.finish(session, SECONDARY)
        assert store.session(session).worker == PRIMARY

    def test_finishing_in_a_session_that_is_gone_does_nothing(
        self, store: Store, session: str
    ) -> None:
        store.begin(session, Operation.SHUTDOWN, PRIMARY)
        store.delete_session(session)
        store.finish(session, PRIMARY)
        assert store.sessions() == ()

    def test_of_many_that_claim_at_once_one_wins(self, store: Store, session: str) -> None:
        workers = [UniqueProcess(1000 + n, n, BOOT) for n in range(8)]
        won: list[UniqueProcess] = []
        start = threading.Barrier(len(workers))

        def claim(worker: UniqueProcess) -> None:
            start.wait()
            if store.begin(session, Operation.SHUTDOWN, worker):
                won.append(worker)

        threads = [threading.Thread(target=claim, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [store.session(session).worker] == won

    # -- journal -------------------------------------------------------------------------------

    def test_entries_come_back_as_they_were_written(self, store: Store, session: str) -> None:
        bare = JournalEntry(2, SERVICE, JournalStep.STOPPED, 5.0)
        store.write_entries(session, iter([ENTRY, bare]))
        assert store.journal(session) == (ENTRY, bare)

    def test_entries_are_ordered_by_their_sequence(self, store: Store, session: str) -> None:
        store.write_entries(session, [replace(ENTRY, sequence=9)])
        store.write_entries(session, [JournalEntry(3, SERVICE, JournalStep.STOPPED, 5.0)])
        assert [entry.sequence for entry in store.journal(session)] == [3, 9]

    def test_an_entry_takes_the_place_of_the_one_for_the_same_application(
        self, store: Store, session: str
    ) -> None:
        store.write_entries(session, [ENTRY])
        changed = replace(
            ENTRY,
            application=replace(APPLICATION, name="another name", status=Status.STOPPED),
            step=JournalStep.LEFT_STOPPED,
            recipe=None,
            sequence=4,
        )
        store.write_entries(session, [changed])
        assert store.journal(session) == (changed,)

    def test_entries_are_written_all_or_none(self, store: Store, session: str) -> None:
        def interrupted() -> Iterator[JournalEntry]:
            yield ENTRY
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            store.write_entries(session, interrupted())
        assert store.journal(session) == ()

    # -- threads -------------------------------------------------------------------------------

    def test_threads_that_register_at_once_lose_nothing(self, store: Store, session: str) -> None:
        def register(number: int) -> None:
            for n in range(10):
                store.add_resources(session, Resources(files=(file(f"/{number}/{n}"),)))

        threads = [threading.Thread(target=register, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(store.resources(session).files)) == 60
