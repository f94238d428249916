"""What runs replaced code, on real processes: found without anything having been registered."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import restartmanager as rm
from restartmanager.adapters.bpf.iterator import why_unavailable
from restartmanager.adapters.proc.birth import birth_time
from restartmanager.adapters.scan.scanner import LinuxScanner
from restartmanager.adapters.scan.stale import find_stale
from restartmanager.adapters.scan.targets import CLOCK_TICK_S
from restartmanager.api.settings import shipped_policy
from restartmanager.model import Evidence, How, Sighting
from restartmanager.model.identity import UniqueProcess
from restartmanager.rules.policy import IgnoreRule, Policy
from support.spawning import PYTHON, coming_and_going

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.spawning import Spawn

EVERYTHING = Policy()
"""A policy that leaves nothing out of account, for the tests work below /tmp."""


class Looks:
    """Looks for what is stale in one of two ways, which must find the same."""

    def __init__(self, scanner: LinuxScanner) -> None:
        self.scanner = scanner

    def sighting(self, policy: Policy = EVERYTHING) -> Sighting:
        found = self.scanner.find_stale(policy)
        assert self.scanner._kernel_tells_code is self.scanner._kernel, "the kernel has refused"
        return found

    def stale_in(self, pid: int) -> tuple[Evidence, ...]:
        """The evidence against one process."""
        found = [h for h in self.sighting().holders if h.process.pid == pid]
        return found[0].evidence if found else ()


@pytest.fixture(params=["proc", pytest.param("kernel", marks=pytest.mark.root)])
def looks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Looks:
    if request.param == "proc":
        return Looks(LinuxScanner(kernel=False))
    if (reason := why_unavailable()) is not None:
        pytest.skip(reason)
    monkeypatch.setattr("restartmanager.adapters.scan.scanner._WORTH_ASKING", 0)
    return Looks(LinuxScanner())


def only(pid: int, path: Path, *how: How) -> tuple[Evidence, ...]:
    return (Evidence(pid, str(path), how, stale=True),)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "libold.so"
    path.write_bytes(b"x" * 5000)
    return path


def let_the_clock_tick() -> None:
    """Until what is there now is older than what comes next, by the clock ticks that the start of a
    process is told in."""
    enough = time.monotonic() + 2 * CLOCK_TICK_S
    while time.monotonic() < enough:
        os.sched_yield()


def replaced(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(b"y" * 6000)
    new.rename(path)


# -- true findings -----------------------------------------------------------------------------


def test_a_library_replaced_by_rename(looks: Looks, spawn: Spawn, library: Path) -> None:
    child = spawn.holding("map-code", str(library))
    assert looks.stale_in(child.pid) == ()
    replaced(library)
    assert looks.stale_in(child.pid) == only(child.pid, library, How.MAPPED)


def test_a_library_that_was_removed(looks: Looks, spawn: Spawn, library: Path) -> None:
    child = spawn.holding("map-code", str(library))
    library.unlink()
    assert looks.stale_in(child.pid) == only(child.pid, library, How.MAPPED)


def test_a_library_written_over_in_place(looks: Looks, spawn: Spawn, library: Path) -> None:
    let_the_clock_tick()
    child = spawn.holding("map-code", str(library))
    let_the_clock_tick()
    library.write_bytes(b"z" * 5000)
    assert looks.stale_in(child.pid) == only(child.pid, library, How.MAPPED)


LOADS_LATER = """
import mmap, os, sys, time
os.write(1, b"r")
path = os.read(0, 5000).rstrip(b"\\n")
if sys.argv[1] == "exec":
    os.execv(sys.executable, [sys.executable, "-S", "-c", sys.argv[2], "plugin", sys.argv[2]])
