"""Processes and file systems that never answer hold nobody up, and are named.

The processes are real: their memory is locked for as long as a file system of their own does not
answer. Every command here has a limit, for what goes wrong is a wait without end; and the tests
hold the pipe that ends all waits.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.errors import ProcessAccessError
from restartmanager.model.identity import UniqueProcess
from support.paths import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.spawning import Spawn

LIMIT_S = 30
_CC = shutil.which("cc") or ""
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not _CC, reason="there is no C compiler"),
    pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="the kernel has no FUSE"),
    pytest.mark.usefixtures("disturbing"),
    pytest.mark.timeout(600),  # with the time that others are not to be disturbed
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = str(tmp_path_factory.mktemp("program") / "locks_memory")
    source = str(PROGRAMS / "locks_memory.c")
    subprocess.run([_CC, "-Wall", "-Werror", "-pthread", "-o", made, source], check=True)
    return made


@contextlib.contextmanager
def locked(program: str, folder: Path, library: Path, count: int = 1) -> Iterator[list[int]]:
    """The numbers of so many processes that have the library open, and whose memory is locked."""
    with contextlib.ExitStack() as stack:
        pids = []
        for number in range(count):
            mount = folder / f"mount-{number}"
            mount.mkdir()
            child = subprocess.Popen(
                [program, str(mount), str(library)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            stack.callback(_end, child)
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            _await_lock(child.pid)
            pids.append(child.pid)
        yield pids


def _end(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    child.kill()  # it obeys when the lock is gone, with the end of the pipe
    child.stdin.close()
    child.stdout.close()
    child.wait(LIMIT_S)


def _await_lock(pid: int) -> None:
    """Wait until it waits: state D of its first thread, which /proc tells without its memory."""
    state = b""
    while state != b"D":
        with open(f"/proc/{pid}/stat", "rb") as file:
            state = file.read().rpartition(b")")[2].split()[0]
        os.sched_yield()


def asked(state: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "restartmanager.cli", *arguments, "--json"]
    environment = {**os.environ, "RESTARTMANAGER_STATE_DIR": str(state)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT_S
    )
    assert not done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.parametrize("kernel", ["0", "1"])
def test_a_locked_process_is_named_and_hides_nobody(
    spawn: Spawn, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: str
) -> None:
    monkeypatch.setenv("RESTARTMANAGER_KERNEL_ITERATOR", kernel)
    library = tmp_path / "library"
    library.write_bytes(b"x" * 5000)
    other = spawn.holding("open", str(library))
    with locked(program, tmp_path, library) as (pid,):
        found = asked(tmp_path / "state", "who", str(library))
    assert found["unresponsive"] == [{"pid": pid, "name": "locks_memory"}]
    pids = {p["pid"] for app in found["applications"] for p in app["processes"]}
    assert other.pid in pids
    assert found["not_inspectable"] >= 1


@contextlib.contextmanager
def with_a_dead_mount_of_their_own(folder: Path, library: Path, count: int) -> Iterator[list[int]]:
    """So many processes that have open the library, and a file system that nobody else sees."""
    command = [sys.executable, str(PROGRAMS / "holds_hung.py"), str(folder), str(library)]
    with contextlib.ExitStack() as stack:
        children = []
        for _ in range(count):
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            stack.callback(_end, child)
            children.append(child)
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
        yield [child.pid for child in children]


@pytest.mark.parametrize("kernel", ["0", "1"])
@pytest.mark.parametrize("verb", ["who", "stale"])
def test_dead_mounts_of_containers_hold_nobody_up(
    spawn: Spawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: str, verb: str
) -> None:
    monkeypatch.setenv("RESTARTMANAGER_KERNEL_ITERATOR", kernel)
    library, folder = tmp_path / "library", tmp_path / "folder"
    library.write_bytes(b"x" * 5000)
    folder.mkdir()
    other = spawn.holding("open", str(library))
    with with_a_dead_mount_of_their_own(folder, library, 20) as pids:
        found = asked(tmp_path / "state", verb, *([str(library)] if verb == "who" else []))
    if verb == "who":
        seen = {p["pid"] for app in found["applications"] for p in app["processes"]}
        seen |= {silent["pid"] for silent in found["unresponsive"]}
        assert seen >= {other.pid, *pids}


def test_many_take_no_longer_than_one(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """stale ends as well; newer kernels let it read the mappings of a locked process."""
    library = tmp_path / "library"
    library.write_bytes(b"x" * 5000)
    with locked(program, tmp_path, library, count=6) as pids:
        found = asked(tmp_path / "state", "who", str(library))
        for kernel in ("0", "1"):
            monkeypatch.setenv("RESTARTMANAGER_KERNEL_ITERATOR", kernel)
            asked(tmp_path / "state", "stale")
    assert [item["pid"] for item in found["unresponsive"]] == sorted(pids)


def test_a_single_locked_process_is_one_that_may_not_be_looked_at(
    program: str, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    library.write_bytes(b"x")
    processes = LinuxProcesses()
    with locked(program, tmp_path, library) as (pid,):
        identity = UniqueProcess.of(pid)
        with pytest.raises(ProcessAccessError):
            processes.describe(identity)
        assert processes.lineage(identity) == ()
    assert processes.describe(UniqueProcess.current()).pid == os.getpid()


DEAD_MOUNT = """
set -e
"$1" "$2/mount" < "$2/pipe" > "$2/ready" &
exec 9> "$2/pipe"
while ! grep -q ready "$2/ready"; do :; done
export RESTARTMANAGER_STATE_DIR="$2/state"
for what in "who $2" "who $2/mount/file" "who $2/mount" "who $2/library" "who $2/elsewhere" stale \
    "run --yes --file $2/mount/file -- true"; do
    status=0
    timeout -k 5 {limit} "$3" -m restartmanager.cli $what > "$2/out" 2>&1 || status=$?
    echo "$status $what: $(head -1 "$2/out")"
done
exec 9>&-
wait
"""


def test_a_dead_mount_is_named_where_it_is_asked_about(program: str, tmp_path: Path) -> None:
    """And files elsewhere, trees included, are found as ever."""
    (tmp_path / "mount").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "library").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "ready").touch()
    script = DEAD_MOUNT.replace("{limit}", str(LIMIT_S))
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
    done = subprocess.run(
        [*command, program, str(tmp_path), sys.executable],
        capture_output=True,
        text=True,
        check=False,
        timeout=6 * LIMIT_S,
    )
    lines = [line.replace(str(tmp_path), "T") for line in done.stdout.splitlines()]
    dead = "restartctl: 'T/mount{}' cannot be looked at: its file system does not answer."
    assert lines == [
        "0 who T: " + lines[0].partition(": ")[2],
        "8 who T/mount/file: " + dead.format("/file"),
        "8 who T/mount: " + dead.format(""),
        "1 who T/library: Nobody uses it.",
        "1 who T/elsewhere: Nobody uses it.",
        lines[5],
        "125 run --yes --file T/mount/file -- true: " + dead.format("/file"),
    ], done.stderr
    assert lines[5].startswith(("0 stale", "1 stale"))
