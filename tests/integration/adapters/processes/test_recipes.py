from __future__ import annotations

import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.proc.procfs import ProcDirectory
from restartmanager.adapters.processes import recipes
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.errors import (
    NotRestartableError,
    ProcessAccessError,
    ProcessError,
    ProcessGoneError,
)
from restartmanager.model import Recipe, RestartRegistration
from restartmanager.model.identity import UniqueProcess

if TYPE_CHECKING:
    from integration.conftest import Children

PROCESSES = LinuxProcesses()
ENVIRONMENT = {
    b"PLAIN": b"value",
    b"EMPTY": b"",
    b"B\xff\xfe": b"= \n\xff\x1b[31m",
    b"LATER": b"a=b",
}


def recipe_of(pid: int, registration: RestartRegistration | None = None) -> Recipe:
    return PROCESSES.recipe(PROCESSES.describe(UniqueProcess.of(pid)), registration)


def copy_of_sleep(path: Path) -> str:
    shutil.copy("/bin/sleep", path)
    return str(path)


# -- what is in it -----------------------------------------------------------------------------


def test_all_that_a_child_was_started_with_is_in_its_recipe(
    children: Children, tmp_path: Path
) -> None:
    directory = tmp_path / os.fsdecode(b"d\xff\n d")
    directory.mkdir()

    def prepare() -> None:
        os.nice(3)
        resource.setrlimit(resource.RLIMIT_NOFILE, (50, 60))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    child = children.spawn(
        "/bin/sleep", "1000", env=ENVIRONMENT, cwd=directory, umask=0o137, preexec_fn=prepare
    )
    recipe = recipe_of(child.pid)
    assert recipe.executable == os.path.realpath("/bin/sleep")
    assert recipe.arguments == ("/bin/sleep", "1000")
    assert recipe.directory == str(directory)
    assert {os.fsencode(k): os.fsencode(v) for k, v in recipe.environment} == ENVIRONMENT
    assert (recipe.uid, recipe.gid, recipe.groups) == (
        os.getuid(),
        os.getgid(),
        tuple(os.getgroups()),
    )
    assert recipe.umask == 0o137
    assert recipe.nice == os.getpriority(os.PRIO_PROCESS, 0) + 3
    limits = {number: (soft, hard) for number, soft, hard in recipe.limits}
    assert len(limits) == 16
    assert limits == {number: resource.prlimit(child.pid, number) for number in limits}
    assert limits[resource.RLIMIT_NOFILE] == (50, 60)


def test_user_and_groups_are_those_of_the_process(children: Children, as_nobody: Any) -> None:
    child = children.sleeper(user=65534, group=65533, extra_groups=[7, 65533, 1000])
    recipe = recipe_of(child.pid)
    assert (recipe.uid, recipe.gid, set(recipe.groups)) == (65534, 65533, {7, 1000, 65533})


def test_the_environment_does_not_show_in_the_text_of_a_recipe(children: Children) -> None:
    child = children.sleeper(env={"TOKEN": "geheim"})
    assert "geheim" not in repr(recipe_of(child.pid))


def test_a_registration_gives_the_arguments_and_never_the_program(children: Children) -> None:
    child = children.sleeper()
    recipe = recipe_of(child.pid, RestartRegistration(("/tmp/evil", "-x")))
    assert recipe.executable == os.path.realpath("/bin/sleep")
    assert recipe.arguments == ("/tmp/evil", "-x")


# -- the program -------------------------------------------------------------------------------


def test_a_replaced_program_is_the_new_one_at_its_path(children: Children, tmp_path: Path) -> None:
    program = copy_of_sleep(tmp_path / "program")
    child = children.spawn(program, "1000")
    os.rename(copy_of_sleep(tmp_path / "new"), program)
    assert recipe_of(child.pid).executable == program


