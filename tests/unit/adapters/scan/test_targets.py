"""The tables, the parsers below them, and whole looks at machines that we made up."""

from __future__ import annotations

import os
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restartmanager.adapters.proc.files import identify
from restartmanager.adapters.proc.maps import parse_mapping
from restartmanager.adapters.proc.mounts import Mounts, parse_mountinfo
from restartmanager.adapters.proc.roots import stat_inside
from restartmanager.adapters.scan.descriptors import parse_inode
from restartmanager.adapters.scan.proc_scan import ProcScanner
from restartmanager.adapters.scan.sockets import parse_unix
from restartmanager.adapters.scan.targets import Target, Targets
from restartmanager.model import FileIdentity, FileResource, How, Resources
from support.fakeproc import FakeProc

if TYPE_CHECKING:
    from pathlib import Path

OLD = FileIdentity(1, 10, 5_000_000_000, 7, 1)
NEW = FileIdentity(1, 11, 9_000_000_000, 7, 2)
WRITTEN = FileIdentity(1, 10, 9_000_000_000, 8, 2)


# -- staleness ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "key", "content", "started_at", "stale"),
    [
        (OLD, (1, 10), True, 1.0, False),
        (NEW, (1, 10), False, 1.0, True),
        (NEW, (1, 11), True, 1.0, False),
        (None, (1, 10), False, 1.0, True),
        (WRITTEN, (1, 10), True, 8.9, True),
        (WRITTEN, (1, 10), True, 8.995, False),  # within a tick: not proved
        (WRITTEN, (1, 10), True, 9.1, False),
        (WRITTEN, (1, 10), False, 1.0, False),
    ],
)
def test_stale_is_who_uses_what_is_no_longer_there(
    now: FileIdentity | None, key: tuple[int, int], content: bool, started_at: float, stale: bool
) -> None:
    target = Target("/x", OLD, now)
    assert target.is_stale(key, content=content, started_at=started_at) is stale


# -- parsers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("addresses", "cut"),
    [
        ("00400000-00452000", 26),
        ("f7c00000-f7e00000", 26),
        ("7f1234560000-7f1234580000", 26),
        ("7f123456780000-7f123456790000", 26),
        ("ff1234567800000-ff1234567900000", 26),
    ],
)
@pytest.mark.parametrize("offset", ["00000000", "123456789ab"])
def test_addresses_of_every_length_leave_the_file(addresses: str, cut: int, offset: str) -> None:
    line = f"{addresses} r-xp {offset} fe:1f 131 ".ljust(73).encode() + b"/a b\\012c (deleted)"
    mapping = parse_mapping(line[cut:])
    assert mapping is not None
    assert (mapping.device, mapping.inode) == (os.makedev(0xFE, 0x1F), 131)
    assert mapping.path == "/a b\nc (deleted)"
    assert mapping.private


@pytest.mark.parametrize("path", ["/x 00:1 5 y", "/x fe:00 99 /registered", " fe:00 99"])
def test_a_path_cannot_pretend_to_be_a_line(path: str) -> None:
    mapping = parse_mapping(f"r--s 00000000 fe:00 131                  {path}".encode())
    assert mapping is not None
    assert (mapping.inode, mapping.private) == (131, False)


def test_mounts_and_what_lies_below_them() -> None:
    text = (
        b"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        b"2 1 0:40 / /net\\040work rw,relatime shared:1 - nfs4 server:/x rw\n"
        b"3 1 0:41 / /run/user/1/doc rw - fuse.portal portal rw\n"
        b"4 1 0:42 / /data rw - btrfs /dev/sdb rw\nnonsense\n1 2 3:x / / - \n"
    )
    mounts = Mounts(parse_mountinfo(text))
    assert mounts.any_remote
    assert mounts.may_hang("/net work/a/b", ())
    assert not mounts.may_hang("/net work/a/b", {os.makedev(0, 40)})
    assert not mounts.may_hang("/net workers", ())
    assert mounts.plain_inodes(os.makedev(8, 1), "/")
    assert not mounts.plain_inodes(os.makedev(0, 40), "/net work/x")
    assert mounts.plain_inodes(os.makedev(0, 77), "/data/x")
    assert not mounts.plain_devices(os.makedev(0, 77), "/data/x")
    assert mounts.plain_devices(os.makedev(8, 1), "/")
    found = mounts.of("/net work/x/y")
    assert found is not None
    assert found.type == "nfs4"


