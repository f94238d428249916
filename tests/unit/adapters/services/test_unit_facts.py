"""What a unit's properties say; a user's manager may say anything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.adapters.services.systemd.unit_facts import Unit, declared_wish, is_unit_name
from restartmanager.adapters.services.systemd.units import unit_path
from restartmanager.model import Service, ServiceState, Treatment

WEB = Service("systemd", "web.service")
LOADED: dict[str, Any] = {
    "Id": "web.service",
    "LoadState": "loaded",
    "ActiveState": "active",
    "FragmentPath": "/etc/systemd/system/web.service",
    "Names": ["web.service"],
}


def unit(**properties: object) -> Unit:
    return Unit({**LOADED, **properties})


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("active", ServiceState.ACTIVE),
        ("reloading", ServiceState.ACTIVE),
        ("inactive", ServiceState.INACTIVE),
        ("failed", ServiceState.FAILED),
        ("activating", ServiceState.CHANGING),
        ("deactivating", ServiceState.CHANGING),
        ("what comes next", ServiceState.CHANGING),
    ],
)
def test_states(word: str, state: ServiceState) -> None:
    assert unit(ActiveState=word).state is state


def test_what_it_takes_to_hold_a_service_down() -> None:
    found = unit(
        TriggeredBy=["web.socket", "idle.timer"],
        RequiredBy=["top.service", "up.target", "down.target"],
    )
    facts = found.facts(WEB, None, {"web.socket", "up.target"})
    assert facts.hold.triggers == ("web.socket",)
    assert facts.hold.followers == ("up.target",)
    assert not facts.hold.masked
    assert [service.name for service in facts.dependents] == ["top.service"]


@pytest.mark.parametrize(
    ("properties", "masked"),
    [
        ({"BusName": "org.example.Web"}, True),
        ({"Names": ["web.service", "dbus-org.example.Web.service"]}, True),
        ({"BusName": "org.example.Web", "LoadState": "masked"}, False),  # and stays so
        ({}, False),
    ],
)
def test_what_the_bus_could_start_is_masked(properties: dict[str, object], masked: bool) -> None:
    assert unit(**properties).facts(WEB, None, ()).hold.masked is masked


@pytest.mark.parametrize("member", ["RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf"])
def test_everyone_who_stops_with_it_is_a_dependent(member: str) -> None:
    facts = unit(**{member: ["top.service", "web.service"]}).facts(WEB, None, ())
    assert [service.name for service in facts.dependents] == ["top.service"]


def test_a_users_dependents_are_the_same_users() -> None:
    mine = Service("systemd", "web.service", user=1000)
    (dependent,) = unit(RequiredBy=["ssh.service"]).facts(mine, None, ()).dependents
    assert dependent.user == 1000


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"UnitFileState": "masked-runtime"}, "masked"),
        ({"LoadState": "masked"}, "masked"),
        ({"Transient": True}, "no unit file"),
        ({"FragmentPath": ""}, "no unit file"),
        ({"CanStart": False}, "refuses to be started"),
        ({"FragmentPath": "", "SourcePath": "/etc/init.d/web"}, ""),
        ({}, ""),
    ],
)
def test_what_could_not_be_started_again(properties: dict[str, object], words: str) -> None:
    said = unit(**properties).facts(WEB, None, ()).unstartable
    assert words in said
    assert bool(words) is bool(said)


def test_why_it_failed() -> None:
    assert unit().trouble() == ""
    assert "started too often" in unit(ActiveState="failed", Result="start-limit-hit").trouble()
    assert unit(ActiveState="failed", Result="novel").trouble() == "it failed (novel)"
    looping = unit(ActiveState="activating", SubState="auto-restart", Result="exit-code")
    assert "ended with an error" in looping.trouble()


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("[Unit]\nX-RestartManager=never\n", Treatment.NEVER),
        ("[Unit]\n X-RestartManager = reload \n", Treatment.RELOAD),
        ("[Unit]\nX-RestartManager=never\nX-RestartManager=restart", Treatment.RESTART),
        ("[Unit]\nX-RestartManager=sometimes", None),
        ("[Service]\nX-RestartManager=never", None),
        ("[Unit]\n#X-RestartManager=never\nX-RestartManagerial=never", None),
        ("X-RestartManager=never", None),
        ("", None),
    ],
)
def test_what_a_unit_file_declares(text: str, wish: Treatment | None) -> None:
    assert declared_wish(text) is wish


def test_the_path_of_a_units_object() -> None:
    assert unit_path("a-b@1.service").endswith("/unit/a_2db_401_2eservice")
    assert unit_path("7zip.service").endswith("/unit/_37zip_2eservice")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=6,
)


NAMES = [
    *(*LOADED, "TriggeredBy", "RequiredBy", "MainPID", "Result", "KillMode", "BusName"),
    *("TimeoutStopUSec", "Transient", "SubState", "UnitFileState", "CanStop", "DropInPaths"),
]


@given(st.dictionaries(st.sampled_from(NAMES), anything))
def test_any_properties_give_facts(properties: dict[str, Any]) -> None:
    found = Unit(properties)
    facts = found.facts(WEB, None, set(found.surroundings))
    assert all(is_unit_name(service.name) for service in facts.dependents)
    assert all(map(is_unit_name, (*facts.hold.triggers, *facts.hold.followers)))
    assert isinstance(found.exists, bool)
    assert found.stop_limit_s is None or found.stop_limit_s < 2**64


@given(st.text())
def test_any_text_is_a_unit_file(text: str) -> None:
    assert declared_wish(text) in {None, *Treatment}
