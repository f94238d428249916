"""How a recipe is read out of a process that is in the middle of an execve(2)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.proc.procfs import describe
from restartmanager.adapters.processes.recipes import read_recipe
from restartmanager.errors import ProcessError
from restartmanager.model.identity import UniqueProcess, boot_id
from support.fakeproc import FakeProc, stat_text

if TYPE_CHECKING:
    from pathlib import Path

    from restartmanager.model import Recipe

PID = 9
VECTOR = b"".join(number.to_bytes(8, "little") for number in (11, 1, 13, 1, 23, 0, 0, 0))
LIMITS = "Limit                     Soft Limit           Hard Limit           Units     \n"


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    """A process whose program has been loaded, but neither its arguments nor its variables."""
    proc = FakeProc(tmp_path)
    proc.process(PID, end_of_data=0)
    for name in os.listdir("/proc/self/ns"):
        proc.link(f"{PID}/ns/{name}", os.readlink(f"/proc/self/ns/{name}"))
    proc.link(f"{PID}/root", os.readlink("/proc/self/root"))
    with open("/proc/self/status", "rb") as status:
        proc.file(f"{PID}/status", status.read())
    proc.file(f"{PID}/auxv", VECTOR)
    proc.file(f"{PID}/limits", LIMITS)
    proc.file(f"{PID}/cmdline", "")
    proc.file(f"{PID}/environ", "")
    return proc


def recipe(proc: FakeProc) -> Recipe:
    return read_recipe(describe(UniqueProcess(PID, 500, boot_id()), str(proc)), None, str(proc))


def test_arguments_and_variables_are_awaited(
    proc: FakeProc, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go_on() -> None:
        proc.file(f"{PID}/cmdline", "sleep\x001000\0")
        proc.file(f"{PID}/environ", "A=x\0")
        proc.file(f"{PID}/stat", stat_text(PID))

    monkeypatch.setattr(os, "sched_yield", go_on)
    found = recipe(proc)
    assert found.arguments == ("sleep", "1000")
    assert found.environment == (("A", "x"),)


def test_they_are_not_made_up(proc: FakeProc) -> None:
    with pytest.raises(ProcessError, match="keeps running other programs"):
        recipe(proc)