def test_a_removed_program_cannot_be_started_again(children: Children, tmp_path: Path) -> None:
    program = copy_of_sleep(tmp_path / "program")
    child = children.spawn(program, "1000")
    os.unlink(program)
    with pytest.raises(ProcessError, match=r"no program .* any more"):
        recipe_of(child.pid)
    os.mkdir(program)
    with pytest.raises(ProcessError, match=r"no program .* any more"):
        recipe_of(child.pid)


def test_a_program_that_is_called_deleted_is_itself(children: Children, tmp_path: Path) -> None:
    program = copy_of_sleep(tmp_path / "program (deleted)")
    copy_of_sleep(tmp_path / "program")
    child = children.spawn(program, "1000")
    assert recipe_of(child.pid).executable == program
    os.rename(copy_of_sleep(tmp_path / "new"), program)
    assert recipe_of(child.pid).executable == program


def test_a_file_placed_where_the_remark_points_is_not_taken(
    children: Children, tmp_path: Path
) -> None:
    program = copy_of_sleep(tmp_path / "program")
    child = children.spawn(program, "1000")
    copy_of_sleep(tmp_path / "program (deleted)")
    os.rename(copy_of_sleep(tmp_path / "new"), program)
    assert recipe_of(child.pid).executable == program


def test_a_removed_directory_keeps_its_name(children: Children, tmp_path: Path) -> None:
    directory = tmp_path / "gone"
    directory.mkdir()
    child = children.sleeper(cwd=directory)
    directory.rmdir()
    with pytest.raises(NotRestartableError, match=r"its working directory .* is gone"):
        recipe_of(child.pid)
    directory.mkdir()
    assert recipe_of(child.pid).directory == str(directory)
    renamed = directory.rename(tmp_path / "gone (deleted)")
    other = children.sleeper(cwd=renamed)
    assert recipe_of(other.pid).directory == str(renamed)


def test_a_process_that_hides_its_arguments_is_called_by_its_program(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "_USE_POSIX_SPAWN", False)  # it wants a name, and Linux none
    child = children.spawn("", "1000", executable="/bin/sleep")
    assert recipe_of(child.pid).arguments == (os.path.realpath("/bin/sleep"), "1000")


# -- whose recipe ------------------------------------------------------------------------------


def test_no_recipe_for_another_process_with_the_number(children: Children) -> None:
    process = PROCESSES.describe(UniqueProcess.of(children.sleeper().pid))
    earlier = process.identity._replace(start_ticks=process.identity.start_ticks - 1)
    with pytest.raises(ProcessGoneError):
        PROCESSES.recipe(replace(process, identity=earlier), None)


def test_no_recipe_for_what_has_exited(children: Children) -> None:
    child = children.sleeper()
    process = PROCESSES.describe(UniqueProcess.of(child.pid))
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(ProcessGoneError):
        PROCESSES.recipe(process, None)
    child.wait()
    with pytest.raises(ProcessGoneError):
        PROCESSES.recipe(process, None)


def test_no_recipe_for_who_may_not_look(children: Children, as_nobody: Any) -> None:
    process = PROCESSES.describe(UniqueProcess.of(children.sleeper().pid))
    with as_nobody(), pytest.raises(ProcessAccessError):
        PROCESSES.recipe(process, None)


def test_no_recipe_for_a_kernel_thread() -> None:
    try:
        process = PROCESSES.describe(UniqueProcess.of(2))
    except ProcessError:
        pytest.skip("no kernel threads are to be seen here")
    if not process.kernel_thread:
        pytest.skip("no kernel threads are to be seen here")
    with pytest.raises(ProcessError):
        PROCESSES.recipe(process, None)


