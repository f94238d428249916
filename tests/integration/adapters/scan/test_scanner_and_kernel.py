"""The ways of asking, put together: the same answer from each, and none where nobody is."""

from __future__ import annotations

import os
import random
import socket
import time
from typing import TYPE_CHECKING

import pytest

import restartmanager as rm
from restartmanager.adapters.bpf.iterator import why_unavailable
from restartmanager.adapters.proc.files import identify
from restartmanager.adapters.proc.mounts import Mounts
from restartmanager.adapters.scan.leases import LeaseProbe
from restartmanager.adapters.scan.proc_scan import Known, ProcScanner
from restartmanager.adapters.scan.scanner import LinuxScanner
from restartmanager.adapters.scan.scripts_pending import ScriptSearch
from restartmanager.adapters.scan.targets import Targets
from restartmanager.adapters.scan.uses import Use
from restartmanager.model import How, Sighting
from support.laboratory import verdict_of
from support.spawning import PYTHON

if TYPE_CHECKING:
    from pathlib import Path

    from support.spawning import Spawn


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(b"\0" * 5000)
    return path


@pytest.fixture
def asks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel is asked however few processes there are."""
    reason = why_unavailable()
    if reason is not None:
        pytest.skip(reason)
    monkeypatch.setattr("restartmanager.adapters.scan.scanner._WORTH_ASKING", 0)


@pytest.fixture
def leases(data: Path) -> None:
    """Leases are possible, on the file system of the tests as well."""
    reason = LeaseProbe().why_unavailable()
    if reason is None and verdict_of(str(data)) == "unknown":
        reason = "leases are not to be trusted on the file system of the temporary folder"
    if reason is not None:
        pytest.skip(reason)


def evidence(sighting: Sighting) -> list[tuple[int, str, tuple[How, ...], bool]]:
    return sorted(
        (item.pid, item.path, item.how, item.stale)
        for holder in sighting.holders
        for item in holder.evidence
    )


# -- leases ------------------------------------------------------------------------------------


@pytest.mark.root
@pytest.mark.usefixtures("leases")
def test_a_free_file_needs_no_look_at_any_process(data: Path) -> None:
    scanner = LinuxScanner(kernel=False)
    sighting = scanner.find_holders(identify([str(data)], []))
    assert (sighting.holders, sighting.inspected) == ((), 0)


@pytest.mark.root
@pytest.mark.usefixtures("leases")
def test_a_script_that_nobody_holds_is_still_looked_for(spawn: Spawn, tmp_path: Path) -> None:
    script = tmp_path / "job"
    script.write_text("print('r', flush=True)\ninput()\n")
    child = spawn.ready(PYTHON, "-S", str(script))
    scanner = LinuxScanner(kernel=False)
    sighting = scanner.find_holders(identify([str(script)], []))
    assert evidence(sighting) == [(child.pid, str(script), (How.SCRIPT,), False)]


@pytest.mark.root
@pytest.mark.usefixtures("leases")
def test_what_nobody_can_be_named_for_is_never_called_free(data: Path) -> None:
    """A descriptor on its way through a socket belongs to no process."""
    sender, receiver = socket.socketpair()
    with sender, receiver:
        descriptor = os.open(data, os.O_RDONLY)
        socket.send_fds(sender, [b"x"], [descriptor])
        os.close(descriptor)
        scanner = LinuxScanner()
        sighting = scanner.find_holders(identify([str(data)], []))
    assert evidence(sighting) == []
    (unexplained,) = sighting.unexplained
    assert unexplained.path == str(data)
    assert "no process that can be seen" in unexplained.reason


@pytest.mark.root
@pytest.mark.usefixtures("leases")
def test_a_thread_with_a_table_of_its_own_is_found_after_all(spawn: Spawn, data: Path) -> None:
    child = spawn.holding("thread-open", str(data))
    scanner = LinuxScanner(kernel=False)
    sighting = scanner.find_holders(identify([str(data)], []))
    assert evidence(sighting) == [(child.pid, str(data), (How.OPEN,), False)]
    assert sighting.unexplained == ()


def test_the_leases_can_be_switched_off(data: Path) -> None:
    scanner = LinuxScanner(leases=False, kernel=False)
    assert scanner.find_holders(identify([str(data)], [])).inspected > 0


# -- the kernel --------------------------------------------------------------------------------


@pytest.mark.root
@pytest.mark.usefixtures("asks_always")
@pytest.mark.parametrize("seed", range(3))
def test_both_ways_give_the_same_answer(spawn: Spawn, tmp_path: Path, seed: int) -> None:
    """Over a random population: opened, mapped, replaced, removed, overwritten, linked."""
    pick = random.Random(seed)  # noqa: S311 - a population, not a secret
    paths = [tmp_path / f"file{number}.bin" for number in range(64)]  # a listing
    for path in paths:
        path.write_bytes(b"\0" * 5000)
    asked = LinuxScanner(leases=False)
    resources = identify([str(path) for path in paths], [])
    for _ in range(15):
        chosen = pick.sample(paths, pick.randint(4, 12))
        spawn.holding(*(w for p in chosen for w in (pick.choice(["open", "map"]), str(p))))
    for path in pick.sample(paths, 32):
        match pick.choice(["replace", "remove", "overwrite", "link"]):
            case "replace":
                (tmp_path / "new").write_bytes(b"\0" * 6000)
                os.replace(tmp_path / "new", path)
            case "remove":
                path.unlink()
            case "overwrite":
                path.write_bytes(b"\1" * 5000)
            case "link":
                os.link(path, f"{path}.link")
    read = ProcScanner().find_holders(resources)
    assert evidence(asked.find_holders(resources)) == evidence(read) != []


def test_what_was_told_of_a_process_with_the_same_number_is_not_believed(
    spawn: Spawn, data: Path
) -> None:
    """It was there before that was told, or it is looked at as any other."""
    child = spawn.ready(PYTHON, "-c", "print('r', flush=True); input()")
    resources = identify([str(data)], [])
    mounts = Mounts.read("/proc")
    targets = Targets.look_up(resources, mounts)
    told = {child.pid: [Use(How.OPEN, key) for key in targets.keys]}
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    for asked_at, believed in ((now - 3600, False), (now + 1, True)):
        known = Known(told, (), 0, asked_at)
        sighting = ProcScanner().find_users(targets, mounts, known=known)
        assert [holder.process.pid for holder in sighting.holders] == [child.pid] * believed


@pytest.mark.parametrize("change", ["overwritten", "replaced", "removed", "linked"])
def test_only_a_file_that_is_as_recorded_can_have_no_old_users(data: Path, change: str) -> None:
    resources = identify([str(data)], [])
    match change:
        case "overwritten":
            data.write_bytes(b"1" * 10)
        case "replaced":
            data.with_name("new").write_bytes(b"")
            data.with_name("new").replace(data)
        case "removed":
            data.unlink()
        case "linked":  # its change time is another one
            data.with_name("link").hardlink_to(data)
    targets = Targets.look_up(resources, Mounts.read("/proc"))
    recorded = resources.files[0].identity
    assert recorded is not None
    assert not targets.unchanged((recorded.device, recorded.inode))


def test_a_search_for_scripts_doubts_all_that_it_has_not_seen(tmp_path: Path, spawn: Spawn) -> None:
    script = tmp_path / "job.py"
    script.write_text("print('r', flush=True)\ninput()\n")
    user = spawn.ready(PYTHON, "-S", str(script))
    gone = spawn.ready(PYTHON, "-c", "print('r', flush=True)")
    gone.wait()
    mounts = Mounts.read("/proc")
    targets = Targets.look_up(identify([str(script)], []), mounts)
    everybody = {user.pid, gone.pid, os.getpid(), os.getppid()}
    with ScriptSearch(targets, mounts, everybody - {os.getppid()}) as search:
        pass
    assert search.doubtful(everybody) == everybody - {os.getpid()}
    assert search.doubtful({os.getpid()}) == set()


def test_where_no_file_can_be_a_script_nobody_is_doubted(data: Path) -> None:
    mounts = Mounts.read("/proc")
    targets = Targets.look_up(identify([str(data)], []), mounts)
    with ScriptSearch(targets, mounts, [os.getpid()]) as search:
        pass
    assert not search.doubtful({os.getpid(), 1})


@pytest.mark.root
@pytest.mark.usefixtures("asks_always")
def test_scripts_are_found_beside_what_the_kernel_knows(spawn: Spawn, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text("print('r', flush=True)\ninput()\n")
    child = spawn.ready(PYTHON, "-S", str(script))
    scanner = LinuxScanner()
    sighting = scanner.find_holders(identify([str(script)], []))
    assert evidence(sighting) == [(child.pid, str(script), (How.SCRIPT,), False)]
    assert sighting.inspected > 1


@pytest.mark.root
@pytest.mark.usefixtures("asks_always")
def test_asking_again_and_again_keeps_nothing_open(data: Path) -> None:
    """Each question of its own loads the programs, and gives them back."""
    rm.who_uses(data)
    before = len(os.listdir("/proc/self/fd"))
    with data.open("rb"):  # in use, or the kernel would not be asked
        for _ in range(5):
            assert rm.who_uses(data).inspected > 0
    assert len(os.listdir("/proc/self/fd")) == before


def test_without_the_kernel_every_process_is_read(
    data: Path, spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel that refuses is no error, and is not asked again."""
    monkeypatch.setattr("restartmanager.adapters.scan.scanner._WORTH_ASKING", 0)
    monkeypatch.setattr("restartmanager.adapters.bpf.iterator._has_rights", lambda: False)
    child = spawn.holding("open", str(data))
    scanner = LinuxScanner(leases=False)
    for _ in range(2):
        sighting = scanner.find_holders(identify([str(data)], []))
        assert evidence(sighting) == [(child.pid, str(data), (How.OPEN,), False)]