def test_a_line_feed_in_a_socket_name_forges_nothing() -> None:
    head = b"0000000000000000: 00000002 00000000 00010000 0001 01 "
    text = b"Num  RefCount Protocol Flags Type St Inode Path\n"
    text += head + b"10 /run/a b\n" + head + b"11\n" + head + b"12 @abstract\n"
    assert parse_unix(text) == {10: "/run/a b"}
    forged = head + b"13 x\n" + head + b"11 /run/a b\n"
    assert parse_unix(text + forged) == {10: "/run/a b", 13: "x"}
    assert parse_unix(forged + text) == {10: "/run/a b", 13: "x"}


def test_the_inode_of_a_descriptor() -> None:
    assert parse_inode(b"pos:\t0\nflags:\t0100000\nmnt_id:\t24\nino:\t3\n") == 3
    assert parse_inode(b"pos:\t0\nflags:\t0100000\nmnt_id:\t24\n") is None


@given(st.binary())
def test_parsers_take_anything(text: bytes) -> None:
    for parse in (parse_mapping, parse_mountinfo, parse_unix, parse_inode):
        parse(text)
    parse_mapping(b"r-xp 00000000 fe:00 131 " + text)
    parse_mountinfo(b"1 0 8:1 / /" + text + b" - ext4 x\n" + b"1 0 " + text + b" / / - x")


# -- tables ------------------------------------------------------------------------------------


def test_a_file_is_found_by_its_old_and_its_new_identity(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    facts = path.stat()
    targets = Targets.look_up(Resources(files=(FileResource(str(path), OLD),)), Mounts(()))
    for key in ((OLD.device, OLD.inode), (facts.st_dev, facts.st_ino)):
        assert [target.path for target in targets.at(key)] == [str(path)]
    assert targets.at((OLD.device, facts.st_ino)) == ()
    assert not targets.paths.any_folder


# -- whole looks -------------------------------------------------------------------------------


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path)


def look(proc: FakeProc, resources: Resources) -> list[tuple[int, str, tuple[How, ...], bool]]:
    seen = ProcScanner(str(proc)).find_holders(resources)
    return [
        (item.pid, item.path, item.how, item.stale)
        for holder in seen.holders
        for item in holder.evidence
    ]


def on_made_up_numbers(path: Path, mode: str) -> tuple[Resources, str]:
    """The file as it would be registered on btrfs, and its line in maps, with other numbers."""
    inode = path.stat().st_ino if mode == "exists" else 4711
    identity = FileIdentity(os.makedev(0, 99), inode, 1, 1, 1)
    line = f"7f1234560000-7f1234580000 r-xp 00000000 00:2b {inode} ".ljust(73)
    return Resources(files=(FileResource(str(path), identity),)), line