fd = os.open(path, os.O_RDONLY)
kept = mmap.mmap(fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
os.write(1, b"m")
os.read(0, 1)
"""


@pytest.mark.parametrize("way", ["plugin", "exec"])
def test_what_was_installed_and_loaded_later_is_not_old(
    looks: Looks, spawn: Spawn, library: Path, way: str
) -> None:
    """Also after another exec in the same process, whose start time stays what it was."""
    child = spawn.ready(PYTHON, "-S", "-c", LOADS_LATER, way, LOADS_LATER)
    assert child.stdin is not None
    assert child.stdout is not None
    booted_at = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    while time.time() < booted_at + UniqueProcess.of(child.pid).start_ticks / 100 + 0.05:
        os.sched_yield()  # until a new file is younger than the process, by the clock ticks
    replaced(library)
    child.stdin.write(os.fsencode(library) + b"\n")
    child.stdin.flush()
    if way == "exec":
        assert child.stdout.read(1) == b"r"
        child.stdin.write(os.fsencode(library) + b"\n")
        child.stdin.flush()
    assert child.stdout.read(1) == b"m"
    assert looks.stale_in(child.pid) == ()
    library.write_bytes(b"w" * 7000)
    assert looks.stale_in(child.pid) == ()  # the birth of the file says too little: see limits
    replaced(library)
    assert looks.stale_in(child.pid) == only(child.pid, library, How.MAPPED)


def test_the_birth_of_a_file(tmp_path: Path) -> None:
    before = time.time()
    path = tmp_path / "new"
    path.touch()
    born = birth_time(str(path))
    assert born is not None
    assert before - 0.1 <= born <= time.time()
    os.utime(path, (1, 1))
    assert birth_time(str(path)) == born
    assert birth_time(str(tmp_path / "absent")) is None


def test_a_replaced_program(looks: Looks, spawn: Spawn, tmp_path: Path) -> None:
    program = tmp_path / "program"
    shutil.copy("/bin/sleep", program)
    child = spawn.running(str(program), "600")
    replaced(program)
    assert looks.stale_in(child.pid) == only(child.pid, program, How.EXECUTABLE, How.MAPPED)


def test_a_replaced_script(looks: Looks, spawn: Spawn, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text("print('r', flush=True)\ninput()\n")
    child = spawn.ready(PYTHON, "-S", str(script))
    assert looks.stale_in(child.pid) == ()
    replaced(script)
    assert looks.stale_in(child.pid) == only(child.pid, script, How.SCRIPT)


def test_a_name_that_cannot_be_decoded(looks: Looks, spawn: Spawn, tmp_path: Path) -> None:
    library = tmp_path / os.fsdecode(b"lib \xff\n\x1b.so")
    library.write_bytes(b"x" * 5000)
    child = spawn.holding("map-code", str(library))
    replaced(library)
    assert looks.stale_in(child.pid) == only(child.pid, library, How.MAPPED)


# -- no false ones -----------------------------------------------------------------------------


def test_a_living_file_that_is_called_deleted(looks: Looks, spawn: Spawn, tmp_path: Path) -> None:
    library = tmp_path / "libnew.so (deleted)"
    library.write_bytes(b"x" * 5000)
    child = spawn.holding("map-code", str(library))
    assert looks.stale_in(child.pid) == ()


def test_what_was_replaced_before_the_process_started(
    looks: Looks, spawn: Spawn, library: Path
) -> None:
    replaced(library)
    child = spawn.holding("map-code", str(library))
    assert looks.stale_in(child.pid) == ()


def test_data_that_was_replaced(looks: Looks, spawn: Spawn, library: Path) -> None:
    child = spawn.holding("map", str(library), "open", str(library))
    replaced(library)
    assert looks.stale_in(child.pid) == ()


def test_other_rights_on_the_same_file(looks: Looks, spawn: Spawn, library: Path) -> None:
    child = spawn.holding("map-code", str(library))
    library.chmod(0o755)
    assert looks.stale_in(child.pid) == ()


def test_another_name_for_the_same_file(
    looks: Looks, spawn: Spawn, library: Path, tmp_path: Path
) -> None:
    child = spawn.holding("map-code", str(library))
    os.link(library, tmp_path / "copy")
    assert looks.stale_in(child.pid) == ()


@pytest.mark.root
def test_the_same_path_in_another_mount_namespace(
    looks: Looks, spawn: Spawn, library: Path
) -> None:
    """What the process sees at that path is as it was, whatever is there for us."""
    inside = f'mount -t tmpfs none {library.parent}; head -c 5000 /dev/zero > {library}; "$@"; :'
    spawn.holding("map-code", str(library), before=("unshare", "-m", "sh", "-c", inside, "sh"))
    replaced(library)
    holders = looks.sighting().holders
    assert str(library) not in {item.path for holder in holders for item in holder.evidence}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_both_ways_find_the_same(spawn: Spawn, tmp_path: Path, looks: Looks, seed: int) -> None:
    """A population of processes with libraries to which everything happens that can."""
    choose = random.Random(seed)  # noqa: S311 - the same population at every run
    libraries = [tmp_path / f"lib{number}.so" for number in range(8)]
    script = tmp_path / "job.py"
    script.write_text("print('r', flush=True)\ninput()\n")
    for library in libraries:
        library.write_bytes(b"x" * 5000)
    os.link(libraries[0], tmp_path / "another-name.so")
    for _ in range(12):
        mapped = choose.sample(libraries, 3)
        spawn.holding(*(word for path in mapped for word in ("map-code", str(path))))
    spawn.ready(PYTHON, "-S", str(script))
    changes: list[Callable[[Path], object]] = [
        replaced,
        Path.unlink,
        lambda path: path.write_bytes(b"z" * 5000),
        lambda path: path.rename(path.with_suffix(".aside")),
        lambda path: path.chmod(0o700),
        Path.exists,
    ]
    for library in libraries:
        choose.choice(changes)(library)
    replaced(choose.choice([script, libraries[-1].with_name("unused")]))
    ours = {child.pid for child in spawn.children}
    found, expected = looks.sighting(), find_stale(EVERYTHING)
    assert against(ours, found) == against(ours, expected)
    assert against(ours, found)


def test_coming_and_going_is_no_error(looks: Looks, spawn: Spawn, library: Path) -> None:
    child = spawn.holding("map-code", str(library))
    replaced(library)
    with coming_and_going():
        for _ in range(20):
            assert looks.stale_in(child.pid) == only(child.pid, library, How.MAPPED)


def against(pids: set[int], sighting: Sighting) -> list[Evidence]:
    holders = (holder for holder in sighting.holders if holder.process.pid in pids)
    return sorted(item for holder in holders for item in holder.evidence)


# -- what is left out --------------------------------------------------------------------------


def test_what_the_policy_ignores_is_listed_with_its_reason(
    looks: Looks, spawn: Spawn, library: Path
) -> None:
    policy = Policy(ignore=(IgnoreRule((f"{library.parent}/*",), "it is a test"),))
    child = spawn.holding("map-code", str(library))
    replaced(library)
    sighting = looks.sighting(policy)
    assert child.pid not in {holder.process.pid for holder in sighting.holders}
    (ignored,) = [item for item in sighting.ignored if child.pid in item.pids]
    assert (ignored.path, ignored.reason) == (str(library), "it is a test")


@pytest.mark.parametrize(
    "path",
    [
        "/memfd:JITCode:QtQml",
        "/dev/zero",
        "/SYSV00000000",
        "/[aio]",
        "/drm mm object",
        "/tmp/ffiXXXX",
        "/home/u/.cache/mesa_shader_cache/x",
        "/home/u/orcexec.abc",
        "/#12345",
    ],
)
def test_the_shipped_policy_ignores(path: str) -> None:
    assert shipped_policy().ignores(path)


@pytest.mark.parametrize(
    "path",
    ["/usr/lib/libssl.so.3", "/opt/app/bin/app", "/home/u/.local/lib/libx.so", "/srv/tmp.so"],
)
def test_the_shipped_policy_does_not_ignore(path: str) -> None:
    assert shipped_policy().ignores(path) is None


# -- the Python API ----------------------------------------------------------------------------


def test_stale_names_the_cure(spawn: Spawn, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restartmanager.api.wiring.policy", lambda: EVERYTHING)
    child = spawn.holding("map-code", str(library))
    replaced(library)
    (application,) = [
        app
        for app in rm.stale().applications
        if app.main_process is not None and app.main_process.pid == child.pid
    ]
    assert application.required is rm.Required.RESTART
    assert application.evidence[0].path == str(library)


def test_looking_at_the_whole_machine_never_fails() -> None:
    assert find_stale(shipped_policy()).inspected > 0
