"""What is said about files that are in use: by processes after all, by the kernel, by nobody."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from programs.situations import SITUATIONS
from restartmanager.adapters.proc.files import identify, identity_of
from restartmanager.adapters.proc.mounts import Mounts
from restartmanager.adapters.scan.hidden import (
    find_hidden,
    parse_locks,
    parse_registered,
    parse_waiting,
)
from restartmanager.adapters.scan.kernel_holders import UsedFiles, kernel_uses, parse_swaps
from restartmanager.adapters.scan.leases import FILE_SYSTEMS, LeaseProbe, Verdict
from restartmanager.adapters.scan.proc_scan import ProcScanner, is_held
from restartmanager.adapters.scan.unexplained import Explanation, explain
from restartmanager.model import Evidence, FileResource, Holder, How, Sighting, Unexplained
from support.laboratory import (
    NOBODY,
    answer,
    asked_as_nobody,
    file_to_ask_about,
    public_file,
    shared_folder,
)

if TYPE_CHECKING:
    from pathlib import Path

    from support.spawning import Spawn

UNSEEN = "in use, but by no process that can be seen"
HOW = {
    "program": ["executable", "mapped"],
    "mapped-private": ["mapped"],
    "mapped-shared": ["mapped"],
    "mapped-shared-for-writing": ["mapped"],
    "overlay-mapped": ["mapped"],
    "zombie-leader": ["mapped", "open"],
}
REASON = {
    "loop": "it backs the loop device /dev/loop",
    "loop-elsewhere": "it backs the loop device /dev/loop",
    "swap": "it is an active swap file",
    "accounting": UNSEEN,
    "on-its-way": f"{UNSEEN}; open files are on their way through sockets to process ",
}
FREE = {"nothing", "open-path-only", "watch", "bind-mount"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return file_to_ask_about(tmp_path)


# -- every situation on every file system ------------------------------------------------------


@pytest.mark.root
@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("kind", sorted(FILE_SYSTEMS))
def test_the_process_is_named_or_the_reason_is_given(
    kind: str, situation: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = answer(kind, situation, shared_folder(tmp_path_factory))
    if situation in REASON:
        (reason,) = found["reasons"]
        assert reason.startswith(REASON[situation])
        assert found["how"] == []
    else:
        expected = [] if situation in FREE else [HOW.get(situation, ["open"])]
        assert (found["how"], found["reasons"]) == (expected, [])


@pytest.mark.root
def test_it_is_said_where_a_loop_device_is_mounted(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    (reason,) = answer("tmpfs", "loop", shared_folder(tmp_path_factory))["reasons"]
    assert reason.endswith(", mounted on FILE.mounted")


# -- without the right to look -----------------------------------------------------------------


@pytest.mark.root
def test_processes_that_may_not_be_looked_into_are_counted(spawn: Spawn) -> None:
    with public_file(NOBODY) as path:
        spawn.holding("open", path)
        found = asked_as_nobody(path)
    (reason,) = found["reasons"]
    assert (found["verdict"], found["holders"]) == (Verdict.IN_USE, [])
    assert reason.startswith(f"{UNSEEN}; ")
    assert " processes may not be looked into" in reason


@pytest.mark.root
def test_a_lock_names_a_process_that_may_not_be_looked_into() -> None:
    with public_file(NOBODY) as path, open(path, "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        found = asked_as_nobody(path)
    assert found["holders"] == [[os.getpid(), [How.OPEN]]]
    assert found["reasons"] == []


# -- the whole way -----------------------------------------------------------------------------


def test_nothing_is_explained_that_is_not_in_use(data: Path) -> None:
    device = FileResource("/dev/null", identity_of(os.stat("/dev/null")))
    files = (*identify([str(data), "/nowhere"], [], allow_missing=True).files, device)
    assert explain(files, LeaseProbe()) == Explanation()


def test_what_is_free_by_then_is_left_out(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = identify([str(data)], []).files
    probe = LeaseProbe()
    answers = iter([{file: Verdict.IN_USE}, {file: Verdict.FREE}])
    monkeypatch.setattr(probe, "ask", lambda _: next(answers))
    assert explain([file], probe) == Explanation()


def test_only_what_holds_a_file_explains_that_it_is_held(data: Path, spawn: Spawn) -> None:
    child = spawn.holding("open", str(data))
    (holder,) = ProcScanner().find_holders(identify([str(data)], [])).holders
    script = Holder(holder.process, (Evidence(child.pid, "/x.py", (How.SCRIPT,), False),))
    assert is_held(str(data), [script, holder])
    assert not is_held("/x.py", [script, holder])


def test_what_was_found_is_added_to_the_sighting(data: Path, spawn: Spawn) -> None:
    child = spawn.holding("open", str(data))
    seen = ProcScanner().find_holders(identify([str(data)], []))
    (holder,) = seen.holders
    more = (
        Evidence(child.pid, str(data), (How.MAPPED,), False),
        Evidence(child.pid, "/another", (How.OPEN,), False),
    )
    unknown = Unexplained("/third", UNSEEN)
    whole = Explanation((Holder(holder.process, more),), (unknown,)).added_to(seen)
    assert whole.holders == (
        Holder(
            holder.process,
            (
                Evidence(child.pid, "/another", (How.OPEN,), False),
                Evidence(child.pid, str(data), (How.MAPPED, How.OPEN), False),
            ),
        ),
    )
    assert whole.unexplained == (unknown,)
    assert (whole.inspected, whole.not_inspectable) == (seen.inspected, seen.not_inspectable)
    assert Explanation().added_to(Sighting()) == Sighting()


@pytest.mark.parametrize(("ctime_ns", "found"), [(0, True), (1, False)])
def test_the_same_inode_number_is_not_yet_the_same_file(
    data: Path, spawn: Spawn, monkeypatch: pytest.MonkeyPatch, ctime_ns: int, found: bool
) -> None:
    """Through an overlayfs a file has another device number; here the recorded one is made so."""
    child = spawn.holding("open", str(data))
    used = UsedFiles(identify([str(data)], []).files, Mounts(()))
    ((device, inode), now) = used.identities.popitem()
    used.identities[device + 1, inode] = now._replace(ctime_ns=now.ctime_ns + ctime_ns)
    monkeypatch.setattr(used, "at", lambda _: (str(data),))
    monkeypatch.setattr("restartmanager.adapters.scan.hidden._Look._sees_overlay", lambda *_: True)
    monkeypatch.setattr("restartmanager.adapters.scan.hidden.pids", lambda _: [child.pid])
    monkeypatch.setattr("restartmanager.adapters.scan.hidden._locks", lambda _: frozenset())
    assert bool(find_hidden(used).holders) is found


# -- what the kernel uses, by the texts it writes ----------------------------------------------


def test_a_loop_device_is_known_by_its_path_where_it_may_not_be_asked(
    data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sys/block/loop99999"
    (folder / "loop").mkdir(parents=True)
    (folder / "dev").write_bytes(b"7:99999\n")
    (folder / "loop/backing_file").write_bytes(os.fsencode(data) + b"\n")
    (tmp_path / "sys/block/loop0").mkdir()
    resources = identify([str(data), "/nowhere"], [], allow_missing=True)
    found = kernel_uses(resources.files, sys=str(tmp_path / "sys"))
    assert found == (Unexplained(str(data), "it backs the loop device /dev/loop99999"),)


def test_a_swap_file_is_known_by_what_its_path_leads_to(tmp_path: Path) -> None:
    (tmp_path / "swap file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("swap file")
    written = os.fsencode(tmp_path) + rb"/swap\040file"
    table = b"Filename\tType\tSize\n%b file\t\t1023\n/dev/sda2 partition\t9\n/gone file 1\n"
    (tmp_path / "swaps").write_bytes(table % written)
    resources = identify([str(tmp_path / "link")], [])
    found = kernel_uses(resources.files, proc=str(tmp_path))
    assert found == (Unexplained(str(tmp_path / "link"), "it is an active swap file"),)
    assert parse_swaps(b"") == parse_swaps(b"Filename Type\nnonsense\n\xff") == ()


def test_no_kernel_use_is_made_up_where_nothing_can_be_read(data: Path) -> None:
    resources = identify([str(data)], [])
    assert kernel_uses(resources.files, proc="/nowhere", sys="/nowhere") == ()


def test_the_files_of_a_ring_are_read_from_their_section_only() -> None:
    text = (
        b"pos:\t0\nUserFiles:\t4\n    0: /data/a\\040b\\134\n    1: basename-only\n   12: /c\n"
        b"UserBufs:\t1\n    0: /no/file\n"
    )
    assert parse_registered(text) == ("/data/a b\\", "/c")
    assert parse_registered(b"") == parse_registered(b"UserFiles:\t0\n") == ()


def test_waiting_descriptors_are_counted() -> None:
    assert parse_waiting(b"pos:\t0\nino:\t7\nscm_fds: 3\n") == 3
    assert parse_waiting(b"pos:\t0\nscm_fds: \n") == parse_waiting(b"") == 0


def test_record_locks_name_their_process_and_no_other_kind_does() -> None:
    text = (
        b"1: POSIX  ADVISORY  WRITE 17547 fe:00:2148461 0 EOF\n"
        b"1: -> POSIX  ADVISORY  WRITE 17548 fe:00:2148461 0 10\n"
        b"2: FLOCK  ADVISORY  WRITE 3 fe:00:7 0 EOF\n3: OFDLCK ADVISORY  READ -1 fe:00:8 0 EOF\n"
        b"4: LEASE  ACTIVE    READ 9 fe:00:9 0 EOF\n5: POSIX  ADVISORY  READ -1 fe:00:5 0 EOF\n"
        b"6: nonsense\n"
    )
    key = os.makedev(0xFE, 0), 2148461
    assert parse_locks(text) == {(17547, key), (17548, key)}
