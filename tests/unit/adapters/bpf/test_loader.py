"""An answer without its proof is no answer; whatever goes wrong becomes one kind of error."""

import errno
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import pytest

from restartmanager.adapters.bpf import iterator, syscall
from restartmanager.adapters.bpf.btf import BtfError
from restartmanager.adapters.bpf.iterator import KernelIterator, why_unavailable
from restartmanager.adapters.bpf.loader import Answer, Hit, LoadedPrograms, SelfTestError
from restartmanager.errors import UnsupportedError
from restartmanager.model import How

Target = tuple[int, int]
TARGET = (1, 2)
FOUND = Hit(*TARGET, 77, How.OPEN)


class Scripted(LoadedPrograms):
    """Gives the answers of a list instead of the kernel's; each gets the file of our own."""

    running: tuple[int, ...] = (os.getpid(), 77)

    def __init__(self, *answers: Callable[[Target], set[Hit]]) -> None:
        self._answers = list(answers)
        self._place, self._links, self._stack = "/dev/shm", [], ExitStack()
        self.kinds = frozenset({How.OPEN, How.MAPPED})

    def _ask(self, links: Sequence[int], targets: Sequence[Target]) -> Answer:
        return Answer(frozenset(self._answers.pop(0)(targets[0])), frozenset(self.running))


def proven(own: Target) -> set[Hit]:
    return {Hit(*own, os.getpid(), How.OPEN), Hit(*own, os.getpid(), How.MAPPED), FOUND}


def with_a_fresh_child(own: Target) -> set[Hit]:
    return proven(own) | {Hit(*own, 88, How.OPEN)}


def without_mapping(own: Target) -> set[Hit]:
    return {Hit(*own, os.getpid(), How.OPEN), FOUND}


def of_another_namespace(own: Target) -> set[Hit]:
    return {Hit(*own, 4_000_000, How.OPEN), Hit(*own, 4_000_000, How.MAPPED), FOUND}


def test_the_proof_is_no_part_of_the_answer() -> None:
    assert Scripted(proven).find([TARGET]).hits == {FOUND}


def test_a_child_that_just_has_our_file_as_well_does_no_harm() -> None:
    assert Scripted(with_a_fresh_child).find([TARGET]).hits == {FOUND}


@pytest.mark.parametrize("wrong", [without_mapping, of_another_namespace, lambda _: {FOUND}])
def test_an_answer_without_its_proof_is_refused(wrong: Callable[[Target], set[Hit]]) -> None:
    with pytest.raises(SelfTestError):
        Scripted(wrong).find([TARGET])


def test_an_answer_that_leaves_out_this_process_is_refused() -> None:
    class Blind(Scripted):
        running = (77,)

    with pytest.raises(SelfTestError):
        Blind(proven).find([TARGET])


def test_kinds_that_are_not_proven_are_left_out() -> None:
    found = Scripted(lambda own: proven(own) | {Hit(*TARGET, 77, How.CWD)}).find([TARGET])
    assert found.hits == {FOUND}


# -- the iterator ------------------------------------------------------------------------------


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[LoadedPrograms | Exception], None]:
    """Makes entering a KernelIterator give these programs, or fail so."""

    def install(result: LoadedPrograms | Exception) -> None:
        def stand_in(_: str | None) -> LoadedPrograms:
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr(iterator, "_load", stand_in)

    return install


Load = Callable[[LoadedPrograms | Exception], None]


def test_many_targets_are_asked_for_in_parts(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iterator, "LARGEST_QUESTION", 2)
    asked: list[int] = []

    class Counting(Scripted):
        def find(self, wanted: Sequence[Target]) -> Answer:
            asked.append(len(wanted))
            hits = frozenset(Hit(*target, 1, How.OPEN) for target in wanted)
            return Answer(hits, frozenset(range(len(asked))))

    load(Counting())
    with KernelIterator() as kernel:
        found = kernel.find([(1, inode % 5) for inode in range(10)])
    assert asked == [2, 2, 1]
    assert len(found.hits) == 5
    assert found.processes == {0, 1, 2}


def test_no_targets_need_no_question(load: Load) -> None:
    load(Scripted())
    with KernelIterator() as kernel:
        assert kernel.find([]) == Answer()


def test_after_a_failure_nothing_more_is_answered(load: Load) -> None:
    load(Scripted(without_mapping, proven))
    with KernelIterator() as kernel:
        with pytest.raises(UnsupportedError, match="self-test failed"):
            kernel.find([TARGET])
        with pytest.raises(UnsupportedError, match="not loaded"):
            kernel.find([TARGET])


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        (syscall.BpfError("load the program x", errno.EINVAL, "R1 is wrong"), "Invalid argument"),
        (syscall.BpfError("create a map", errno.EPERM), "lockdown"),
        (BtfError("the kernel is too old"), "too old"),
        (SelfTestError("its self-test failed"), "self-test"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many"),
        (UnsupportedError("This", "of the weather"), "weather"),
    ],
)
def test_every_problem_is_explained(load: Load, problem: Exception, why: str) -> None:
    load(problem)
    with pytest.raises(UnsupportedError, match=why) as caught, KernelIterator():
        pass
    assert caught.value.detail == getattr(problem, "log", "")
    assert why in (why_unavailable() or "")


def test_being_available_needs_no_reason(load: Load) -> None:
    load(Scripted())
    assert why_unavailable() is None


def test_closing_is_possible_at_any_time(load: Load) -> None:
    load(Scripted())
    kernel = KernelIterator()
    kernel.close()
    with kernel:
        kernel.close()
    with pytest.raises(UnsupportedError):
        kernel.find([TARGET])


def test_threads_are_served_one_at_a_time(load: Load) -> None:
    inside, worst = [0], [0]

    class Watching(Scripted):
        def find(self, wanted: Sequence[Target]) -> Answer:
            inside[0] += 1
            worst[0] = max(worst[0], inside[0])
            subprocess.run(["/bin/true"], check=True)  # gives the other threads their turn
            inside[0] -= 1
            return Answer()

    load(Watching())
    with KernelIterator() as kernel:
        threads = [threading.Thread(target=kernel.find, args=([TARGET],)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert worst == [1]


# -- obstacles ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "answer", "why"),
    [
        ("_has_rights", False, "CAP_BPF and CAP_PERFMON"),
        ("in_first_pid_namespace", False, "pid namespace of its own"),
        ("BTF_PATH", "/nonexistent", "/nonexistent is missing"),
        ("syscall.is_machine_known", False, "this kind of machine"),
    ],
)
def test_obstacles_are_named(
    monkeypatch: pytest.MonkeyPatch, name: str, answer: object, why: str
) -> None:
    for good in ("_has_rights", "in_first_pid_namespace"):
        monkeypatch.setattr(iterator, good, lambda: True)
    monkeypatch.setattr(iterator, "BTF_PATH", "/")
    monkeypatch.setattr(syscall, "is_machine_known", lambda: True)
    value = answer if isinstance(answer, str) else lambda: answer
    monkeypatch.setattr(f"{iterator.__name__}.{name}", value)
    assert why in (why_unavailable() or "")
