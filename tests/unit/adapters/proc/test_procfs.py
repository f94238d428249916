"""One process as /proc shows it, from trees that we made up."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restartmanager.adapters.proc.formats import ProcStat, parse_arguments, parse_cgroup
from restartmanager.adapters.proc.procfs import (
    ProcDirectory,
    boot_time,
    describe,
    in_first_pid_namespace,
    pids,
)
from restartmanager.errors import ProcessGoneError
from restartmanager.model.identity import UniqueProcess, boot_id
from support.fakeproc import FakeProc, stat_text

if TYPE_CHECKING:
    from pathlib import Path

    from restartmanager.model import Process


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path)


def described(proc: FakeProc, pid: int = 9, start: int = 500) -> Process:
    return describe(UniqueProcess(pid, start, boot_id()), str(proc))


def test_everything_is_read(proc: FakeProc) -> None:
    proc.process(9, name="a) R (b")
    process = described(proc)
    assert process.name == "a) R (b"
    assert (process.parent_pid, process.process_group, process.session) == (1, 7, 8)
    assert (process.executable, process.arguments) == ("/bin/sleep", ("prog", "-x", ""))
    assert (process.uid, process.terminal, process.cgroup) == (2, True, "/a.slice/b.service")
    assert process.same_pid_namespace
    assert not process.kernel_thread


@pytest.mark.parametrize("facts", [{"state": "Z"}, {"state": "X"}, {"start": 501}])
def test_it_is_gone(proc: FakeProc, facts: dict[str, object]) -> None:
    proc.process(9, **facts)  # type: ignore[arg-type]
    with pytest.raises(ProcessGoneError):
        described(proc)


def test_nobody_has_the_number(proc: FakeProc) -> None:
    with pytest.raises(ProcessGoneError):
        described(proc, 10)


def test_another_boot_is_another_process(proc: FakeProc) -> None:
    proc.process(9)
    with pytest.raises(ProcessGoneError):
        describe(UniqueProcess(9, 500, "0" * 32), str(proc))


def test_a_first_thread_that_has_exited_leaves_the_others(proc: FakeProc) -> None:
    proc.process(9, state="Z", threads=2)
    proc.file("9/task/9/stat", stat_text(9, state="Z", threads=2))
    proc.file("9/task/11/stat", stat_text(11))
    proc.file("9/task/11/cmdline", "thread\0")
    proc.link("9/task/11/exe", "/bin/cat")
    process = described(proc)
    assert (process.executable, process.arguments) == ("/bin/cat", ("thread",))


def test_in_the_middle_of_execve_the_end_of_its_data_is_not_known(proc: FakeProc) -> None:
    proc.process(9, end_of_data=0)
    proc.process(10)
    with ProcDirectory(9, str(proc)) as loading, ProcDirectory(10, str(proc)) as running:
        assert loading.in_execve()
        assert not running.in_execve()
        proc.file("10/stat", "10 (short) S 1 2")
        assert not running.in_execve()


def test_who_may_not_look_cannot_tell_whether_it_is_in_execve(
    proc: FakeProc, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: ProcDirectory, name: str, limit: int = 0) -> bytes:
        if name == "auxv":
            raise PermissionError
        return os.fsencode(stat_text(9, end_of_data=0))

    proc.process(9)
    monkeypatch.setattr(ProcDirectory, "read", read)
    with ProcDirectory(9, str(proc)) as directory:
        assert not directory.in_execve()


def test_kernel_threads_have_no_program(proc: FakeProc) -> None:
    proc.process(9, flags=0x00200040)
    assert described(proc).kernel_thread
    assert described(proc).executable is None


def test_a_removed_program_has_its_path_and_a_living_one_its_name(
    proc: FakeProc, tmp_path: Path
) -> None:
    proc.process(9, exe="/nowhere/prog (deleted)")
    assert described(proc).executable == "/nowhere/prog"
    living = tmp_path / "prog (deleted)"
    living.write_bytes(b"")
    proc.process(9, exe=str(living))
    assert described(proc).executable == str(living)


@pytest.mark.parametrize(
    ("link", "levels", "same"),
    [("ours", "5", True), ("pid:[1]", "5", False), (None, "5", True), (None, "5\t1", False)],
)
def test_pid_namespaces(proc: FakeProc, link: str | None, levels: str, same: bool) -> None:
    proc.process(9)
    proc.file("9/status", f"Uid:\t1\t2\t3\t4\nNSpid:\t{levels}\n")
    if link is None:
        os.unlink(f"{proc}/9/ns/pid")
    elif link != "ours":
        proc.link("9/ns/pid", link)
    assert described(proc).same_pid_namespace is same


def test_without_status_the_owner_of_the_folder_counts(proc: FakeProc) -> None:
    proc.process(9)
    os.unlink(f"{proc}/9/status")
    assert described(proc).uid == os.geteuid()


def test_numbers_only_are_processes(proc: FakeProc) -> None:
    proc.process(9)
    proc.file("version", "x")
    assert pids(str(proc)) == [9]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b"0::/a/b.service\n", "/a/b.service"),
        (b"0::/a:b/c\n", "/a:b/c"),
        (b"0::/gone (deleted)\n", "/gone"),
        (b"12:cpu:/x\n1:name=systemd:/s.service\n0::/\n", "/"),
        (b"12:cpu:/x\n1:name=systemd:/s.service\n", "/s.service"),
        (b"12:cpu:/x\n", None),
        (b"", None),
        (b"0::/\xff\n", "/\udcff"),
    ],
)
def test_control_groups(text: bytes, path: str | None) -> None:
    assert parse_cgroup(text) == path


@pytest.mark.parametrize(
    ("text", "arguments"),
    [(b"", ()), (b"a\0", ("a",)), (b"a", ("a",)), (b"a\0\0", ("a", "")), (b"\xff\0", ("\udcff",))],
)
def test_arguments(text: bytes, arguments: tuple[str, ...]) -> None:
    assert parse_arguments(text) == arguments


def test_a_handle_closes_twice_and_outlives_the_process(proc: FakeProc) -> None:
    proc.process(9)
    with ProcDirectory(9, str(proc)) as directory:
        for name in ("stat", "cmdline"):
            os.unlink(f"{proc}/9/{name}")
        assert directory.read("stat") is None
        assert directory.readlink("nothing") is None
        assert directory.stat_link("nothing") is None
        assert directory.names("nothing") == []
        with pytest.raises(ProcessGoneError):
            directory.describe()
    directory.close()


def test_reading_is_bounded(proc: FakeProc) -> None:
    proc.process(9)
    proc.file("9/big", b"x" * 100_000)
    with ProcDirectory(9, str(proc)) as directory:
        assert len(directory.read("big") or b"") == 16 * 1024
        assert len(directory.read("big", 70_000) or b"") == 70_000


@given(st.binary())
def test_a_stat_file_of_anything_is_facts_or_a_value_error(text: bytes) -> None:
    for candidate in (text, b"1 (" + text + b") S 1 2 3 4 5 6 " + b"0 " * 20):
        try:
            ProcStat.parse(candidate)
        except ValueError:
            continue


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(), st.sampled_from(["status", "cmdline", "cgroup", "stat"]))
def test_nothing_that_stands_there_is_a_crash(proc: FakeProc, text: bytes, name: str) -> None:
    proc.process(9)
    proc.file(f"9/{name}", text)
    try:
        described(proc)
    except ProcessGoneError:
        assert name == "stat"


def test_the_time_of_the_boot_is_the_kernels_own_more_exactly() -> None:
    """/proc/stat has it in whole seconds (proc_stat(5))."""
    with open("/proc/stat", encoding="ascii") as file:
        seconds = next(int(line.split()[1]) for line in file if line.startswith("btime "))
    assert abs(boot_time() - seconds) < 2
    assert abs(boot_time() - boot_time()) < 0.5


def test_the_namespace_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, first in ((0xEFFFFFFC, True), (0xF0000010, False)):
        monkeypatch.setattr(os, "stat", lambda _, n=number: SimpleNamespace(st_ino=n))
        assert in_first_pid_namespace() is first
