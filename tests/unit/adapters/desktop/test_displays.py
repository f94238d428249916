from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.adapters.desktop.windows import Display, parse_display


def environment(**variables: str) -> bytes:
    return b"".join(f"{name}={value}\0".encode() for name, value in variables.items())


@pytest.mark.parametrize(
    ("text", "number"),
    [(":0", 0), (":10.0", 10), ("unix:3", 3), ("unix:3.1", 3), (":99999", 99999)],
)
def test_displays_of_this_machine(text: str, number: int) -> None:
    found = parse_display(environment(DISPLAY=text, XAUTHORITY="/run/key"))
    assert found == Display(number, "/run/key")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "evil.example:0",
        "localhost:10.0",
        "tcp/evil.example:0",
        "unix/:0",
        "[::1]:0",
        "::0",
        ":0\n",
        ":²",
        ":123456",
        ":-1",
        ":0.0.0",
        "/tmp/own:0",
    ],
)
def test_others_are_none(text: str) -> None:
    assert parse_display(environment(DISPLAY=text)) is None


def test_no_display_is_none() -> None:
    assert parse_display(b"") is None
    assert parse_display(environment(WAYLAND_DISPLAY="wayland-0")) is None


def test_the_key_is_in_the_home_folder_unless_it_is_said_where() -> None:
    assert parse_display(environment(DISPLAY=":0", HOME="/home/a")) == Display(
        0, "/home/a/.Xauthority"
    )


@pytest.mark.parametrize("path", ["relative", "/" + "x" * 5000])
def test_a_key_at_no_place_is_none(path: str) -> None:
    assert parse_display(environment(DISPLAY=":0", XAUTHORITY=path)) == Display(0, "")


def test_the_first_of_two_counts() -> None:
    assert parse_display(b"DISPLAY=:1\0DISPLAY=:2\0") == Display(1, "")


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    parse_display(b"DISPLAY=:1\0" + data)
