"""Attributes beside rights and limits: a program has them again, and none of the installer's."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.processes import starting
from restartmanager.adapters.processes.attributes import parse_processors
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.model.recipes import AS_USUAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from integration.conftest import Children
    from restartmanager.model.recipes import Attributes

PROCESSES = LinuxProcesses()
STRANGER = 65002
CPUS = sorted(os.sched_getaffinity(0))
IDLE = 3 << 13  # IOPRIO_CLASS_IDLE
NOT_RANDOM = 0x0040000  # ADDR_NO_RANDOMIZE
LIBC = ctypes.CDLL(None)


def write(name: str, text: str) -> Callable[[], None]:
    def written() -> None:
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)

    return written


def may_be_spared() -> bool:
    """Whether root has CAP_SYS_RESOURCE, which many a container keeps from it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return bool(int(status.partition("CapEff:")[2].split()[0], 16) >> 24 & 1)


def at_low_io_priority() -> None:
    LIBC.syscall({"x86_64": 251, "aarch64": 30}[platform.machine()], 1, 0, IDLE)


def ignoring() -> None:
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)


def in_a_nice_session() -> None:
    os.setsid()
    write("autogroup", "7")()


def for_batches() -> None:
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def in_real_time() -> None:
    policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
    os.sched_setscheduler(0, policy, os.sched_param(3))


def attributes_of(children: Children, pid: int) -> Attributes:
    return PROCESSES.recipe(children.describe(pid), None).attributes


def back(children: Children, prepare: Callable[[], object], user: int) -> tuple[Attributes, int]:
    """What a program with these attributes had, and the number of the one in its place."""

    def prepared() -> None:
        prepare()
        if os.geteuid() != user:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)

    old = children.spawn("/bin/sleep", "1000", cwd="/", preexec_fn=prepared)
    recipe = PROCESSES.recipe(children.describe(old.pid), None)
    old.kill()
    old.wait()
    return recipe.attributes, children.start(recipe).pid


def users() -> list[int]:
    return [os.geteuid(), *([STRANGER] if os.geteuid() == 0 else [])]


@pytest.mark.parametrize(
    ("prepare", "name", "value"),
    [
        (write("oom_score_adj", "500"), "oom_score", 500),
        pytest.param(
            write("oom_score_adj", "-300"),
            "oom_score",
            -300,
            marks=pytest.mark.skipif(not may_be_spared(), reason="root may spare nothing here"),
        ),
        (for_batches, "scheduler", (os.SCHED_BATCH, 0)),
        pytest.param(
            in_real_time,
            "scheduler",
            (os.SCHED_RR | os.SCHED_RESET_ON_FORK, 3),
            marks=pytest.mark.root,
        ),
        (lambda: os.sched_setaffinity(0, CPUS[-1:]), "processors", str(CPUS[-1])),
        (at_low_io_priority, "io_priority", IDLE),
        (ignoring, "ignored_signals", (signal.SIGHUP, signal.SIGUSR1)),
        (write("timerslack_ns", "777000"), "timer_slack_ns", 777000),
        (in_a_nice_session, "autogroup_nice", 7),
        (write("coredump_filter", "0x7f"), "core_filter", 0x7F),
        (lambda: LIBC.personality(NOT_RANDOM), "personality", NOT_RANDOM),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("user", users(), ids=["own", "stranger"][: len(users())])
def test_it_is_as_it_was(
    children: Children, prepare: Callable[[], object], name: str, value: object, user: int
) -> None:
    before, pid = back(children, prepare, user)
    if name == "processors" and len(CPUS) == 1:
        value = ""  # then there is no choice
    assert getattr(before, name) == value
    assert attributes_of(children, pid) == before


@contextlib.contextmanager
def ours(prepare: Callable[[], object], undo: Callable[[], object]) -> Iterator[None]:
    prepare()
    try:
        yield
    finally:
        undo()


@pytest.mark.parametrize(
    ("prepare", "undo"),
    [
        (
            lambda: os.sched_setaffinity(0, CPUS[:1]),
            lambda: os.sched_setaffinity(0, CPUS),
        ),
        (
            for_batches,
            lambda: os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0)),
        ),
        (
            at_low_io_priority,
            lambda: LIBC.syscall({"x86_64": 251, "aarch64": 30}[platform.machine()], 1, 0, 0),
        ),
        (write("coredump_filter", "0x7f"), write("coredump_filter", "0x33")),
        (lambda: LIBC.personality(NOT_RANDOM), lambda: LIBC.personality(0)),
        (write("timerslack_ns", "777000"), write("timerslack_ns", "50000")),
        (
            lambda: signal.signal(signal.SIGUSR2, signal.SIG_IGN),
            lambda: signal.signal(signal.SIGUSR2, signal.SIG_DFL),
        ),
    ],
    ids=["processors", "scheduler", "I/O", "core", "personality", "timer", "signals"],
)
def test_the_installer_hands_nothing_of_its_own_on(
    children: Children, prepare: Callable[[], object], undo: Callable[[], object]
) -> None:
    old = children.sleeper(cwd="/")
    recipe = PROCESSES.recipe(children.describe(old.pid), None)
    with ours(prepare, undo):
        pid = children.start(recipe).pid
    assert attributes_of(children, pid) == recipe.attributes


@pytest.fixture
def everybodys() -> Iterator[str]:
    """A folder into which every user gets."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield folder


def test_what_cannot_be_had_keeps_nothing_from_coming_back(
    children: Children,
    as_nobody: Callable[[], contextlib.AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
    everybodys: str,
) -> None:
    """Its user starts what root had set apart."""
    python = "/usr/bin/python3"  # ours may lie in root's own folder
    if not os.access(python, os.X_OK):
        pytest.skip("there is no Python that every user may run")
    monkeypatch.setattr(starting, "_interpreter", lambda: python)
    monkeypatch.setattr(starting, "_LAUNCHER", shutil.copy(starting._LAUNCHER, everybodys))
    old = children.spawn("/bin/sleep", "1000", cwd="/", user=65534, group=65534, extra_groups=[])
    os.sched_setscheduler(old.pid, os.SCHED_FIFO, os.sched_param(1))
    recipe = PROCESSES.recipe(children.describe(old.pid), None)
    with as_nobody():
        back = children.start(recipe)
    assert recipe.attributes.scheduler != AS_USUAL.scheduler
    assert attributes_of(children, back.pid).scheduler == AS_USUAL.scheduler


@pytest.mark.root
def test_a_program_that_was_raised_may_lower_itself_again(children: Children) -> None:
    """Root's word would be the least for it from then on."""
    _, pid = back(children, write("oom_score_adj", "500"), STRANGER)
    lower = ["/bin/sh", "-c", f"echo 0 >/proc/{pid}/oom_score_adj"]
    assert children.spawn(*lower, user=STRANGER, group=STRANGER, extra_groups=[]).wait() == 0


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("", ()), ("0\n", (0,)), ("0-2,5", (0, 1, 2, 5)), ("3,1", (1, 3))],
)
def test_lists_of_processors(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_processors(text) == frozenset(numbers)


@pytest.mark.parametrize("text", ["x", "1-", "0-999999999", "-", "1,,2"])
def test_what_is_no_list_of_processors(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_processors(text)
