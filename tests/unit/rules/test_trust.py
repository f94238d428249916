"""Who else could change what lies at a path, from the facts of each step."""

from __future__ import annotations

import stat

import pytest

from restartmanager.rules.trust import UNKNOWN_USER, Grant, Step, Trust

ME, STRANGER = 1000, 65002
MINE, OURS, UNKNOWN, STALE = 1000, 100, 65050, 101
GROUPS = {
    MINE: frozenset({ME}),
    OURS: frozenset({ME, STRANGER}),
    STALE: frozenset({UNKNOWN_USER}),
    0: frozenset[int](),
}
TRUST = Trust(ME, GROUPS.get)
FILE = Step("/d/f", stat.S_IFREG | 0o755)


def folder(mode: int, uid: int = 0, gid: int = 0, acl: tuple[Grant, ...] | None = None) -> Step:
    return Step("/d", stat.S_IFDIR | mode, uid, gid, acl=acl)


def user(number: int) -> Grant:
    return Grant(number, is_group=False)


def group(number: int) -> Grant:
    return Grant(number, is_group=True)


@pytest.mark.parametrize(
    ("step", "who"),
    [
        (folder(0o755), ""),
        (folder(0o755, uid=ME), ""),
        (folder(0o700, uid=STRANGER), "user 65002"),
        (folder(0o757), "everybody"),
        (folder(0o777, gid=UNKNOWN), "everybody"),
        # groups
        (folder(0o775), ""),
        (folder(0o775, gid=MINE), ""),
        (folder(0o775, gid=OURS), "group 100"),
        (folder(0o775, gid=UNKNOWN), "group 65050"),
        (folder(0o775, gid=STALE), "group 101"),
        (folder(0o755, gid=OURS), ""),
        # access control lists: with one, the bits of the group are its mask
        (folder(0o775, acl=()), ""),
        (folder(0o775, gid=OURS, acl=()), ""),
        (folder(0o775, acl=(user(STRANGER),)), "user 65002"),
        (folder(0o775, acl=(user(0), user(ME), group(MINE), group(0))), ""),
        (folder(0o775, acl=(user(ME), group(OURS))), "group 100"),
        (folder(0o755, acl=(user(STRANGER),)), ""),
    ],
)
def test_who_may_write_to_a_folder(step: Step, who: str) -> None:
    expected = f"{who} can change '/d'" if who else ""
    assert TRUST.against_entry(step, FILE) == expected
    assert TRUST.against_entry(step, Step("/d/f")) == expected
    assert TRUST.against_file(step) == expected
    assert TRUST.against_working_directory(step) == expected


@pytest.mark.parametrize(("uid", "gid"), [(0, 0), (0, OURS), (ME, UNKNOWN)])
def test_in_a_sticky_folder_each_entry_is_its_owners(uid: int, gid: int) -> None:
    """And what is not there yet is whoever's comes first."""
    writer = "everybody" if gid == 0 else f"group {gid}"
    sticky = folder(0o1777 if gid == 0 else 0o1775, uid, gid)
    for mode in (stat.S_IFREG | 0o755, stat.S_IFDIR | 0o700, stat.S_IFLNK | 0o777):
        for trusted in (0, ME):
            assert TRUST.against_entry(sticky, Step("/d/f", mode, trusted)) == ""
        against = TRUST.against_entry(sticky, Step("/d/f", mode, STRANGER))
        assert against == "user 65002 can change '/d/f'"
    missing = TRUST.against_entry(sticky, Step("/d/f"))
    assert missing == f"'/d/f' is missing, and {writer} can make it"
    assert TRUST.against_working_directory(sticky) == ""
    assert TRUST.against_file(sticky) == f"{writer} can change '/d'"


def test_a_sticky_folder_is_its_owners_all_the_same() -> None:
    sticky = folder(0o1777, uid=STRANGER)
    assert TRUST.against_entry(sticky, FILE) == "user 65002 can change '/d'"
    assert TRUST.against_working_directory(sticky) == "user 65002 can change '/d'"


def test_another_name_for_a_file_of_roots_proves_nothing() -> None:
    """Where hard links are not restricted, anybody can give one to any program of root's."""
    linked = FILE._replace(names=2)
    against = TRUST.against_entry(folder(0o1777), linked)
    assert against == "'/d/f' has a second name, and everybody can have given it this one"
    assert TRUST.against_entry(folder(0o755), linked) == ""
    below = Step("/d/f", stat.S_IFDIR | 0o755, names=5)  # of a folder that counts its folders
    assert TRUST.against_entry(folder(0o1777), below) == ""


def test_what_is_roots_can_be_changed_by_root_alone() -> None:
    roots = Trust(0, GROUPS.get)
    assert roots.against_file(Step("/f", stat.S_IFREG | 0o755, ME)) == "user 1000 can change '/f'"
    assert roots.against_entry(folder(0o775, gid=MINE), FILE) == "group 1000 can change '/d'"


def test_a_group_of_roots_that_has_members_is_not_roots_alone() -> None:
    with_operator = Trust(ME, {0: frozenset({STRANGER})}.get)
    assert with_operator.against_entry(folder(0o775), FILE) == "group 0 can change '/d'"
    assert Trust(ME, dict[int, frozenset[int]]().get).against_entry(folder(0o775), FILE) == ""


def test_who_serves_a_file_system_can_change_all_of_it() -> None:
    assert TRUST.against_server("/m", ME) == ""
    against = TRUST.against_server("/m", STRANGER)
    assert against == "user 65002 can change '/m', a file system of his own"


@pytest.mark.parametrize(
    ("mode", "closed"), [(0o700, True), (0o766, True), (0o710, False), (0o701, False)]
)
def test_a_folder_that_others_do_not_get_into(mode: int, closed: bool) -> None:
    assert folder(mode).closed_to_others is closed
