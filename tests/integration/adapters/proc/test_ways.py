"""Ways through real folders: whoever could exchange what is at their end is named.

Users are real to the kernel by their numbers; most need no name.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restartmanager.adapters.proc import mounts, ways, writers
from restartmanager.adapters.proc.ways import Ways
from restartmanager.rules.trust import UNKNOWN_USER, Grant
from support.laboratory import IN_NAMESPACES
from support.paths import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ME, STRANGER, GROUP = 65002, 65003, 65050
SETFACL = shutil.which("setfacl")
ACL = "system.posix_acl_access"


def risk(path: Path | str, uid: int = 0) -> str:
    return Ways(uid).to_file(str(path)).risk


def make(path: Path, mode: int, uid: int = 0, gid: int = 0) -> Path:
    """A folder, or a file where the name has a dot."""
    if path.suffix:
        path.write_bytes(b"#!/bin/sh\n")
    else:
        path.mkdir()
    os.chown(path, uid, gid)
    os.chmod(path, mode)
    return path


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of root's that everybody can reach."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - others must get there
        yield Path(folder)


# -- by the kernel's own word --------------------------------------------------------------------


class Scene(NamedTuple):
    """A folder, an entry of it, and a stranger who is in a group."""

    folder: tuple[int, int, int]
    entry: tuple[int, int, int]
    kind: str
    grants: tuple[tuple[int, int, int], ...]


def owned(modes: list[int]) -> st.SearchStrategy[tuple[int, int, int]]:
    users = st.sampled_from([0, ME, STRANGER])
    return st.tuples(st.sampled_from(modes), users, st.sampled_from([0, GROUP]))


SCENES = st.builds(
    Scene,
    owned([0o755, 0o775, 0o757, 0o700, 0o1777, 0o1775, 0o711]),
    owned([0o755, 0o775, 0o757, 0o700]),
    st.sampled_from(["file", "folder", "link", "missing"]),
    st.lists(
        st.tuples(
            st.sampled_from([0x02, 0x08]),
            st.sampled_from([0o5, 0o7]),
            st.sampled_from([ME, STRANGER, GROUP]),
        ),
        max_size=2,
        unique_by=lambda entry: (entry[0], entry[2]),
    ).map(lambda entries: tuple(sorted((t, i, p) for t, p, i in entries))),
)


def build(scene: Scene, above: Path) -> Path:
    folder, entry = above / "folder", above / "folder" / "entry"
    mode, uid, gid = scene.folder
    folder.mkdir()
    match scene.kind:
        case "file":
            entry.write_bytes(b"old")
        case "folder":
            entry.mkdir()
        case "link":
            entry.symlink_to("/usr/bin/true")
    if scene.kind != "missing":
        os.chown(entry, *scene.entry[1:], follow_symlinks=False)
    if scene.kind in {"file", "folder"}:
        os.chmod(entry, scene.entry[0])
    os.chown(folder, uid, gid)
    os.chmod(folder, mode)
    if scene.grants:
        set_acl(folder, mode, *scene.grants)
    return entry


def set_acl(path: Path, mode: int, *named: tuple[int, int, int]) -> None:
    """An access control list that names these users (0x02) and groups (0x08), each with its number
    and permissions; the mask is what the mode has for the group."""
    nobody = 0xFFFFFFFF
    owner, group, other = (mode >> 6) & 7, (mode >> 3) & 7, mode & 7
    users = [(0x02, permissions, number) for tag, number, permissions in named if tag == 0x02]
    groups = [(0x08, permissions, number) for tag, number, permissions in named if tag == 0x08]
    entries = [(0x01, owner, nobody), *users, (0x04, group & 5, nobody), *groups]
    entries += [(0x10, group, nobody), (0x20, other, nobody)]
    text = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(path, ACL, text)


def exchange(entry: Path) -> None:
    """All that a stranger can try."""
    folder = entry.parent
    with contextlib.suppress(OSError):
        os.chmod(folder, 0o777)  # noqa: S103 - this is the attack
    with contextlib.suppress(OSError):
        os.rename(entry, folder / "away")
    with contextlib.suppress(OSError), open(entry, "xb") as file:
        file.write(b"evil")
    with contextlib.suppress(OSError):
        if not entry.is_symlink():
            os.chmod(entry, 0o777)  # noqa: S103 - likewise
    with contextlib.suppress(OSError), open(entry, "r+b") as file:
        if os.path.samestat(os.fstat(file.fileno()), os.lstat(entry)):
            file.write(b"evil")
    with contextlib.suppress(OSError), open(entry / "more", "xb") as file:
        file.write(b"evil")


def as_stranger(work: Callable[[], None]) -> None:
    child = os.fork()
    if not child:
        try:
            os.setgroups([GROUP])
            os.setresgid(STRANGER, STRANGER, STRANGER)
            os.setresuid(STRANGER, STRANGER, STRANGER)
            work()
        except BaseException:  # noqa: BLE001 - no test goes on in the child
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0


def looks(entry: Path) -> object:
    """What somebody would notice of an exchange."""
    try:
        facts = os.lstat(entry)
        inside = sorted(os.listdir(entry)) if entry.is_dir() and not entry.is_symlink() else []
        text = entry.read_bytes() if entry.is_file() and not entry.is_symlink() else b""
    except FileNotFoundError:
        return None
    return facts.st_ino, facts.st_uid, text, inside


@pytest.mark.root
@settings(max_examples=150, deadline=None)
@given(SCENES)
def test_whoever_can_exchange_it_is_a_risk(scene: Scene) -> None:
    with tempfile.TemporaryDirectory() as above:
        os.chmod(above, 0o755)  # noqa: S103 - they must get there
        entry = build(scene, Path(above))
        judged = risk(entry, ME)
        before = looks(entry)
        as_stranger(partial(exchange, entry))
        exchanged = looks(entry) != before
    assert judged or not exchanged, scene


# -- step by step --------------------------------------------------------------------------------


@pytest.mark.root
def test_every_folder_on_the_way_counts(place: Path) -> None:
    for depth in range(4):
        folder = make(place / f"tree{depth}", 0o755)
        for step in range(4):
            folder = make(folder / f"f{step}", 0o755, ME if step == depth else 0)
        program = make(folder / "prog.sh", 0o755)
        guilty = program.parents[3 - depth]
        assert risk(program) == f"user {ME} can change '{guilty}'"
        assert risk(program, ME) == ""
        assert risk(program, STRANGER) == f"user {ME} can change '{guilty}'"


@pytest.mark.root
def test_the_file_itself(place: Path) -> None:
    assert risk(make(place / "a.sh", 0o755)) == ""
    assert risk(make(place / "b.sh", 0o755, ME)) == f"user {ME} can change '{place}/b.sh'"
    assert risk(place / "b.sh", ME) == ""
    assert risk(make(place / "c.sh", 0o757)) == f"everybody can change '{place}/c.sh'"
    group = risk(make(place / "d.sh", 0o775, gid=GROUP))
    assert group == f"group {GROUP} can change '{place}/d.sh'"


@pytest.mark.root
def test_links_are_followed_and_each_folder_that_holds_one_counts(place: Path) -> None:
    good, bad = make(place / "good", 0o755), make(place / "bad", 0o755, ME)
    program = make(good / "prog.sh", 0o755)
    (place / "direct").symlink_to(program)
    (good / "relative").symlink_to("../good/./prog.sh")
    (place / "folder").symlink_to("good")
    (bad / "link").symlink_to(program)
    (place / "through").symlink_to(f"{bad}/link")
    for name in ("direct", "good/relative", "folder/prog.sh", "folder/../good/prog.sh"):
        way = Ways(0).to_file(f"{place}/{name}")
        assert way.risk == ""
        assert way.path == str(program)
        assert way.leads_to_file
    assert risk(bad / "link") == f"user {ME} can change '{bad}'"
    assert risk(place / "through") == f"user {ME} can change '{bad}'"
    # what lies behind a folder of somebody else's counts, also where the way leads out again
    assert risk(f"{bad}/../good/prog.sh") == ""


@pytest.mark.root
def test_a_link_in_a_sticky_folder_is_its_owners(place: Path) -> None:
    sticky = make(place / "sticky", 0o1777)
    for uid in (0, ME, STRANGER):
        link = sticky / f"link{uid}"
        link.symlink_to("/bin/sh")
        os.chown(link, uid, uid, follow_symlinks=False)
    assert risk(sticky / "link0") == ""
    assert risk(sticky / f"link{ME}", ME) == ""
    assert risk(sticky / f"link{ME}") == f"user {ME} can change '{sticky}/link{ME}'"
    assert risk(sticky / f"link{STRANGER}", ME).startswith(f"user {STRANGER} can change")


@pytest.mark.root
def test_what_is_missing(place: Path) -> None:
    sticky, open_ = make(place / "sticky", 0o1777), make(place / "open", 0o777)
    file = make(place / "file.sh", 0o755)
    for path in (f"{place}/nothing", f"{place}/nothing/at/all", f"{file}/at/all"):
        assert Ways(0).to_file(path) == ways.Way(missing=True)
    missing = risk(sticky / "prog")
    assert missing == f"'{sticky}/prog' is missing, and everybody can make it"
    assert risk(sticky / "tool" / "prog") == missing.replace("prog", "tool")
    assert risk(open_ / "prog") == f"everybody can change '{open_}'"


@pytest.mark.root
def test_a_working_directory_may_have_files_of_others(place: Path) -> None:
    sticky, open_ = make(place / "sticky", 0o1777), make(place / "open", 0o777)
    shared = Ways(0).to_working_directory(str(sticky))
    assert shared.risk == ""
    assert shared.facts is not None
    assert risk(sticky) == f"everybody can change '{sticky}'"
    assert Ways(0).to_working_directory(str(open_)).risk == f"everybody can change '{open_}'"
    theirs = make(sticky / "theirs", 0o755, ME)
    assert Ways(0).to_working_directory(str(theirs)).risk == f"user {ME} can change '{theirs}'"
    assert Ways(ME).to_working_directory(str(theirs)).risk == ""


@pytest.mark.root
def test_a_second_name_in_a_sticky_folder(place: Path) -> None:
    sticky, private = make(place / "sticky", 0o1777), make(place / "private", 0o755)
    program = make(private / "prog.sh", 0o755)
    os.link(program, sticky / "other.sh")
    assert "has a second name" in risk(sticky / "other.sh")
    assert risk(program) == ""


# -- groups, access control lists -----------------------------------------------------------------


@pytest.mark.root
def test_who_is_in_a_group(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """The database says it: by the list of the group, and as anybody's first one."""
    import grp
    import pwd

    def group_entry(gid: int) -> grp.struct_group:
        members = {7: [], 8: ["me"], 9: ["me", "stranger"], 10: ["deleted"], 0: [], 12: []}
        return grp.struct_group((f"g{gid}", "x", gid, members[gid]))

    def user_entry(name: str) -> pwd.struct_passwd:
        uid = {"me": ME, "stranger": STRANGER}[name]
        return pwd.struct_passwd((name, "x", uid, uid, "", "/", "/bin/sh"))

    everybody = [
        pwd.struct_passwd(("root", "x", 0, 0, "", "/", "/bin/sh")),
        pwd.struct_passwd(("me", "x", ME, 11, "", "/", "/bin/sh")),
        pwd.struct_passwd(("stranger", "x", STRANGER, 12, "", "/", "/bin/sh")),
        pwd.struct_passwd(("halt", "x", 7, 0, "", "/", "/sbin/halt")),
    ]
    monkeypatch.setattr(grp, "getgrgid", group_entry)
    monkeypatch.setattr(pwd, "getpwnam", user_entry)
    monkeypatch.setattr(pwd, "getpwall", lambda: everybody)
    assert [writers.members_of(gid) for gid in (7, 8, 9, 10, 0, 12, 13)] == [
        frozenset(),
        {ME},
        {ME, STRANGER},
        {UNKNOWN_USER},
        frozenset(),
        {STRANGER},
        None,
    ]


