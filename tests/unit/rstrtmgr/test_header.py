"""What the header declares: names, numbers, structures."""

from __future__ import annotations

import copy
import doctest
import json
import pickle
import struct
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager import rstrtmgr as rm
from restartmanager.model import (
    Application,
    AppType,
    FilterAction,
    FilterTrigger,
    RebootReason,
    RestartBy,
    Service,
    Status,
)
from restartmanager.rstrtmgr import codes as rmcodes
from restartmanager.rstrtmgr import types

if TYPE_CHECKING:
    from enum import IntEnum

ALL_ONES = 0xFFFFFFFF


@pytest.mark.parametrize("name", ["dwords", "handles", "service_names", "structures", "tasks"])
def test_the_examples_are_true(name: str) -> None:
    module = import_module(f"restartmanager.rstrtmgr.{name}")
    assert doctest.DocTestParser().get_examples(module.__doc__ or "")
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    "kind",
    [
        rm.WinError,
        rm.RmAppType,
        rm.RmShutdownType,
        rm.RM_APP_STATUS,
        rm.RM_REBOOT_REASON,
        rm.RM_FILTER_ACTION,
        rm.RM_FILTER_TRIGGER,
    ],
)
def test_members_are_names_of_the_module_as_in_c(kind: type[IntEnum]) -> None:
    for name, member in kind.__members__.items():
        assert getattr(rm, name) is member
        assert name in rm.__all__


def test_all_constants_are_there() -> None:
    constants = {name for name in rmcodes.__all__ if name.startswith(("CCH_", "RM_"))}
    assert constants <= set(rm.__all__)
    assert set(types.__all__) <= set(rm.__all__)
    assert len(set(rm.__all__)) == len(rm.__all__)


@pytest.mark.parametrize(
    ("theirs", "ours", "prefix"),
    [
        (rm.RM_APP_STATUS, Status, "RmStatus"),
        (rm.RM_REBOOT_REASON, RebootReason, "RmRebootReason"),
        (rm.RM_FILTER_ACTION, FilterAction, "Rm"),
        (rm.RM_FILTER_TRIGGER, FilterTrigger, "RmFilterTrigger"),
    ],
)
def test_numbers_are_those_of_the_model(theirs: Any, ours: Any, prefix: str) -> None:
    found = {
        name.removeprefix(prefix).lower(): member.value
        for name, member in theirs.__members__.items()
        if "Invalid" not in name
    }
    other_words = {"executable": "file"}
    expected = {name.replace("_", "").lower(): int(m) for name, m in ours.__members__.items()}
    assert found == {other_words.get(name, name): value for name, value in expected.items()}


# -- enumerations ------------------------------------------------------------------------------


def test_the_types_have_the_names_of_the_header() -> None:
    assert rm.RM_APP_TYPE(5) is rm.RmConsole
    assert rm.RM_SHUTDOWN_TYPE(0x11) == rm.RmForceShutdown | rm.RmShutdownOnlyRegistered
    assert (rm.RmAppType, rm.RmShutdownType) == (rm.RM_APP_TYPE, rm.RM_SHUTDOWN_TYPE)


@pytest.mark.parametrize(
    "kind", [rm.RM_SHUTDOWN_TYPE, rm.RM_APP_STATUS, rm.RM_REBOOT_REASON], ids=str
)
def test_flags_combine_and_keep_bits_without_a_name(kind: Any) -> None:
    first, second = list(kind)[:2]
    combined = first | second
    assert isinstance(combined, kind)
    assert first in combined
    assert combined & ~first == second
    unknown = kind(first | 0x1000)
    assert isinstance(unknown, kind)
    assert (int(unknown), first in unknown, second in unknown) == (first + 0x1000, True, False)


# -- numbers that stand for none ---------------------------------------------------------------


@pytest.mark.parametrize("none", [rm.RM_INVALID_PROCESS, rm.RM_INVALID_TS_SESSION])
def test_no_process_and_no_session_are_minus_1_as_a_dword(none: int) -> None:
    for number in (-1, ALL_ONES, rm.RM_INVALID_PROCESS, rm.RM_INVALID_TS_SESSION):
        assert none == number
        assert number == none
        assert not none != number  # noqa: SIM202 - the operator is what is tried
        assert not number != none  # noqa: SIM202
        assert [none].count(number) == 1
    for other in (0, 1, -2, ALL_ONES - 1, -ALL_ONES, True, None, "-1"):
        assert none != other
        assert other != none
        assert not none == other  # noqa: SIM201


