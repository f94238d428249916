"""Refusals of the kernel are reported, and nothing stays open behind them."""

import errno
import os
from types import SimpleNamespace

import pytest

from restartmanager.adapters.bpf import syscall


def test_a_machine_that_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="sparc64"))
    assert not syscall.is_machine_known()
    with pytest.raises(syscall.BpfError) as caught:
        syscall.create_hash_map(16, 4, 16)
    assert caught.value.number == errno.ENOSYS


def test_a_refusal_says_what_was_tried() -> None:
    error = syscall.BpfError("create a map", errno.EPERM)
    assert str(error) == "to create a map: Operation not permitted"


class FakeCalls:
    """Stands in for the system call: answers in order, and remembers what was asked."""

    def __init__(self, *answers: int | BaseException) -> None:
        self.answers = list(answers)
        self.commands: list[int] = []

    def __call__(self, step: str, command: int, attributes: object) -> int:
        self.commands.append(command)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def refusal(number: int) -> syscall.BpfError:
    return syscall.BpfError("load", number)


def test_a_load_that_gave_way_to_a_signal_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = FakeCalls(refusal(errno.EAGAIN), refusal(errno.EAGAIN), 9)
    monkeypatch.setattr(syscall, "_bpf", calls)
    assert syscall.load_iterator("rm_test", bytes(16), 1) == 9


def test_a_refused_load_is_repeated_once_for_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = FakeCalls(refusal(errno.EACCES), refusal(errno.ENOSPC))
    monkeypatch.setattr(syscall, "_bpf", calls)
    with pytest.raises(syscall.BpfError) as caught:
        syscall.load_iterator("rm_test", bytes(16), 1)
    assert caught.value.number == errno.EACCES
    assert len(calls.commands) == 2


def test_reading_goes_on_where_the_kernel_gave_way(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    real_read, refusals = os.read, [BlockingIOError(errno.EAGAIN, "again")] * 2

    def read(descriptor: int, size: int) -> bytes:
        if refusals:
            raise refusals.pop()
        return real_read(descriptor, size)

    monkeypatch.setattr(syscall, "_bpf", FakeCalls(reading))
    monkeypatch.setattr(os, "read", read)
    os.write(writing, b"records")
    os.close(writing)
    assert b"".join(syscall.read_iterator(3)) == b"records"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reading)


def test_an_iterator_that_is_left_early_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(syscall, "_bpf", FakeCalls(reading))
    os.write(writing, b"records")
    pieces = syscall.read_iterator(3)
    assert next(pieces) == b"records"
    pieces.close()
    os.close(writing)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reading)


def test_a_failing_read_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    directory = os.open("/", os.O_RDONLY)
    monkeypatch.setattr(syscall, "_bpf", FakeCalls(directory))
    with pytest.raises(syscall.BpfError) as caught:
        list(syscall.read_iterator(3))
    assert caught.value.number == errno.EISDIR
