"""The scanner on real processes: every way to use a file, and every way to hide that one does."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.proc.files import identify
from restartmanager.adapters.scan.proc_scan import ProcScanner
from restartmanager.model import How, Resources
from support.paths import PROGRAMS
from support.spawning import PYTHON, coming_and_going

if TYPE_CHECKING:
    from pathlib import Path

    from support.spawning import Spawn

SCANNER = ProcScanner()
IN_NEW_MOUNTS = ("unshare", "--mount", "--propagation", "private", "sh", "-ec")

Found = list[tuple[int, str, tuple[How, ...], bool]]


def registered(*files: Path | str) -> Resources:
    return identify([str(path) for path in files], [])


def found(resources: Resources, **options: Any) -> Found:
    seen = SCANNER.find_holders(resources, **options)
    return [
        (item.pid, item.path, item.how, item.stale)
        for holder in seen.holders
        for item in holder.evidence
    ]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.write_bytes(b"x" * 5000)
    return path


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    shutil.copy("/bin/sleep", path)
    return path


def replaced(path: Path, content: bytes = b"y" * 6000) -> None:
    new = path.with_name("new")
    new.write_bytes(content)
    new.rename(path)


# -- plain uses --------------------------------------------------------------------------------


def test_a_program_is_executed_and_mapped(spawn: Spawn, program: Path) -> None:
    child = spawn.running(str(program), "600")
    expected = (child.pid, str(program), (How.EXECUTABLE, How.MAPPED), False)
    assert found(registered(program)) == [expected]


@pytest.mark.parametrize(("action", "how"), [("open", How.OPEN), ("map", How.MAPPED)])
def test_a_file_is_open_or_mapped(spawn: Spawn, data: Path, action: str, how: How) -> None:
    child = spawn.holding(action, str(data))
    assert found(registered(data)) == [(child.pid, str(data), (how,), False)]


def test_open_and_mapped_at_once_come_in_order(spawn: Spawn, data: Path) -> None:
    child = spawn.holding("map", str(data), "open", str(data))
    assert found(registered(data)) == [(child.pid, str(data), (How.MAPPED, How.OPEN), False)]


def test_a_tree_is_used_by_its_directories_as_well(spawn: Spawn, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    resources = identify([], [str(tmp_path)])
    child = spawn.holding("chdir", str(tmp_path / "sub"), "open", str(tmp_path))
    assert found(resources) == [
        (child.pid, str(tmp_path), (How.OPEN,), False),
        (child.pid, str(tmp_path / "sub"), (How.CWD,), False),
    ]


@pytest.mark.parametrize("action", ["open", "map", "chdir"])
def test_what_came_to_a_tree_and_was_removed_again_is_found(
    spawn: Spawn, tmp_path: Path, action: str
) -> None:
    resources = identify([], [str(tmp_path)])
    late = tmp_path / "late"
    if action == "chdir":
        late.mkdir()
    else:
        late.write_bytes(b"x")
    child = spawn.holding(action, str(late))
    if action == "chdir":
        late.rmdir()
    else:
        late.unlink()
    ((pid, path, _, stale),) = found(resources)
    assert (pid, path, stale) == (child.pid, str(late), True)


def test_a_bound_socket_is_a_use_of_its_path(spawn: Spawn, tmp_path: Path) -> None:
    path = tmp_path / "the socket"
    child = spawn.holding("bind", str(path))
    assert found(registered(path)) == [(child.pid, str(path), (How.SOCKET,), False)]


def test_a_socket_bound_by_a_relative_path_is_found(spawn: Spawn, tmp_path: Path) -> None:
    child = spawn.holding("chdir", str(tmp_path), "bind", "socket")
    path = str(tmp_path / "socket")
    assert found(registered(path)) == [(child.pid, path, (How.SOCKET,), False)]
    resources = registered(path)
    os.unlink(path)
    assert found(resources) == [(child.pid, path, (How.SOCKET,), True)]


def test_a_script_is_used_though_nothing_is_held(spawn: Spawn, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    shutil.copy(PROGRAMS / "holds.py", script)
    child = spawn.ready(PYTHON, "-S", "-I", "script.py", cwd=tmp_path)
    resources = registered(script)
    assert found(resources) == [(child.pid, str(script), (How.SCRIPT,), False)]
    replaced(script)
    assert found(resources) == [(child.pid, str(script), (How.SCRIPT,), True)]
    script.unlink()
    assert found(resources) == [(child.pid, str(script), (How.SCRIPT,), True)]


def test_the_argument_of_a_program_is_no_use(spawn: Spawn, data: Path) -> None:
    spawn.ready(PYTHON, "-S", "-I", str(PROGRAMS / "holds.py"), "name", str(data))
    assert found(registered(data)) == []


# -- the file is no longer at its path ---------------------------------------------------------


def test_replaced_by_renaming(spawn: Spawn, data: Path) -> None:
    resources = registered(data)
    child = spawn.holding("map", str(data), "open", str(data))
    replaced(data)
    assert found(resources) == [(child.pid, str(data), (How.MAPPED, How.OPEN), True)]


def test_moved_aside_with_another_in_its_place(spawn: Spawn, program: Path) -> None:
    resources = registered(program)
    child = spawn.running(str(program), "600")
    program.rename(program.with_name("program.old"))
    shutil.copy("/bin/sleep", program)
    expected = (child.pid, str(program), (How.EXECUTABLE, How.MAPPED), True)
    assert found(resources) == [expected]


def test_a_removed_program_is_still_called_by_its_path(spawn: Spawn, program: Path) -> None:
    resources = registered(program)
    spawn.running(str(program), "600")
    program.unlink()
    (holder,) = SCANNER.find_holders(resources).holders
    assert holder.process.executable == str(program)


def test_deleted_and_made_again(spawn: Spawn, data: Path) -> None:
    resources = registered(data)
    old = spawn.holding("map", str(data))
    data.unlink()
    assert found(resources) == [(old.pid, str(data), (How.MAPPED,), True)]
    data.write_bytes(b"again")
    new = spawn.holding("map", str(data))
    assert found(resources) == [
        (old.pid, str(data), (How.MAPPED,), True),
        (new.pid, str(data), (How.MAPPED,), False),
    ]


def test_overwritten_in_place_is_stale_for_who_mapped_it_before(spawn: Spawn, data: Path) -> None:
    resources = registered(data)
    old = spawn.holding("map", str(data), "open", str(data))
    passed = time.monotonic() + 0.03  # three ticks: start times are no more exact than that
    while time.monotonic() < passed:
        data.write_bytes(b"z" * 5000)
    while time.monotonic() < passed + 0.03:
        pass
    new = spawn.holding("map", str(data))
    assert found(resources) == [
        (old.pid, str(data), (How.OPEN,), False),
        (old.pid, str(data), (How.MAPPED,), True),
        (new.pid, str(data), (How.MAPPED,), False),
    ]


def test_a_file_that_is_shared_or_only_open_is_read_anew(spawn: Spawn, data: Path) -> None:
    resources = registered(data)
    child = spawn.holding("map-shared", str(data), "open", str(data))
    passed = time.monotonic() + 0.03
    while time.monotonic() < passed:
        data.write_bytes(b"z" * 5000)
    assert found(resources) == [(child.pid, str(data), (How.MAPPED, How.OPEN), False)]


# -- other names -------------------------------------------------------------------------------


def test_other_names_of_the_same_file(spawn: Spawn, data: Path, tmp_path: Path) -> None:
    hard, soft = tmp_path / "hard", tmp_path / "soft"
    hard.hardlink_to(data)
    soft.symlink_to("data")
    child = spawn.holding("map", str(hard))
    for name in (data, hard, soft):
        assert found(registered(name)) == [(child.pid, str(name), (How.MAPPED,), False)]


@pytest.mark.parametrize(
    "name",
    [
        b"with space",
        b"line\nfeed",
        b"back\\slash",
        b"\\012 written out",
        b"x (deleted)",
        b"\xff\xfe not text",
        b"\x1b[31mred",
        b"\xe2\x80\xae turned",
    ],
)
@pytest.mark.parametrize("action", ["map", "open"])
def test_hostile_names(spawn: Spawn, tmp_path: Path, name: bytes, action: str) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    with open(path, "wb") as file:
        file.write(b"x")
    text = os.fsdecode(path)
    child = spawn.holding(action, text)
    ((pid, path_found, _, stale),) = found(registered(text))
    assert (pid, path_found, stale) == (child.pid, text, False)


def test_a_process_can_be_called_anything(spawn: Spawn, data: Path) -> None:
    child = spawn.holding("name", ") R 1 (x\n)", "open", str(data))
    (holder,) = SCANNER.find_holders(registered(data)).holders
    assert (holder.process.pid, holder.process.name) == (child.pid, ") R 1 (x\n)")
    assert holder.process.parent_pid == os.getpid()


def test_the_same_name_elsewhere_is_another_file(spawn: Spawn, data: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    other = tmp_path / "sub" / "data"
    other.write_bytes(b"x")
    spawn.holding("map", str(other), "open", str(other))
    assert found(registered(data)) == []


# -- other roots and mounts --------------------------------------------------------------------


@pytest.mark.root
def test_inside_another_root_directory(spawn: Spawn, data: Path, tmp_path: Path) -> None:
    child = spawn.holding("chroot", str(tmp_path), "open", "/data")
    assert found(registered(data)) == [(child.pid, str(data), (How.OPEN,), False)]
    expected = (child.pid, str(tmp_path), (How.ROOT,), False)
    assert expected in found(identify([], [str(tmp_path)]))


@pytest.mark.root
def test_another_file_under_the_same_path_is_no_use(spawn: Spawn, tmp_path: Path) -> None:
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "data").write_bytes(b"x")
    ours, theirs = str(tmp_path / "ours"), str(tmp_path / "theirs")
    script = f'mount --bind "{theirs}" "{ours}"; exec "$@"'
    child = spawn.holding("map", f"{ours}/data", before=(*IN_NEW_MOUNTS, script, "sh"))
    assert found(registered(f"{ours}/data")) == []
    assert found(registered(f"{theirs}/data")) == [
        (child.pid, f"{theirs}/data", (How.MAPPED,), False)
    ]


@pytest.mark.root
def test_a_file_of_private_mounts_is_not_ours(spawn: Spawn, data: Path, tmp_path: Path) -> None:
    script = f'mount -t tmpfs none "{tmp_path}"; echo x > "{data}"; exec "$@"'
    actions = ("map", str(data), "open", str(data), "chdir", str(tmp_path))
    spawn.holding(*actions, before=(*IN_NEW_MOUNTS, script, "sh"))
    assert found(registered(data)) == []


OVERLAYS = {
    "one file system": "",
    "several file systems": 'mount -t tmpfs none "$0/lower"; cp /bin/sleep "$0/lower/data"; ',
}


@pytest.mark.root
@pytest.mark.parametrize("layers", OVERLAYS)
@pytest.mark.parametrize("change", ["nothing", "replace", "remove"])
def test_merged_paths_of_an_overlay(tmp_path: Path, layers: str, change: str) -> None:
    """The scan runs inside the mount namespace, where the merged path exists."""
    for folder in ("lower", "upper", "work", "merged"):
        (tmp_path / folder).mkdir()
    shutil.copy("/bin/sleep", tmp_path / "lower" / "data")
    options = "lowerdir=$0/lower,upperdir=$0/upper,workdir=$0/work"
    script = OVERLAYS[layers] + f'mount -t overlay overlay -o "{options}" "$0/merged"; exec "$@"'
    code = textwrap.dedent("""
        import os, shutil, subprocess, sys
        from restartmanager.adapters.proc.files import identify
        from restartmanager.adapters.scan.proc_scan import ProcScanner
        from support.spawning import await_program
        path, change, holds = sys.argv[1:]
        scanner = ProcScanner()
        resources = identify([path], [])
        pipe = subprocess.PIPE
        command = [sys.executable, "-S", "-I", holds, "map", path, "open", path]
        holder = subprocess.Popen(command, stdin=pipe, stdout=pipe)
        holder.stdout.read(1)
        runner = subprocess.Popen([path, "600"])
        await_program(runner)
        if change == "replace":
            shutil.copy("/bin/true", path + ".new")
            os.rename(path + ".new", path)
        if change == "remove":
            os.unlink(path)
        try:
            seen = scanner.find_holders(resources)
            names = {holder.pid: "holder", runner.pid: "runner"}
            for found in seen.holders:
                for item in found.evidence:
                    print(names[item.pid], *item.how, item.stale)
        finally:
            for child in (holder, runner):
                child.kill()
                child.wait()
    """)
    command = (*IN_NEW_MOUNTS, script, str(tmp_path), PYTHON, "-c", code)
    arguments = (str(tmp_path / "merged" / "data"), change, str(PROGRAMS / "holds.py"))
    done = subprocess.run(
        (*command, *arguments),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if "unknown filesystem type" in done.stderr:
        pytest.skip("no overlayfs here")
    stale = change != "nothing"
    expected = {f"holder mapped open {stale}", f"runner executable mapped {stale}"}
    assert (set(done.stdout.splitlines()), done.stderr) == (expected, "")


# -- threads, rights, coming and going ---------------------------------------------------------


@pytest.mark.root
def test_a_thread_with_its_own_descriptors_is_found_by_looking_deep(
    spawn: Spawn, data: Path
) -> None:
    child = spawn.holding("thread-open", str(data))
    resources = registered(data)
    assert found(resources) == []
    assert found(resources, deep=True) == [(child.pid, str(data), (How.OPEN,), False)]


def test_a_process_lives_on_without_its_first_thread(spawn: Spawn, data: Path) -> None:
    code = textwrap.dedent("""
        import ctypes, os, sys, threading, time
        held = open(sys.argv[1])
        def run():
            while " Z " not in open(f"/proc/self/task/{os.getpid()}/stat").read():
                time.sleep(0.001)
            os.write(1, b".")
            os.read(0, 1)
        threading.Thread(target=run).start()
        ctypes.CDLL(None).pthread_exit(None)
    """)
    child = spawn.ready(PYTHON, "-I", "-c", code, str(data))
    assert found(registered(data)) == [(child.pid, str(data), (How.OPEN,), False)]


@pytest.mark.root
def test_an_ordinary_user_sees_his_own_and_counts_the_others(
    spawn: Spawn, data: Path, program: Path
) -> None:
    for folder in (data.parent, *data.parent.parents[:3]):
        if folder.name:
            folder.chmod(folder.stat().st_mode | 0o055)
    spawn.holding("open", str(data))
    mine = spawn.running(str(program), "600", user=65534, group=65534, extra_groups=[])
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            seen = SCANNER.find_holders(registered(data, program))
            pids = [holder.process.pid for holder in seen.holders]
            os.write(write, repr((pids, seen.not_inspectable > 1, seen.inspected)).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with open(read) as file:
        assert eval(file.read())[:2] == ([mine.pid], True)  # noqa: S307 - our own child's words


def test_coming_and_going_is_no_error(spawn: Spawn, data: Path) -> None:
    kept = spawn.holding("open", str(data))
    resources = registered(data)
    with coming_and_going():
        for _ in range(30):
            assert (kept.pid, str(data), (How.OPEN,), False) in found(resources, deep=True)


def test_the_caller_is_a_holder_like_any_other(data: Path) -> None:
    with open(data):
        assert found(registered(data)) == [(os.getpid(), str(data), (How.OPEN,), False)]


# -- a script that is named through its own descriptors ----------------------------------------


@pytest.mark.parametrize("form", ["/dev/fd/{}", "/proc/self/fd/{}", "/proc/thread-self/fd/{}"])
def test_a_descriptors_number_means_the_one_of_that_process(
    spawn: Spawn, data: Path, form: str
) -> None:
    """``bash /dev/fd/N`` reads its own descriptor, not the file that we have open as number N."""
    reader, writer = os.pipe()
    number = fcntl.fcntl(reader, fcntl.F_DUPFD, 100)
    child = spawn.running("/bin/bash", form.format(number), pass_fds=[number])
    ours = os.open(data, os.O_RDONLY)
    os.dup2(ours, number)
    try:
        os.write(writer, b"echo; read line\n")
        assert child.stdout is not None
        assert child.stdout.read(1)
        assert child.pid not in {pid for pid, *_ in found(registered(data))}
    finally:
        for descriptor in (ours, number, reader, writer):
            os.close(descriptor)


# -- a later file with the number of an earlier one --------------------------------------------


def reusing_the_inode_of(path: Path) -> Path:
    """Remove a file and make another one that got its inode; many file systems give the number
    to the next file at once."""
    inode = path.stat().st_ino
    path.unlink()
    for number in range(200):
        later = path.with_name(f"later{number}")
        later.write_bytes(b"z" * 5001)
        if later.stat().st_ino == inode:
            return later
    pytest.skip("this file system does not reuse inode numbers soon")


@pytest.mark.parametrize("action", ["open", "map"])
def test_a_later_file_with_the_same_inode_is_another_file(
    spawn: Spawn, data: Path, action: str
) -> None:
    resources = registered(data)
    later = reusing_the_inode_of(data)
    spawn.holding(action, str(later))
    assert found(resources) == []


def test_a_later_file_counts_where_it_is_registered_itself(spawn: Spawn, data: Path) -> None:
    before = registered(data)
    later = reusing_the_inode_of(data)
    both = Resources(files=(*before.files, *registered(later).files))
    child = spawn.holding("open", str(later))
    assert found(both) == [(child.pid, str(later), (How.OPEN,), False)]


@pytest.mark.parametrize(("action", "how"), [("open", How.OPEN), ("map", How.MAPPED)])
def test_a_file_that_was_moved_aside_is_still_the_same(
    spawn: Spawn, data: Path, action: str, how: How
) -> None:
    resources = registered(data)
    child = spawn.holding(action, str(data))
    data.rename(data.with_name("aside"))
    data.write_bytes(b"new")
    assert found(resources) == [(child.pid, str(data), (how,), True)]


def test_a_script_by_a_path_that_goes_up(spawn: Spawn, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    script = tmp_path / "job.py"
    script.write_text("print('r', flush=True)\ninput()\n")
    child = spawn.ready(PYTHON, "-S", "../../job.py", cwd=tmp_path / "deep" / "er")
    assert found(registered(script)) == [(child.pid, str(script), (How.SCRIPT,), False)]
