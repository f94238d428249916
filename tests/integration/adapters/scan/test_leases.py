"""The in-use probe against every way to use a file, on every file system that it trusts."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from programs.situations import SITUATIONS
from restartmanager.adapters.proc.files import first_bytes, identify
from restartmanager.adapters.scan.leases import FILE_SYSTEMS, LeaseProbe, Verdict
from restartmanager.adapters.scan.proc_scan import HELD, ProcScanner
from restartmanager.adapters.scan.unexplained import explain
from restartmanager.api.questions import who_uses
from restartmanager.model import FileResource, Resources
from support.laboratory import (
    NOBODY,
    answer,
    asked_as_nobody,
    file_to_ask_about,
    public_file,
    shared_folder,
    verdict_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.spawning import Spawn

NOT_HELD = {"nothing", "open-path-only", "watch", "bind-mount"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A file where the probe answers."""
    return file_to_ask_about(tmp_path)


# -- every situation on every file system ------------------------------------------------------


@pytest.mark.root
@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("kind", sorted(FILE_SYSTEMS))
def test_the_answer_is_right(
    kind: str, situation: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = answer(kind, situation, shared_folder(tmp_path_factory))
    during = Verdict.FREE if situation in NOT_HELD else Verdict.IN_USE
    assert (found["during"], found["after"]) == (during, Verdict.FREE)


@pytest.mark.root
@pytest.mark.parametrize("situation", [name for name in SITUATIONS if "overlay" not in name])
def test_there_is_no_answer_on_overlayfs(
    situation: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = answer("overlay", situation, shared_folder(tmp_path_factory))
    assert (found["during"], found["after"]) == (Verdict.UNKNOWN, Verdict.UNKNOWN)


@pytest.mark.root
def test_the_files_of_this_machine_are_judged_as_the_scan_sees_them() -> None:
    """Processes come and go meanwhile, so one of a few looks has to agree."""
    folder = os.path.dirname(os.path.realpath(contextlib.__file__))
    with open("/proc/self/maps", encoding="utf-8") as file:
        shared = [line.split()[-1] for line in file if "/" in line]
    found = [os.path.join(top, name) for top, _, names in os.walk(folder) for name in names]
    files = identify([*dict.fromkeys(shared), *found[:600]], []).files
    assert any(_agrees(files) for _ in range(5))


def _agrees(files: tuple[FileResource, ...]) -> bool:
    probe = LeaseProbe()
    before = probe.ask(files)
    seen = ProcScanner().find_holders(Resources(files=files))
    after = probe.ask(files)
    held = {
        item.path
        for holder in seen.holders
        for item in holder.evidence
        if not HELD.isdisjoint(item.how)
    }
    used = {file.path for file in files if before[file] is after[file] is Verdict.IN_USE}
    free = {file.path for file in files if before[file] is after[file] is Verdict.FREE}
    assert len(free) > 400
    unnamed = [file for file in files if file.path in used - held]
    return not free & held and not explain(unnamed, probe).unexplained


def test_what_is_free_comes_with_its_first_bytes(tmp_path: Path, spawn: Spawn) -> None:
    free, used, empty = (tmp_path / name for name in ("free", "used", "empty"))
    file_to_ask_about(tmp_path)
    free.write_bytes(b"#!/bin/sh\n" * 100)
    used.write_bytes(b"used")
    empty.touch()
    spawn.holding("open", str(used))
    gone = FileResource(str(tmp_path / "gone"), None)
    files = [*(FileResource(str(path), None) for path in (free, used, empty)), gone]
    found = LeaseProbe().free_among(files, 15)
    assert found == {files[0]: b"#!/bin/sh\n#!/bi", files[2]: b""}


# -- what is not asked about -------------------------------------------------------------------


def opened(path: Path, action: Callable[[], object]) -> bool:
    """Whether somebody opens this file meanwhile (inotify(7), IN_OPEN)."""
    library = ctypes.CDLL(None)
    watcher = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        assert library.inotify_add_watch(watcher, os.fsencode(path), 0x20) > 0
        action()
        return bool(os.read(watcher, 4096))
    except BlockingIOError:
        return False
    finally:
        os.close(watcher)


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    for path in (tmp_path, fifo, tmp_path / "socket", "/dev/null", "/dev/tty"):
        assert verdict_of(str(path)) is Verdict.UNKNOWN
    for path in (tmp_path, fifo):
        assert not opened(path, partial(verdict_of, str(path)))
        assert not opened(path, partial(first_bytes, str(path), 10))
    assert not opened(fifo, partial(who_uses, str(fifo)))


@pytest.mark.parametrize("path", ["", "/nowhere", "relative/nowhere", "/nul\0byte", "/" * 5000])
def test_what_is_not_there_is_not_known(path: str) -> None:
    assert verdict_of(path) is Verdict.UNKNOWN


def test_files_that_the_kernel_makes_up_are_not_trusted() -> None:
    assert verdict_of("/proc/version") is Verdict.UNKNOWN


def test_another_file_at_the_path_is_not_the_one_that_is_meant(data: Path) -> None:
    (recorded,) = identify([str(data)], []).files
    new = data.with_name("new")
    new.write_bytes(b"y")
    new.rename(data)
    assert verdict_of(str(data), recorded.identity) is Verdict.UNKNOWN
    assert verdict_of(str(data)) is Verdict.FREE


def test_a_file_overwritten_in_place_is_still_the_same(data: Path, spawn: Spawn) -> None:
    (recorded,) = identify([str(data)], []).files
    data.write_bytes(b"another content")
    assert verdict_of(str(data), recorded.identity) is Verdict.FREE
    spawn.holding("open", str(data))
    assert verdict_of(str(data), recorded.identity) is Verdict.IN_USE


def test_links_are_followed_as_at_registration(data: Path, spawn: Spawn) -> None:
    link = data.with_name("link")
    link.symlink_to(data.name)
    (recorded,) = identify([str(link)], []).files
    spawn.holding("open", str(data))
    assert verdict_of(str(link), recorded.identity) is Verdict.IN_USE


def test_a_link_that_was_turned_elsewhere_is_not_opened_there(data: Path) -> None:
    other, link = data.with_name("other"), data.with_name("link")
    other.write_bytes(b"precious")
    link.symlink_to(data.name)
    (recorded,) = identify([str(link)], []).files
    assert opened(data, lambda: verdict_of(str(link), recorded.identity))
    link.unlink()
    link.symlink_to(other.name)
    assert verdict_of(str(link), recorded.identity) is Verdict.UNKNOWN
    assert not opened(other, lambda: verdict_of(str(link), recorded.identity))


@pytest.mark.root
@pytest.mark.parametrize(("owner", "verdict"), [(0, Verdict.UNKNOWN), (NOBODY, Verdict.FREE)])
def test_without_roots_rights_the_owner_gets_an_answer(owner: int, verdict: Verdict) -> None:
    with public_file(owner) as path:
        assert asked_as_nobody(path)["verdict"] == verdict


# -- nobody is disturbed -----------------------------------------------------------------------


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], None]], None]:
    """Has something done while the probe holds its lease, given the descriptor that has it."""
    real = fcntl.fcntl

    def install(action: Callable[[int], None]) -> None:
        def call(descriptor: int, command: int, argument: int = 0) -> int:
            if (command, argument) == (fcntl.F_SETLEASE, fcntl.F_UNLCK):
                action(descriptor)
            return int(real(descriptor, command, argument))

        monkeypatch.setattr("restartmanager.adapters.scan.leases.fcntl.fcntl", call)

    return install