def test_a_process_that_runs_another_program_meanwhile_is_read_again(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment of one program must not be taken for that of the next: the next may have
    the rights of a set-user-ID file."""
    process = PROCESSES.describe(UniqueProcess.of(children.sleeper().pid))
    answers = iter([False, True])
    asked: list[bool] = []

    def is_settled(_: object) -> bool:
        asked.append(next(answers))
        return asked[-1]

    monkeypatch.setattr(recipes._Reader, "is_settled", is_settled)
    PROCESSES.recipe(process, None)
    assert asked == [False, True]
    monkeypatch.setattr(recipes._Reader, "is_settled", lambda _: False)
    with pytest.raises(ProcessError, match="other programs"):
        PROCESSES.recipe(process, None)


def test_running_another_program_is_noticed(children: Children) -> None:
    child = children.spawn(
        "/bin/sh", "-c", "read go; exec sleep 1000", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process = PROCESSES.describe(UniqueProcess.of(child.pid))
    with ProcDirectory(child.pid) as directory:
        reader = recipes._Reader(directory, process)
        assert reader.is_settled()
        assert child.stdin is not None
        child.stdin.write(b"go\n")
        child.stdin.flush()
        while os.readlink(f"/proc/{child.pid}/exe") != os.path.realpath("/bin/sleep"):
            os.sched_yield()
        assert not reader.is_settled()


def test_nothing_is_missing_from_a_recipe_while_a_program_is_put_in_place(
    children: Children,
) -> None:
    """The kernel takes milliseconds to look through so many arguments."""
    arguments = ("/bin/cat", *["-"] * 100_000)
    for _ in range(10):
        child = subprocess.Popen(arguments, env=ENVIRONMENT, stdin=subprocess.PIPE)
        recipe = recipe_of(children.mine(child).pid)
        assert recipe.arguments == arguments
        assert len(recipe.environment) == len(ENVIRONMENT)
        child.kill()


# -- rights that cannot be given back ----------------------------------------------------------


def ready(child: subprocess.Popen[bytes]) -> int:
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    return child.pid


SAYS_READY = ("/bin/sh", "-c", "echo ready; read rest")


@pytest.mark.parametrize(
    ("wrapper", "reason"),
    [
        (("unshare", "--mount"), r"namespace \(mnt\)"),
        (("unshare", "--net"), r"namespace \(net\)"),
        (("unshare", "--user"), r"namespace \(user\)"),
        (("unshare", "--cgroup"), r"namespace \(cgroup\)"),
        (("unshare", "--time"), r"namespace \(time"),
        (("setpriv", "--no-new-privs"), "sandbox"),
        (("setpriv", "--securebits", "+noroot", "--inh-caps", "-all"), "than root would get"),
        (("setpriv", "--inh-caps", "+net_raw", "--ambient-caps", "+net_raw"), "ambient"),
        (("setpriv", "--bounding-set", "-sys_admin"), "capabilities"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_a_sandbox_cannot_be_left_by_being_started_again(
    children: Children, as_nobody: Any, wrapper: tuple[str, ...], reason: str
) -> None:
    child = children.spawn(
        *wrapper, *SAYS_READY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=2
    )
    pid = ready(child)
    with pytest.raises(ProcessError, match=reason):
        recipe_of(pid)


def test_another_root_directory_is_refused(
    children: Children, tmp_path: Path, as_nobody: Any
) -> None:
    code = "import os, signal, sys; os.chroot(sys.argv[1]); print('ready'); signal.pause()"
    command = (sys.executable, "-uc", code)
    same = children.spawn(*command, "/proc/self/root", stdout=subprocess.PIPE)
    assert recipe_of(ready(same)).directory == os.getcwd()
    confined = children.spawn(*command, str(tmp_path), stdout=subprocess.PIPE)
    with pytest.raises(ProcessError, match="root directory"):
        recipe_of(ready(confined))


def test_rights_of_a_set_user_id_program_are_not_given_for_its_environment(
    children: Children, as_nobody: Any
) -> None:
    """Its environment was made by whoever ran it: as root from the outset it would obey it."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - the user must get at it
        program = copy_of_sleep(Path(folder) / "program")
        os.chmod(program, 0o4755)  # noqa: S103 - what the test is about
        child = children.spawn(program, "1000", user=65534, group=65534, extra_groups=[])
        status = recipes.parse_status(Path(f"/proc/{child.pid}/status").read_bytes())
        assert_real_user(child.pid, status)


def assert_real_user(pid: int, status: dict[bytes, bytes]) -> None:
    if status[b"Uid"].split()[1] != b"0":
        pytest.skip("set-user-ID files have no effect here")
    assert status[b"Uid"].split()[0] == b"65534"
    assert recipe_of(pid).uid == 65534


def test_a_set_user_id_program_that_became_its_owner_is_refused(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = children.sleeper()
    me = os.getuid()
    for secure, uid, allowed in ((0, me + 1, True), (1, me, True), (1, me + 1, False)):
        auxiliary = {11: uid, 13: os.getgid(), 23: secure}
        monkeypatch.setattr(recipes, "parse_auxiliary", lambda _text, found=auxiliary: found)
        if allowed:
            assert recipe_of(child.pid).uid == me
        else:
            with pytest.raises(ProcessError, match="set-user-ID"):
                recipe_of(child.pid)
    monkeypatch.setattr(recipes, "parse_auxiliary", lambda _text: {})
    with pytest.raises(ProcessError, match="keeps running other programs"):
        recipe_of(child.pid)


# -- formats -----------------------------------------------------------------------------------


def test_variables_without_a_name_and_later_ones_of_a_name_are_left_out() -> None:
    text = b"A=1\0=x\0B\0\0A=2\0C==\0" + b"D=no end"
    assert recipes.parse_environment(text) == (("A", "1"), ("C", "="), ("D", "no end"))
    assert recipes.parse_environment(b"") == ()


@pytest.mark.root
def test_a_user_in_thousands_of_groups_comes_back_in_all_of_them(children: Children) -> None:
    groups = list(range(4_000_000_000, 4_000_006_000))
    child = children.sleeper(preexec_fn=lambda: os.setgroups(groups))
    assert recipe_of(child.pid).groups == tuple(groups)


def test_a_directory_too_deep_for_a_path_is_refused(children: Children, tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "for _ in range(25): os.mkdir('d' * 200); os.chdir('d' * 200)\n"
        "os.write(1, b'.')\n"
        "sys.stdin.read()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    child = children.spawn(sys.executable, "-S", "-I", "-c", code, cwd=tmp_path, **pipes)
    assert child.stdout is not None
    child.stdout.read(1)
    try:
        with pytest.raises(ProcessError, match="file name too long"):
            recipe_of(child.pid)
    finally:
        # Python's own tools cannot remove what no path leads to.
        subprocess.run(["/bin/rm", "-r", "--", str(tmp_path / ("d" * 200))], check=True)


def test_an_environment_without_end_is_refused(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = children.sleeper(env={"A": "x" * 100})
    monkeypatch.setattr(recipes, "_KEPT_LIMIT", 101)
    with pytest.raises(ProcessError, match="more than 101 bytes"):
        recipe_of(child.pid)


@pytest.mark.parametrize("word", ["=QQ", "=II"])
def test_the_auxiliary_vector_of_either_word_size_is_understood(word: str) -> None:
    pairs = [(33, 2**31), (16, 5), (6, 4096), (11, 1000), (13, 100), (23, 1), (0, 0), (0, 0)]
    found = recipes.parse_auxiliary(b"".join(struct.pack(word, *pair) for pair in pairs))
    assert (found[11], found[13], found[23]) == (1000, 100, 1)


@pytest.mark.parametrize("text", [b"", b"\0" * 16, b"\xff" * 7, b"\xff" * 640])
def test_what_is_no_auxiliary_vector_is_empty(text: bytes) -> None:
    assert recipes.parse_auxiliary(text) == {}


def test_our_own_files_are_understood() -> None:
    with open("/proc/self/auxv", "rb") as file:
        assert recipes.parse_auxiliary(file.read())[11] == os.getuid()
    with open("/proc/self/limits", "rb") as file:
        limits = recipes.parse_limits(file.read())
    assert limits == tuple((n, *resource.getrlimit(n)) for n in range(16))
