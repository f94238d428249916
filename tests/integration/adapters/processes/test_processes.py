from __future__ import annotations

import contextlib
import errno
import math
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.clock import SystemClock
from restartmanager.adapters.processes import pidfds
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.errors import (
    ProcessAccessError,
    ProcessGoneError,
    UnsupportedError,
    UsageError,
)
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.progress import CancelToken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.conftest import Children

PROCESSES = LinuxProcesses()


def soon() -> float:
    """A deadline that a healthy machine never reaches."""
    return time.monotonic() + 20


def reused(identity: UniqueProcess) -> UniqueProcess:
    """An earlier process that had the same number."""
    return identity._replace(start_ticks=identity.start_ticks - 1)


# -- looking -----------------------------------------------------------------------------------


def test_the_calling_process_is_known(children: Children) -> None:
    me = PROCESSES.current()
    assert me.pid == os.getpid()
    assert PROCESSES.is_alive(me)
    assert PROCESSES.describe(me).parent_pid == os.getppid()


def test_the_lineage_leads_to_the_first_process(children: Children) -> None:
    child = children.sleeper()
    lineage = PROCESSES.lineage(UniqueProcess.of(child.pid))
    assert [process.pid for process in lineage[:3]] == [child.pid, os.getpid(), os.getppid()]
    assert lineage[-1].parent_pid == 0


def test_what_is_gone_has_no_lineage(children: Children) -> None:
    assert PROCESSES.lineage(reused(UniqueProcess.of(children.sleeper().pid))) == ()


def test_a_zombie_and_what_was_reaped_are_gone(children: Children) -> None:
    child = children.sleeper()
    identity = UniqueProcess.of(child.pid)
    with PROCESSES.open(identity) as handle:
        child.kill()
        assert PROCESSES.wait([handle], soon()) == {identity}
        for reaped in (False, True):
            if reaped:
                child.wait()
            assert not PROCESSES.is_alive(identity)
            with pytest.raises(ProcessGoneError):
                handle.send(Signal.TERMINATE)
            with pytest.raises(ProcessGoneError):
                PROCESSES.open(identity)
            with pytest.raises(ProcessGoneError):
                PROCESSES.describe(identity)


