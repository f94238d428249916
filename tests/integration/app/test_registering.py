from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager import app
from restartmanager.adapters.processes import registrations
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.app.registration import MEMFD_NAME
from restartmanager.model import RestartFlags, RestartRegistration
from restartmanager.model.identity import UniqueProcess
from support.paths import PROGRAMS
from support.spawning import descriptors_of

if TYPE_CHECKING:
    from pathlib import Path

    from integration.conftest import Children

PROCESSES = LinuxProcesses()


def registration_of(pid: int) -> RestartRegistration | None:
    return PROCESSES.registration(PROCESSES.describe(UniqueProcess.of(pid)))


def order(child: subprocess.Popen[bytes], text: str) -> None:
    assert child.stdin is not None
    child.stdin.write(text.encode() + b"\n")
    child.stdin.flush()


def answer(child: subprocess.Popen[bytes]) -> tuple[int, Any]:
    """Who answers, and what it believes to have registered."""
    assert child.stdout is not None
    facts = json.loads(child.stdout.readline())
    return facts["pid"], facts["settings"]


# -- real programs -----------------------------------------------------------------------------


def test_what_a_script_registered_is_read_by_others(children: Children) -> None:
    child = children.python("registers.py", "--restore", "a b")
    pid, (command, flags) = answer(child)
    found = registration_of(pid)
    assert found is not None
    assert (list(found.command), int(found.flags)) == (command, flags)
    script = os.path.join(PROGRAMS, "registers.py")
    assert found.command == (sys.executable, script, "--restore", "a b")


def test_a_module_is_registered_as_one(children: Children) -> None:
    child = children.spawn(
        *(sys.executable, "-m", "registers", "x"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=PROGRAMS,
    )
    pid, _ = answer(child)
    found = registration_of(pid)
    assert found is not None
    assert found.command == (sys.executable, "-m", "registers", "x")


def test_the_recipe_runs_the_registered_command_with_the_real_program(children: Children) -> None:
    child = children.python("registers.py", "--restore")
    pid, _ = answer(child)
    process = PROCESSES.describe(UniqueProcess.of(pid))
    recipe = PROCESSES.recipe(process, PROCESSES.registration(process))
    assert recipe.executable == os.path.realpath(sys.executable)
    assert recipe.arguments[0] == sys.executable
    assert recipe.arguments[-1] == "--restore"


def test_a_registration_outlives_a_change_of_directory(children: Children) -> None:
    child = children.spawn(
        *(sys.executable, "./registers.py"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=PROGRAMS,
    )
    answer(child)
    order(child, "chdir /")
    pid, _ = answer(child)
    found = registration_of(pid)
    assert found is not None
    assert found.command[1:] == (os.path.join(PROGRAMS, "registers.py"), "after-chdir")


def test_taken_back_is_taken_back(children: Children) -> None:
    child = children.python("registers.py", "x")
    pid, _ = answer(child)
    order(child, "unregister")
    assert answer(child) == (pid, None)
    assert registration_of(pid) is None


def test_a_forked_child_is_not_registered(children: Children) -> None:
    child = children.python("registers.py", "x")
    parent, _ = answer(child)
    order(child, "fork")
    forked, settings = answer(child)
    children.adopt(UniqueProcess.of(forked))
    assert forked != parent
    assert settings is None
    assert any(MEMFD_NAME in link for link in links(forked))  # it has inherited the descriptor
    assert registration_of(forked) is None
    assert registration_of(parent) is not None


def links(pid: int) -> list[str]:
    return [*descriptors_of(pid).values()]


def test_a_forked_child_registers_for_itself_alone(children: Children) -> None:
    child = children.python("registers.py", "x")
    parent, _ = answer(child)
    order(child, "fork-and-register")
    forked, _ = answer(child)
    children.adopt(UniqueProcess.of(forked))
    for pid, argument in ((parent, "x"), (forked, "from-child")):
        found = registration_of(pid)
        assert found is not None
        assert found.command[-1] == argument
    assert sum(MEMFD_NAME in link for link in links(forked)) == 1


def test_running_another_program_ends_the_registration(children: Children) -> None:
    child = children.python("registers.py", "x")
    pid, _ = answer(child)
    assert registration_of(pid) is not None
    order(child, "exec")
    assert child.stdout is not None
    assert child.stdout.read() == b""
    assert registration_of(pid) is None
    assert not any(MEMFD_NAME in link for link in links(pid))


def test_our_own_registration_is_read_as_well() -> None:
    app.register_application_restart("x", RestartFlags.NO_PATCH)
    try:
        found = PROCESSES.registration(PROCESSES.describe(PROCESSES.current()))
        assert found is not None
        assert found.flags is RestartFlags.NO_PATCH  # what follows from it is for the caller
    finally:
        app.unregister_application_restart()


def test_who_has_exited_has_nothing_registered(children: Children) -> None:
    child = children.python("registers.py", "x")
    pid, _ = answer(child)
    process = PROCESSES.describe(UniqueProcess.of(pid))
    child.kill()
    child.wait()
    assert PROCESSES.registration(process) is None


def test_another_user_can_neither_read_nor_alter_it(children: Children, as_nobody: Any) -> None:
    child = children.python("registers.py", "x")
    pid, _ = answer(child)
    process = PROCESSES.describe(UniqueProcess.of(pid))
    (path,) = [
        f"/proc/{pid}/fd/{number}"
        for number, link in descriptors_of(pid).items()
        if MEMFD_NAME in link
    ]
    with pytest.raises(PermissionError), open(path, "r+b", buffering=0) as file:
        file.write(b"not even root")
    with as_nobody():
        assert PROCESSES.registration(process) is None
        with pytest.raises(PermissionError):
            open(path, "rb").close()
    assert PROCESSES.registration(process) is not None


# -- hostile ones ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    ["unsealed", "huge", "vast", "garbage", "empty", "another-process", "misnamed", "stranger"],
)
def test_a_memfd_that_is_no_registration_is_ignored(children: Children, kind: str) -> None:
    if kind == "stranger" and os.geteuid() != 0:
        pytest.skip("needs root's rights")
    child = children.python("hostile_memfd.py", kind)
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    assert registration_of(child.pid) is None


def test_the_same_program_without_a_fault_is_believed(children: Children) -> None:
    """Otherwise the test above would prove nothing."""
    child = children.python("hostile_memfd.py", "none")
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    assert registration_of(child.pid) == RestartRegistration(("evil",))


def test_a_file_that_is_only_called_like_a_memfd_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening a device or a FIFO would have effects, a file system of the user's could hang."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_bytes(b"{}")
    opened: list[str] = []
    real = os.open

    def watched(path: str, flags: int, **options: Any) -> int:
        opened.append(path)
        return real(path, flags, **options)

    for name in ("fifo", "file"):
        fd = os.open(tmp_path / name, os.O_PATH)
        monkeypatch.setattr(os, "open", watched)
        assert registrations._content(fd, os.getuid()) is None
        monkeypatch.undo()
        os.close(fd)
    assert opened == []


def test_looking_leaves_no_descriptor_behind(children: Children) -> None:
    child = children.python("registers.py", "x")
    pid, _ = answer(child)
    registration_of(pid)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        assert registration_of(pid) is not None
    assert len(os.listdir("/proc/self/fd")) == before
