"""The numbers are those of the Windows headers."""

import pytest

from restartmanager.model import AppType, FilterAction, FilterTrigger, RebootReason, Status
from restartmanager.rstrtmgr.codes import APP_TYPE_CODES, RmAppType, RmShutdownType


def test_every_type_has_a_code() -> None:
    assert set(APP_TYPE_CODES) == set(AppType)
    assert set(APP_TYPE_CODES.values()) == set(RmAppType)


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (Status, {0, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80}),
        (RebootReason, {0, 1, 2, 4, 8, 0x10}),
        (FilterTrigger, {1, 2, 3}),
        (FilterAction, {1, 2}),
        (RmShutdownType, {1, 0x10}),
        (RmAppType, {0, 1, 2, 3, 4, 5, 1000}),
    ],
)
def test_numbers(kind: type[int], numbers: set[int]) -> None:
    assert {int(member) for member in kind.__members__.values()} == numbers  # type: ignore[attr-defined]