def opener(path: Path, flags: int) -> list[str]:
    """A program that opens the file and says with which result; ours must not do it itself, for
    whoever has the lease is not kept waiting by it."""
    code = f"""if True:
        import os, sys
        try:
            os.open({os.fspath(path)!r}, {flags})
        except OSError as error:
            sys.exit(error.errno)"""
    return [sys.executable, "-S", "-I", "-c", code]


@pytest.mark.parametrize("access", [os.O_RDONLY, os.O_RDWR])
def test_who_opens_the_file_meanwhile_only_waits(
    data: Path, meanwhile: Callable[[Callable[[int], None]], None], access: int
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def open_and_wait(descriptor: int) -> None:
        started.append(subprocess.Popen(opener(data, access)))
        while fcntl.fcntl(descriptor, fcntl.F_GETLEASE) == fcntl.F_WRLCK:
            os.sched_yield()  # until the kernel wants the lease back: then the opener waits
        assert started[0].poll() is None

    meanwhile(open_and_wait)
    assert verdict_of(str(data)) is Verdict.FREE
    assert started[0].wait(10) == 0


def test_only_who_does_not_want_to_wait_is_refused(
    data: Path, meanwhile: Callable[[Callable[[int], None]], None]
) -> None:
    results: list[int] = []
    command = opener(data, os.O_RDONLY | os.O_NONBLOCK)
    meanwhile(lambda _: results.append(subprocess.run(command, check=False).returncode))
    assert verdict_of(str(data)) is Verdict.FREE
    assert results == [errno.EWOULDBLOCK]
    assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGIO, signal.SIGWINCH])