def test_another_device_number_is_settled_by_the_mapped_file(
    proc: FakeProc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both links lead to a file whose device stat calls by the registered number."""
    path, other = tmp_path / "file", tmp_path / "other"
    shutil.copy("/bin/true", path)
    shutil.copy("/bin/true", other)
    real_stat = os.stat

    def anonymous(name: str, **options: Any) -> object:
        facts = real_stat(name, **options)
        if str(tmp_path) not in str(name):
            return facts
        names = [entry for entry in dir(facts) if entry.startswith("st_")]
        changed = {entry: getattr(facts, entry) for entry in names}
        return SimpleNamespace(**changed | {"st_dev": os.makedev(0, 99)})

    resources, line = on_made_up_numbers(path, "exists")
    monkeypatch.setattr(os, "stat", anonymous)
    proc.process(9)
    proc.file("9/maps", f"{line}{path}\n")
    proc.link("9/map_files/7f1234560000-7f1234580000", str(path))
    assert [item[:3] for item in look(proc, resources)] == [(9, str(path), (How.MAPPED,))]
    proc.link("9/map_files/7f1234560000-7f1234580000", str(other))
    assert look(proc, resources) == []


def test_without_the_mapped_file_the_removed_path_has_to_do(proc: FakeProc, tmp_path: Path) -> None:
    path = tmp_path / "file"
    resources, line = on_made_up_numbers(path, "removed")
    proc.process(9)
    proc.file("9/maps", f"{line}{path} (deleted)\n")
    assert look(proc, resources) == [(9, str(path), (How.MAPPED,), True)]
    proc.file("9/maps", f"{line}{path}.other (deleted)\n")
    assert look(proc, resources) == []
    proc.file("9/maps", f"{line}{path} (deleted)\n")
    proc.link("9/ns/mnt", "mnt:[1]")
    assert look(proc, resources) == []


def test_on_disks_the_device_always_counts(proc: FakeProc, tmp_path: Path) -> None:
    path = tmp_path / "file"
    identity = FileIdentity(os.makedev(8, 1), 4711, 1, 1, 1)
    resources = Resources(files=(FileResource(str(path), identity),))
    proc.process(9)
    line = "7f1234560000-7f1234580000 r-xp 00000000 {} 4711 ".ljust(73)
    proc.file("9/maps", f"{line.format('08:02')}{path} (deleted)\n")
    assert look(proc, resources) == []
    proc.file("9/maps", f"{line.format('08:01')}/any/name\n")
    assert look(proc, resources) == [(9, str(path), (How.MAPPED,), True)]


@pytest.mark.parametrize("remote", [False, True])
def test_descriptors_are_found_with_and_without_remote_mounts(
    proc: FakeProc, tmp_path: Path, remote: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    inode = path.stat().st_ino
    if remote:
        proc.file("self/mountinfo", "2 1 0:40 / /net rw - nfs4 server:/x rw\n")
    proc.process(9)
    proc.link("9/fd/3", "socket:[5]")
    proc.link("9/fd/4", str(path))
    proc.file("9/fdinfo/4", f"pos:\t0\nflags:\t0\nmnt_id:\t24\nino:\t{inode}\n")
    proc.link("9/fd/5", "/etc/passwd")
    proc.file("9/fdinfo/5", "pos:\t0\nflags:\t0\nmnt_id:\t24\nino:\t1\n")
    resources = identify([str(path)], [])
    asked: list[str] = []
    real_stat = os.stat

    def noted(name: Any, **options: Any) -> os.stat_result:
        asked.append(str(name))
        return real_stat(name, **options)

    monkeypatch.setattr(os, "stat", noted)
    assert look(proc, resources) == [(9, str(path), (How.OPEN,), False)]
    assert (f"{proc}/9/fd/5" in asked) is not remote  # it could lie on the server that hangs


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("/a/file", "a/file"),
        ("/absolute/file", "a/file"),
        ("/out/file", None),
        ("/a/../../../a/./file", "a/file"),
        ("file", "a/file"),
        ("back/file", "a/file"),
        ("../a/file", None),
        ("/loop", None),
        ("/", ""),
        ("/a/..", ""),
    ],
)
def test_no_path_leads_out_of_the_root_of_another_process(
    proc: FakeProc, tmp_path: Path, path: str, inside: str | None
) -> None:
    root = tmp_path / "other"
    (root / "a").mkdir(parents=True)
    for folder in (root / "a", tmp_path):
        (folder / "file").write_bytes(b"x")
    for name, target in (("absolute", "/a"), ("out", str(tmp_path)), ("loop", "loop")):
        (root / name).symlink_to(target)
    (root / "a/back").symlink_to("/absolute")
    proc.process(9)
    proc.link("9/root", str(root))
    proc.link("9/cwd", str(root / "a"))
    found = stat_inside(f"{proc}/9/", path)
    expected = None if inside is None else (root / inside).stat().st_ino
    assert (None if found is None else found.st_ino) == expected


def test_kernel_threads_and_zombies_are_neither_inspected_nor_counted(proc: FakeProc) -> None:
    proc.process(9, flags=0x00200040)
    proc.process(10, state="Z")
    proc.process(11)
    for pid in (9, 10):
        os.unlink(f"{proc}/{pid}/exe")
    seen = ProcScanner(str(proc)).find_holders(Resources(files=(FileResource("/x", None),)))
    assert (seen.inspected, seen.not_inspectable, seen.holders) == (1, 0, ())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(), st.sampled_from(["maps", "cmdline", "stat", "status", "cgroup", "net/unix"]))
def test_whatever_stands_there_is_no_crash(proc: FakeProc, text: bytes, name: str) -> None:
    proc.process(9)
    proc.file(f"9/{name}", text)
    resources = Resources(files=(FileResource("/x", OLD), FileResource("/bin/sleep", OLD)))
    ProcScanner(str(proc)).find_holders(resources)