def test_the_groups_of_this_machine() -> None:
    assert writers.members_of(GROUP) is None
    assert writers.members_of(0) is not None


@pytest.mark.root
def test_a_group_that_may_write(place: Path) -> None:
    roots, unknown = make(place / "a", 0o775), make(place / "b", 0o775, gid=GROUP)
    assert risk(make(roots / "prog.sh", 0o775)) == ""
    assert risk(make(unknown / "prog.sh", 0o755)) == f"group {GROUP} can change '{unknown}'"


@pytest.mark.root
def test_access_control_lists(place: Path) -> None:
    folder = make(place / "a", 0o755)
    program = make(folder / "prog.sh", 0o755)
    set_acl(folder, 0o775, (0x02, STRANGER, 7))
    assert risk(program) == f"user {STRANGER} can change '{folder}'"
    assert risk(program, STRANGER) == ""
    set_acl(folder, 0o755, (0x02, STRANGER, 7))
    assert risk(program) == ""
    set_acl(folder, 0o775, (0x08, GROUP, 7))
    assert risk(program) == f"group {GROUP} can change '{folder}'"
    set_acl(folder, 0o775)
    assert risk(program) == ""
    set_acl(program, 0o775, (0x02, STRANGER, 6))
    assert risk(program) == f"user {STRANGER} can change '{program}'"


