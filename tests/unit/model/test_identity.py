"""A process is its number, its start and its boot."""

import os
import subprocess
import sys
import time

import pytest

from restartmanager.errors import ProcessGoneError, UsageError
from restartmanager.model.identity import UniqueProcess, boot_id, parse_start_ticks


def test_the_same_process_gives_the_same_identity() -> None:
    assert UniqueProcess.of(os.getpid()) == UniqueProcess.current()


def test_identity_survives_exec_and_ends_with_the_process() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        identity = UniqueProcess.of(child.pid)
        assert identity == UniqueProcess.of(child.pid)
        assert identity.boot_id == boot_id()
        child.communicate(b"\n")
    with pytest.raises(ProcessGoneError):
        UniqueProcess.of(child.pid)


def test_start_time_is_wall_clock_time() -> None:
    before = time.time()
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        started = UniqueProcess.of(child.pid).start_time
        child.communicate(b"\n")
    assert before - 2 < started < time.time() + 2


@pytest.mark.parametrize("pid", [0, -1, True, "7", None])
def test_what_is_no_process_number_is_refused(pid: object) -> None:
    with pytest.raises(UsageError):
        UniqueProcess.of(pid)  # type: ignore[arg-type]


def test_the_name_may_hold_parentheses_and_spaces() -> None:
    fields = " ".join(["S", *map(str, range(4, 53))])
    assert parse_start_ticks(f"12 (a) b) {fields}\n".encode()) == 22


@pytest.mark.parametrize("stat", [b"", b"1 (x)", b"no parentheses", b"1 (x) S x"])
def test_what_is_no_stat_file_is_an_error(stat: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever its words
        parse_start_ticks(stat)
