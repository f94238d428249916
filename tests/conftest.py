"""What all tests share: children that are always ended, and the mark for root's tests."""

from __future__ import annotations

import _thread
import contextlib
import fcntl
import gc
import os
import signal
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings

from support.spawning import Spawn

if TYPE_CHECKING:
    from collections.abc import Iterator


# Speed is measured by the benchmarks: a test does not fail because the machine has other work too.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

settings.register_profile("unshrunk", phases=[Phase.explicit, Phase.generate])
"""For who only wants to know whether a property fails, not on what smallest example."""

# Nor are the wishes of whoever starts them about Python: with PYTHONUNBUFFERED, for one, programs
# write at once what otherwise is written, and may fail, later.
for _name in [name for name in os.environ if name.startswith("PYTHON") and name != "PYTHONPATH"]:
    del os.environ[_name]

# Where it names folders by their way from here, programs that run elsewhere would look elsewhere.
if "PYTHONPATH" in os.environ:
    _folders = filter(None, os.environ["PYTHONPATH"].split(os.pathsep))
    os.environ["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, _folders))

# Nor are signals that they ignore, as behind nohup(1): every child would ignore them as well.
for _number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # Python ignores these
    if signal.getsignal(_number) is signal.SIG_IGN:
        interrupts = _number == signal.SIGINT
        _usual = signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL
        signal.signal(_number, _usual)

# The log of the machine that runs the tests is not theirs.
os.environ.setdefault("RESTARTMANAGER_TRACES", "0")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("root") is not None and os.geteuid() != 0:
        pytest.skip("needs root's rights")


@pytest.fixture(autouse=True)
def _no_descriptor_stays_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """Who asks again and again, as a program that uses the Python API does, runs out of them."""
    before, threads = _open_files(), _thread._count()
    yield
    if len(_open_files()) > len(before):
        request.node.funcargs.clear()  # then nobody has what the test was given
        gc.collect()
    after = _open_files()
    left = {number: what for number, what in after.items() if number not in before}
    if _thread._count() > threads:  # some ask processes that were slow to answer, for as long
        left = {number: what for number, what in left.items() if not what.startswith("/proc/")}
    assert not left or len(after) <= len(before), left


def _open_files() -> dict[str, str]:
    """The open files of this process; its programs in the kernel are kept on purpose."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            what = os.readlink(f"/proc/self/fd/{number}")
            if not what.startswith("anon_inode:bpf"):
                found[number] = what
    return found


@pytest.fixture
def disturbing() -> Iterator[None]:
    """Keeps tests that are ``undisturbed`` from running meanwhile, in whichever process: what the
    test does slows down whoever looks at all processes of the machine."""
    with _machine_lock(fcntl.LOCK_EX):
        yield


@pytest.fixture
def undisturbed() -> Iterator[None]:
    """Keeps tests that are ``disturbing`` from running meanwhile: the test expects looks to take as
    long as usual."""
    with _machine_lock(fcntl.LOCK_SH):
        yield


@contextlib.contextmanager
def _machine_lock(kind: int) -> Iterator[None]:
    path = os.path.join(tempfile.gettempdir(), f"restartmanager-tests-{os.geteuid()}.lock")
    with open(path, "a", encoding="ascii") as file:
        fcntl.flock(file, kind)
        yield


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Starts children; all are killed and reaped when the test is over, however it ends."""
    spawned = Spawn()
    try:
        yield spawned
    finally:
        for child in spawned.children:
            spawned.end(child)