@pytest.mark.root
@pytest.mark.skipif(SETFACL is None, reason="setfacl is not there: package acl")
def test_access_control_lists_as_their_own_tool_writes_them(place: Path) -> None:
    folder = make(place / "a", 0o755)
    program = make(folder / "prog.sh", 0o755)
    for entry, who in (
        (f"u:{STRANGER}:rwx", f"user {STRANGER} can change '{folder}'"),
        (f"g:{GROUP}:rwx", f"group {GROUP} can change '{folder}'"),
        (f"u:{STRANGER}:r-x", ""),
        ("u:0:rwx", ""),
    ):
        subprocess.run([SETFACL or "", "-b", "-m", entry, str(folder)], check=True)
        assert risk(program) == who


def test_bytes_that_are_no_list() -> None:
    header, entry = struct.pack("<I", 2), struct.pack("<HHI", 0x02, 7, STRANGER)
    assert writers.parse_acl(header + entry, 0) == (Grant(STRANGER, is_group=False),)
    assert writers.parse_acl(header, 0) == ()
    for text in (b"", b"\x02", header + entry[:-1], struct.pack("<I", 1) + entry):
        with pytest.raises(ValueError, match="not an access control list"):
            writers.parse_acl(text, 0)


# -- file systems of users' own -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "user"),
    [
        (b"9 1 0:44 / /m rw - fuse.sshfs me@host: rw,user_id=1000,group_id=1000", 1000),
        (b"9 1 0:44 / /m rw shared:3 - fuse x,user_id=0,y rw,user_id=65003,group_id=0", 65003),
        (b"9 1 0:44 / /m rw - fuse  rw,user_id=65003", 65003),
        (b"9 1 8:1 / /m rw - fuseblk /dev/sda1 rw,user_id=0,group_id=0,allow_other", 0),
        (b"9 1 0:44 / /m rw - fusectl fusectl rw,user_id=7", 7),
        (b"9 1 0:44 / /m rw - ext4 /dev/sda,user_id=7 rw", 0),
        (b"9 1 0:44 / /m rw - virtiofs tag rw", 0),
        (b"", 0),
    ],
)
def test_whose_a_file_system_is(line: bytes, user: int) -> None:
    assert mounts.parse_server(line) == user


