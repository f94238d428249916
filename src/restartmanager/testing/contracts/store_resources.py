# ruff: noqa: S101 - these are tests: they assert
"""Contract tests of the port ``Store`` about resources and filters; `StoreContract` has the
others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from restartmanager.model import (
    FileIdentity,
    FileResource,
    Filter,
    FilterAction,
    FilterTrigger,
    Resources,
    TreeResource,
)
from restartmanager.testing.samples import (
    IDENTITY,
    KEY,
    OTHER_KEY,
    PRIMARY,
    RECORD,
    SECONDARY,
    TERTIARY,
    UNDECODABLE,
    file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restartmanager.ports.store import Store

__all__ = ["StoreResourcesContract"]


class StoreResourcesContract:
    """The tests of a store's resources and filters. Override ``make_store``."""

    def make_store(self) -> Store:
        """A new, empty store."""
        raise NotImplementedError

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        """The store under test, without sessions; closed at the end if it can be."""
        store = self.make_store()
        yield store
        getattr(store, "close", lambda: None)()

    @pytest.fixture
    def session(self, store: Store) -> str:
        """The key of a session that exists."""
        store.create_session(RECORD, limit=64)
        return KEY

    # -- resources -----------------------------------------------------------------------------

    def test_a_new_session_has_no_resources(self, store: Store, session: str) -> None:
        assert store.resources(session) == Resources()

    def test_resources_come_back_as_they_were_registered(self, store: Store, session: str) -> None:
        resources = Resources(
            files=(
                FileResource(UNDECODABLE, IDENTITY),
                FileResource("/missing", None),
                FileResource("/odd", FileIdentity(0, 0, 0, 0, 0)),
                FileResource("/large", FileIdentity(2**32, 2**64 - 1, 0, 2**62, -1)),
            ),
            trees=(
                TreeResource("/tree\udcff", (file("/tree\udcff"), file("/tree\udcff/below"))),
                TreeResource("/empty"),
            ),
            processes=(SECONDARY, PRIMARY),
            services=("z.service", "a.service", "odd\udcff"),
        )
        store.add_resources(session, resources)
        assert store.resources(session) == resources

    def test_resources_are_in_order_of_registration(self, store: Store, session: str) -> None:
        paths = [f"/{name}" for name in "qwertyuiopasdfghjklzxcvbnm"]
        for path in paths[:5]:
            store.add_resources(session, Resources(files=(file(path),), services=(path,)))
        store.add_resources(session, Resources(files=tuple(map(file, paths[5:]))))
        assert [resource.path for resource in store.resources(session).files] == paths
        assert store.resources(session).services == tuple(paths[:5])

    def test_what_is_registered_already_stays_as_it_is(self, store: Store, session: str) -> None:
        first = Resources(
            files=(file("/b"), file("/a")),
            trees=(TreeResource("/t", (file("/t"),)), TreeResource("/s", (file("/s"),))),
            processes=(PRIMARY, SECONDARY),
            services=("b", "a"),
        )
        store.add_resources(session, first)
        store.add_resources(
            session,
            Resources(
                files=(file("/a"), file("/c"), file("/b"), file("/c")),
                trees=(TreeResource("/s", (file("/s/new"), file("/s"))),),
                processes=(SECONDARY, TERTIARY),
                services=("a", "c"),
            ),
        )
        assert store.resources(session) == Resources(
            files=(file("/b"), file("/a"), file("/c")),
            trees=(
                TreeResource("/t", (file("/t"),)),
                TreeResource("/s", (file("/s"), file("/s/new"))),
            ),
            processes=(PRIMARY, SECONDARY, TERTIARY),
            services=("b", "a", "c"),
        )

    def test_the_same_call_again_changes_nothing(self, store: Store, session: str) -> None:
        resources = Resources(
            files=(file("/b"), file("/a")),
            trees=(TreeResource("/t", (file("/b"), file("/a"))),),
        )
        for _ in range(3):
            store.add_resources(session, resources)
        assert store.resources(session) == resources
        store.add_resources(session, Resources(files=(file("/a"), file("/b"), file("/c"))))
        assert store.resources(session).files == (file("/b"), file("/a"), file("/c"))

    def test_another_identity_is_kept_beside_the_first(self, store: Store, session: str) -> None:
        versions = (
            FileResource("/a", IDENTITY),
            FileResource("/a", IDENTITY._replace(inode=78)),
            FileResource("/a", IDENTITY._replace(device=1)),
            FileResource("/a", IDENTITY._replace(ctime_ns=5, size=5)),
            FileResource("/a", None),
        )
        for version in versions:
            store.add_resources(session, Resources(files=(version,)))
        assert store.resources(session).files == versions

    def test_a_file_may_be_registered_itself_and_in_trees(self, store: Store, session: str) -> None:
        resources = Resources(
            files=(file("/t/a"),),
            trees=(TreeResource("/t", (file("/t/a"),)), TreeResource("/", (file("/t/a"),))),
        )
        store.add_resources(session, resources)
        assert store.resources(session) == resources

    def test_sessions_do_not_see_each_others_resources(self, store: Store, session: str) -> None:
        store.create_session(replace(RECORD, key=OTHER_KEY), limit=64)
        store.add_resources(session, Resources(files=(file("/a"),)))
        store.add_resources(OTHER_KEY, Resources(files=(file("/b"),)))
        assert store.resources(session).files == (file("/a"),)
        assert store.resources(OTHER_KEY).files == (file("/b"),)

    # -- filters -------------------------------------------------------------------------------

    def test_filters_are_listed_oldest_first(self, store: Store, session: str) -> None:
        filters = (
            Filter("z.service", FilterTrigger.SERVICE, FilterAction.NO_RESTART),
            Filter(UNDECODABLE, FilterTrigger.EXECUTABLE, FilterAction.NO_SHUTDOWN),
            Filter(PRIMARY, FilterTrigger.PROCESS, FilterAction.NO_SHUTDOWN),
            Filter("z.service", FilterTrigger.EXECUTABLE, FilterAction.NO_RESTART),
        )
        for item in filters:
            store.set_filter(session, item)
        assert store.filters(session) == filters

    def test_a_filter_takes_the_place_of_one_on_the_same_target(
        self, store: Store, session: str
    ) -> None:
        first = Filter("a", FilterTrigger.SERVICE, FilterAction.NO_RESTART)
        second = Filter(SECONDARY, FilterTrigger.PROCESS, FilterAction.NO_RESTART)
        store.set_filter(session, first)
        store.set_filter(session, second)
        store.set_filter(session, first._replace(action=FilterAction.NO_SHUTDOWN))
        assert store.filters(session) == (first._replace(action=FilterAction.NO_SHUTDOWN), second)

    def test_a_filter_is_removed_by_its_target(self, store: Store, session: str) -> None:
        item = Filter(SECONDARY, FilterTrigger.PROCESS, FilterAction.NO_RESTART)
        store.set_filter(session, item)
        assert not store.remove_filter(session, FilterTrigger.PROCESS, PRIMARY)
        assert not store.remove_filter(session, FilterTrigger.EXECUTABLE, SECONDARY)
        assert store.filters(session) == (item,)
        assert store.remove_filter(session, FilterTrigger.PROCESS, SECONDARY)
        assert not store.remove_filter(session, FilterTrigger.PROCESS, SECONDARY)
        assert store.filters(session) == ()
