"""Where a program is put that is started again."""

from __future__ import annotations

import pytest

from restartmanager.model import Home
from restartmanager.rules.cgroups import UnitAddress
from restartmanager.rules.homes import beside, group_kept, home_of, unit_of_home

SESSION = "/user.slice/user-7.slice/session-3.scope"
OWN_MANAGER = "/user.slice/user-7.slice/user@7.service"


@pytest.mark.parametrize(
    ("cgroup", "uid", "home"),
    [
        (SESSION, 7, Home(None, "user-7.slice")),
        (SESSION, 0, Home(None, "user-7.slice")),  # it has become root: su(1)
        (f"{OWN_MANAGER}/app.slice/x.scope", 7, Home(7, "app.slice")),
        (f"{OWN_MANAGER}/app.slice/app-a.slice/x.scope/below/it", 7, Home(7, "app-a.slice")),
        (f"{OWN_MANAGER}/init.scope", 7, Home(7, "-.slice")),
        ("/system.slice/cron.service", 0, Home(None, "system.slice")),
        ("/init.scope", 0, Home(None, "-.slice")),
        ("/a.slice/a-b.slice/_x.service/y.service", 7, Home(None, "a-b.slice")),
        ("/a.slice/user@7.service/x.scope/user@7.service/x.scope", 7, Home(7, "-.slice")),
        ("/", 0, None),
        ("/made/by/hand", 0, None),
        ("", 0, None),
    ],
)
def test_root_puts_it_back_beside_its_unit(cgroup: str, uid: int, home: Home | None) -> None:
    assert home_of(cgroup, uid, caller=0) == home
    assert home_of(f"/host{cgroup}", uid, caller=0, root="/host") == home


def test_a_user_puts_it_back_with_the_users_own_manager() -> None:
    assert home_of(SESSION, 7, caller=7, own_cgroup=SESSION) == Home(7, "app.slice")
    below = f"{OWN_MANAGER}/session.slice/x.scope"
    assert home_of(below, 7, caller=7) == Home(7, "session.slice")


@pytest.mark.parametrize("cgroup", ["/system.slice/x.service", "/user.slice/user-77.slice/x.scope"])
def test_a_user_takes_nothing_out_of_another_slice(cgroup: str) -> None:
    home = home_of(cgroup, 7, caller=7, own_cgroup=SESSION)
    assert home is not None
    assert "only root" in home.obstacle
    assert home_of(cgroup, 7, caller=7, own_cgroup=cgroup) is None


def test_the_manager_of_another_user_gets_nothing() -> None:
    """What sudo(8) has left below it stays in the slice of that user, and is root's business."""
    below = f"{OWN_MANAGER}/app.slice/x.scope"
    assert home_of(below, 0, caller=0) == Home(None, "user-7.slice")
    assert unit_of_home(below, 0) == UnitAddress("user@7.service")
    assert unit_of_home(below, 7) == UnitAddress("x.scope", 7)
    assert group_kept(below, 0) == below
    home = home_of(below, 0, caller=7)
    assert home is not None
    assert "only root" in home.obstacle


def test_a_user_whose_manager_does_not_run_has_a_slice_all_the_same() -> None:
    assert beside(Home(7, "app.slice", "{}")) == Home(None, "user-7.slice", "{}")
    assert beside(Home(None, "system.slice")) is None


def test_the_group_of_the_unit() -> None:
    below = f"{OWN_MANAGER}/app.slice/x.scope"
    assert group_kept(f"{below}/a/b", 7) == below
    assert group_kept(f"/host{SESSION}", 7, root="/host") == f"/host{SESSION}"
    assert group_kept("/a.slice/_x.service/y", 0) == "/a.slice/_x.service"
    assert group_kept("/made/by/hand", 0) == ""