def test_all_else_about_them_is_that_of_the_dword() -> None:
    none = rm.RM_INVALID_PROCESS
    assert (str(none), f"{none:#x}", json.dumps(none)) == ("4294967295", "0xffffffff", "4294967295")
    assert struct.pack("<I", none) == b"\xff\xff\xff\xff"
    assert (none + 1, none & 0xFF, none > 1) == (2**32, 0xFF, True)
    for again in (copy.deepcopy(none), pickle.loads(pickle.dumps(none))):  # noqa: S301 - our own
        assert again == -1
    match none:
        case -1:
            pass
        case _:
            pytest.fail("a pattern must match as well")


def test_a_handle_that_is_none_is_minus_1_too() -> None:
    assert rm.RmStartSession(1)[1] == -1 == rm.RmJoinSession("")[1]


# -- structures --------------------------------------------------------------------------------

STRUCTURES = (rm.FILETIME, rm.RM_UNIQUE_PROCESS, rm.RM_PROCESS_INFO, rm.RM_FILTER_INFO)


def members(structure: Any) -> dict[str, Any]:
    return {name: getattr(structure, name) for name in type(structure).__dataclass_fields__}


@pytest.mark.parametrize("kind", STRUCTURES)
def test_an_empty_structure_is_all_zeros(kind: Any) -> None:
    for value in members(kind()).values():
        assert value in {0, "", None} or not any(members(value).values()) or value == type(value)()
    assert kind() == kind()
    assert hash(kind()) == hash(kind())


@pytest.mark.parametrize("kind", STRUCTURES)
def test_every_member_can_be_assigned_to_and_no_other(kind: Any) -> None:
    structure = kind()
    for name in members(structure):
        setattr(structure, name, 7)
        assert getattr(structure, name) == 7
    assert structure != kind()
    with pytest.raises(AttributeError):
        structure.dwProcessID = 7  # a slip of the pen must not go unnoticed


def test_structures_are_filled_in_as_in_c() -> None:
    process = rm.RM_UNIQUE_PROCESS()
    process.dwProcessId = 7
    process.ProcessStartTime.dwLowDateTime = 1
    process.ProcessStartTime.dwHighDateTime = 2
    assert process == rm.RM_UNIQUE_PROCESS(7, rm.FILETIME(1, 2))
    assert rm.RM_UNIQUE_PROCESS() == rm.RM_UNIQUE_PROCESS(0, rm.FILETIME(0, 0))


def test_assigning_a_structure_copies_it_as_in_c() -> None:
    start = rm.FILETIME(1, 2)
    process = rm.RM_UNIQUE_PROCESS(7, start)
    info = rm.RM_PROCESS_INFO(Process=process)
    start.dwLowDateTime = 5
    process.dwProcessId = 8
    process.ProcessStartTime.dwHighDateTime = 9
    assert info.Process == rm.RM_UNIQUE_PROCESS(7, rm.FILETIME(1, 2))
    info.Process = process
    process.dwProcessId = 10
    assert info.Process == rm.RM_UNIQUE_PROCESS(8, rm.FILETIME(1, 9))


@pytest.mark.parametrize("number", [-1, ALL_ONES, rm.RM_INVALID_PROCESS])
def test_minus_1_in_a_structure_is_a_dword(number: int) -> None:
    given, assigned = rm.RM_UNIQUE_PROCESS(number), rm.RM_UNIQUE_PROCESS()
    assigned.dwProcessId = number
    assert given == assigned
    assert hash(given) == hash(assigned)
    assert given.dwProcessId == -1
    assert given.dwProcessId == ALL_ONES
    assert f"{given.dwProcessId}" == "4294967295"


@pytest.mark.parametrize("kind", STRUCTURES)
def test_structures_can_be_copied_and_pickled(kind: Any) -> None:
    structure = kind()
    setattr(structure, next(iter(members(structure))), -1)
    for again in (copy.deepcopy(structure), pickle.loads(pickle.dumps(structure))):  # noqa: S301
        assert again == structure
        assert hash(again) == hash(structure)


def test_a_service_has_two_names_and_perhaps_no_process() -> None:
    service = Service("systemd", "x" * 70, "y" * 300)
    info = rm.RM_PROCESS_INFO.like(
        Application("web", AppType.SERVICE, None, service=service, restart_by=RestartBy.UNIT)
    )
    assert info.Process.dwProcessId == rm.RM_INVALID_PROCESS
    assert info.strAppName == "y" * rm.CCH_RM_MAX_APP_NAME
    assert info.strServiceShortName == "x" * rm.CCH_RM_MAX_SVC_NAME
    assert (info.ApplicationType, info.bRestartable) == (rm.RmService, True)
    assert info.TSSessionId == rm.RM_INVALID_TS_SESSION


def test_a_service_without_description_is_called_by_its_name() -> None:
    application = Application("web", AppType.SERVICE, None, service=Service("systemd", "nginx"))
    assert rm.RM_PROCESS_INFO.like(application).strAppName == "nginx"
