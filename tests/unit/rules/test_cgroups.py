"""Which unit a control group belongs to: systemd's rules, and the mistakes that others made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.rules.cgroups import UnitAddress, unit_at

USER = "/user.slice/user-1000.slice/user@1000.service"


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/system.slice/nginx.service", UnitAddress("nginx.service")),
        ("/nginx.service", UnitAddress("nginx.service")),
        (r"/system.slice/system-getty.slice/getty@tty1.service", UnitAddress("getty@tty1.service")),
        (r"/system.slice/dev-disk\x2da.swap", UnitAddress(r"dev-disk\x2da.swap")),
        ("/own.slice/own-deep.slice/x.service", UnitAddress("x.service")),
        ("/system.slice/docker-0123abcd.scope", UnitAddress("docker-0123abcd.scope")),
        ("/init.scope", UnitAddress("init.scope")),
        ("/user.slice/user-1000.slice/session-3.scope", UnitAddress("session-3.scope")),
        # what is below a unit is its own business, whatever it is called
        ("/system.slice/runner.service/inner.service", UnitAddress("runner.service")),
        ("/system.slice/a.service/b.slice/c.service", UnitAddress("a.service")),
        ("/machine.slice/vm.scope/system.slice/nginx.service", UnitAddress("vm.scope")),
        # a user's manager
        (f"{USER}/app.slice/mine.service", UnitAddress("mine.service", 1000)),
        (f"{USER}/app.slice/app-org.x-1.scope", UnitAddress("app-org.x-1.scope", 1000)),
        (f"{USER}/init.scope", UnitAddress("init.scope", 1000)),
        (USER, UnitAddress("user@1000.service")),
        (f"{USER}/app.slice/user@0.service/x.service", UnitAddress("user@0.service", 1000)),
        # escaped by systemd, for cgroups reserve the name
        ("/system.slice/_cgroup.service", UnitAddress("cgroup.service")),
        # none
        ("/", None),
        ("", None),
        ("/system.slice", None),
        ("/docker/0123abcd", None),
        ("/openrc.nginx", None),
        ("/../../system.slice/nginx.service", None),
    ],
)
def test_the_unit_of_a_control_group(path: str, unit: UnitAddress | None) -> None:
    assert unit_at(path) == unit


def test_below_the_root_of_a_container() -> None:
    root = "/machine.slice/vm.scope"
    assert unit_at(f"{root}/system.slice/a.service", root) == UnitAddress("a.service")
    assert unit_at("/system.slice/a.service", root) is None
    assert unit_at("/machine.slice/vm.scope2/a.service", root) is None


@given(st.text() | st.from_regex(r"(/[a-z@.0-9-]{0,12}){0,6}"))
def test_any_text_is_a_unit_or_none(path: str) -> None:
    found = unit_at(path)
    assert found is None or (f"/{found.name}" in path or f"/_{found.name}" in path)