def test_a_process_whose_first_thread_ended_is_alive(children: Children) -> None:
    code = (
        "import ctypes, sys, threading, time\n"
        "def rest():\n"
        "    while open(f'/proc/self/task/{main}/stat').read().split()[2] != 'Z': pass\n"
        "    print('ready', flush=True); threading.Event().wait()\n"
        "main = threading.get_native_id()\n"
        "threading.Thread(target=rest).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    child = children.spawn(sys.executable, "-c", code, stdout=subprocess.PIPE)
    assert child.stdout is not None
    if child.stdout.readline() != b"ready\n":
        pytest.skip("this Python does not survive the end of its first thread")
    identity = UniqueProcess.of(child.pid)
    assert PROCESSES.is_alive(identity)
    with PROCESSES.open(identity) as handle:
        handle.send(Signal.KILL)
        assert PROCESSES.wait([handle], soon()) == {identity}


def test_another_boot_and_another_process_with_the_number_are_no_proof_of_life(
    children: Children,
) -> None:
    identity = UniqueProcess.of(children.sleeper().pid)
    assert PROCESSES.is_alive(identity)
    assert not PROCESSES.is_alive(reused(identity))
    assert not PROCESSES.is_alive(identity._replace(boot_id="0" * 32))
    assert not PROCESSES.is_alive(identity._replace(pid=2**22 + 1))


def test_what_cannot_be_seen_is_taken_to_be_alive(
    children: Children, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = UniqueProcess.of(children.sleeper().pid)
    assert pidfds.is_alive(identity, str(tmp_path))  # a /proc with hidepid shows nothing

    def exhausted(_pid: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", exhausted)
    assert PROCESSES.is_alive(identity)


# -- signalling --------------------------------------------------------------------------------


@contextlib.contextmanager
def nothing_ignored() -> Iterator[None]:
    """Meanwhile children do not inherit what nohup(1) has given to the tests."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("meaning", "number"),
    [
        (Signal.TERMINATE, signal.SIGTERM),
        (Signal.HANG_UP, signal.SIGHUP),
        (Signal.KILL, signal.SIGKILL),
    ],
)
def test_each_signal_is_the_one_it_says(children: Children, meaning: Signal, number: int) -> None:
    with nothing_ignored():
        child = children.sleeper()
    with PROCESSES.open(UniqueProcess.of(child.pid)) as handle:
        handle.send(meaning)
    assert child.wait(20) == -number


def test_a_process_that_only_has_the_number_is_never_signalled(children: Children) -> None:
    child = children.sleeper()
    identity = UniqueProcess.of(child.pid)
    for forged in (reused(identity), identity._replace(boot_id="0" * 32)):
        with pytest.raises(ProcessGoneError):
            PROCESSES.open(forged)
    with PROCESSES.open(identity) as handle:
        assert PROCESSES.wait([handle], 0) == frozenset()


def test_a_thread_is_no_process(children: Children) -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        with pytest.raises(ProcessGoneError):
            PROCESSES.open(UniqueProcess.of(thread.native_id))
    finally:
        done.set()
        thread.join()


def test_who_may_not_signal_is_told_so(children: Children, as_nobody: Any) -> None:
    child = children.sleeper()
    with PROCESSES.open(UniqueProcess.of(child.pid)) as handle, as_nobody():
        with pytest.raises(ProcessAccessError, match="signal"):
            handle.send(Signal.TERMINATE)
        assert PROCESSES.is_alive(handle.identity)


@pytest.mark.parametrize("call", ["open", "send"])
def test_a_kernel_without_pidfds_is_named(
    children: Children, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def missing(*_: object) -> int:
        raise OSError(errno.ENOSYS, "Function not implemented")

    identity = UniqueProcess.of(children.sleeper().pid)
    with PROCESSES.open(identity) as handle:
        monkeypatch.setattr(os, "pidfd_open", missing)
        monkeypatch.setattr(signal, "pidfd_send_signal", missing)
        with pytest.raises(UnsupportedError, match=r"5\.3"):
            PROCESSES.open(identity) if call == "open" else handle.send(Signal.KILL)


def test_a_closed_handle_says_so_and_may_be_closed_again(children: Children) -> None:
    handle = PROCESSES.open(UniqueProcess.of(children.sleeper().pid))
    handle.close()
    handle.close()
    with pytest.raises(UsageError):
        handle.send(Signal.KILL)
    with pytest.raises(UsageError):
        PROCESSES.wait([handle], 0)


# -- waiting -----------------------------------------------------------------------------------


def test_a_deadline_in_the_past_means_one_look(children: Children) -> None:
    child = children.sleeper()
    with PROCESSES.open(UniqueProcess.of(child.pid)) as handle:
        assert PROCESSES.wait([handle], -math.inf) == frozenset()
        child.kill()
        assert PROCESSES.wait([handle], math.inf) == {handle.identity}
        assert PROCESSES.wait([handle], -math.inf) == {handle.identity}


def test_a_deadline_is_waited_for_and_not_much_longer(children: Children) -> None:
    with PROCESSES.open(UniqueProcess.of(children.sleeper().pid)) as handle:
        began = time.monotonic()
        assert PROCESSES.wait([handle], began + 0.05) == frozenset()
        assert 0.05 <= time.monotonic() - began < 5
    assert PROCESSES.wait([], time.monotonic() + 0.01) == frozenset()


def test_cancelling_wakes_the_waiter_at_once(children: Children) -> None:
    with (
        CancelToken() as cancel,
        PROCESSES.open(UniqueProcess.of(children.sleeper().pid)) as handle,
    ):
        began = time.monotonic()
        timer = threading.Timer(0.05, cancel.cancel)
        timer.start()
        assert PROCESSES.wait([handle], began + 60, cancel) == frozenset()
        assert time.monotonic() - began < 10
        timer.join()
        assert PROCESSES.wait([handle], began + 60, cancel) == frozenset()


def test_those_that_have_exited_are_told_among_many(children: Children) -> None:
    first, *others = (children.sleeper() for _ in range(3))
    with PROCESSES.open(UniqueProcess.of(first.pid)) as mine:
        many = [PROCESSES.open(UniqueProcess.of(child.pid)) for child in others for _ in range(500)]
        try:
            assert PROCESSES.wait([mine, *many], 0) == frozenset()
            first.kill()
            assert PROCESSES.wait([mine, *many], soon()) == {mine.identity}
        finally:
            for handle in many:
                handle.close()


def test_a_handle_of_something_else_is_refused() -> None:
    with pytest.raises(UsageError):
        PROCESSES.wait([object()], 0)  # type: ignore[list-item]


def test_the_clock_goes_forward() -> None:
    clock = SystemClock()
    first = clock.monotonic()
    assert clock.monotonic() >= first
    assert abs(clock.now() - time.time()) < 60
