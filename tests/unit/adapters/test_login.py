"""Whose login the environment is: what sudo(8) left of another's is given to nobody."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.login import own_variables
from support.fakeproc import FakeProc

if TYPE_CHECKING:
    from pathlib import Path

ME = os.geteuid()
OTHER = ME + 1
UNSET = 2**32 - 1


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path)


def kept(proc: FakeProc, **more: str) -> bool:
    variables = {"DISPLAY": ":7", "A": "1", **more}
    found = own_variables(variables, str(proc))
    assert found in ({}, variables)
    return bool(found)


@pytest.mark.parametrize(("login", "own"), [(ME, True), (UNSET, True), (OTHER, False)])
def test_the_user_who_logged_in_must_be_the_one_who_acts(
    proc: FakeProc, login: int, own: bool
) -> None:
    assert kept(proc), "no kernel says who has logged in"
    proc.file("self/loginuid", f"{login}")
    assert kept(proc) is own


@pytest.mark.parametrize(
    ("name", "value", "own"),
    [
        ("SUDO_UID", str(ME), True),
        ("SUDO_UID", str(OTHER), False),
        ("SUDO_UID", "x", False),
        ("PKEXEC_UID", str(OTHER), False),
        ("DOAS_USER", "somebody", False),
    ],
)
def test_who_became_another_user_has_none(proc: FakeProc, name: str, value: str, own: bool) -> None:
    assert kept(proc, **{name: value}) is own


@pytest.mark.root
@pytest.mark.parametrize("name", ["XDG_RUNTIME_DIR", "XAUTHORITY"])
def test_what_belongs_to_another_user_is_not_of_this_login(proc: FakeProc, name: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        assert kept(proc, **{name: place})
        os.chown(place, OTHER, OTHER)
        assert not kept(proc, **{name: place})
    assert not kept(proc, **{name: "relative"})