@pytest.mark.root
def test_a_file_system_of_somebody_else_is_not_asked(place: Path) -> None:
    """Its process never answers: who asked it anything would wait for ever."""
    mounted = make(place / "mounted", 0o755)
    questions = [f"{ME}", f"{mounted}", f"{ME}", f"{mounted}/a/b", f"{STRANGER}", f"{mounted}/a"]
    command = [*IN_NAMESPACES, sys.executable, f"{PROGRAMS / 'hung_fuse.py'}", f"{STRANGER}"]
    done = subprocess.run(
        [*command, f"{mounted}", *questions], capture_output=True, timeout=30, check=False
    )
    if b"not possible" in done.stderr or done.stderr.startswith(b"unshare: "):
        pytest.skip(f"no file systems of users' own here: {done.stderr.decode()}")
    theirs = f"user {STRANGER} can change '{mounted}', a file system of his own"
    assert json.loads(done.stdout) == [theirs, theirs, ""]


# -- what cannot be seen --------------------------------------------------------------------------


@pytest.mark.root
def test_beyond_a_folder_that_only_its_owner_enters_nobody_else_gets(
    place: Path, as_nobody: Any
) -> None:
    """As root finds it in a home on a server that does not know root."""
    for mode, expected in ((0o700, ""), (0o710, "Permission denied")):
        home = make(place / f"home{mode}", mode, ME)
        program = make(home / "prog.sh", 0o755, ME)
        with as_nobody():
            assert expected in risk(program, ME)
            assert risk(program, STRANGER) == f"user {ME} can change '{home}'"


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    assert "cannot be looked at" in risk(f"{tmp_path}/a\0b", os.geteuid())
    assert risk(f"{tmp_path}/{'x' * 300}", os.geteuid()) == ""


def test_what_means_something_else_to_each_process() -> None:
    """A descriptor of ours would be taken for one of the new process."""
    for path in ("/dev/fd/0", "/dev/stdin", "/proc/self/cwd/x", f"/proc/{os.getpid()}/root/bin/sh"):
        assert "which means something else to each process" in risk(path)


def test_links_in_a_circle_and_ways_without_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert "one link too many" in risk(tmp_path / "a", os.geteuid())
    deep = ways.Ways(os.geteuid())
    deep.looks_left = 3
    assert "too many files" in deep.to_file(str(tmp_path / "a" / "b")).risk


def test_nothing_stays_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for path in ("/bin/sh", "/", "/nothing", f"{tmp_path}/x", "/dev/fd/0", "/etc/passwd/x"):
        Ways(0).to_file(path)
        Ways(4711).to_working_directory(path)
    assert len(os.listdir("/proc/self/fd")) == len(before)