def test_the_caller_hears_no_signal_that_programs_listen_to(
    data: Path, meanwhile: Callable[[Callable[[int], None]], None], number: signal.Signals
) -> None:
    heard: list[int] = []
    results: list[int] = []
    command = opener(data, os.O_RDONLY | os.O_NONBLOCK)
    meanwhile(lambda _: results.append(subprocess.run(command, check=False).returncode))
    previous = signal.signal(number, lambda *_: heard.append(number))
    try:
        verdict_of(str(data))
    finally:
        signal.signal(number, previous)
    assert (results, heard) == ([errno.EWOULDBLOCK], [])


def test_openers_by_the_thousand_all_succeed(data: Path) -> None:
    """Another process opens the file again and again while it is asked about all the time."""
    code = f"""if True:
        import os
        for _ in range(5000):
            os.close(os.open({os.fspath(data)!r}, os.O_RDWR))"""
    resource = FileResource(str(data), None)
    with subprocess.Popen([sys.executable, "-S", "-I", "-c", code]) as child:
        while child.poll() is None:
            LeaseProbe().ask([resource])
    assert child.returncode == 0
    assert verdict_of(str(data)) is Verdict.FREE


def test_nothing_is_left_behind(data: Path, spawn: Spawn) -> None:
    used = data.with_name("used")
    used.write_bytes(b"x")
    spawn.holding("open", str(used))
    os.utime(data, (1, 2))
    before = os.listdir("/proc/self/fd")
    for path in (str(data), str(used), "/nowhere", "/dev/null"):
        verdict_of(path)
    assert os.listdir("/proc/self/fd") == before
    assert os.stat(data).st_atime == 1
    data.write_bytes(b"not locked, not leased")


def test_it_works_in_any_thread(data: Path) -> None:
    found: list[Verdict] = []
    probe = LeaseProbe()
    thread = threading.Thread(target=lambda: found.append(verdict_of(str(data), probe=probe)))
    thread.start()
    thread.join()
    assert found == [Verdict.FREE]


# -- many, and none ----------------------------------------------------------------------------


def test_many_files_are_answered_one_by_one(data: Path, spawn: Spawn) -> None:
    used = data.with_name("used")
    used.write_bytes(b"x")
    spawn.holding("map", str(used))
    free, busy = identify([str(data), str(used)], []).files
    gone = FileResource("/nowhere", None)
    assert LeaseProbe().ask([free, busy, gone, free]) == {
        free: Verdict.FREE,
        busy: Verdict.IN_USE,
        gone: Verdict.UNKNOWN,
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"0\n", "leases are switched off (fs.leases-enable)"), (None, "the kernel has no leases")],
)
def test_a_machine_without_leases_is_said_to_be_one(
    data: Path, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    folder = tmp_path / "proc/sys/fs"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "leases-enable").write_bytes(content)
    probe = LeaseProbe(str(tmp_path / "proc"))
    assert probe.why_unavailable() == reason
    assert verdict_of(str(data), probe=probe) is Verdict.UNKNOWN


@pytest.mark.parametrize("release", ["4.18.0-553.el8.x86_64", "5.2", "odd"])
def test_a_kernel_that_errs_is_not_asked(monkeypatch: pytest.MonkeyPatch, release: str) -> None:
    names = os.uname()
    facts = os.uname_result((names[0], names[1], release, names[3], names[4]))
    monkeypatch.setattr("restartmanager.adapters.scan.leases.os.uname", lambda: facts)
    assert LeaseProbe().why_unavailable() == f"it takes Linux 5.3 or newer, and this is {release}"


def test_this_machine_has_answers() -> None:
    assert LeaseProbe().why_unavailable() is None
