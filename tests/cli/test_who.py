"""restartctl who: real processes, hostile names, output for machines."""

import os
import shutil
import unicodedata

import pytest

from cli.machinery import Machine, assert_valid
from restartmanager.cli.output.json_documents import text_from_json


def test_somebody_uses_it(machine: Machine) -> None:
    holder = machine.hold()
    done = machine.run("who", machine.file)
    assert done.returncode == 0
    assert f"editor  pid {holder.pid}, user " in done.stdout
    assert f"  has {machine.file} open and mapped\n" in done.stdout


def test_nobody_uses_it(machine: Machine) -> None:
    done = machine.run("who", machine.file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Nobody uses it.\n")


def test_a_path_that_does_not_exist_is_said_to(machine: Machine) -> None:
    done = machine.run("who", f"{machine.folder}/missing")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"note: {machine.folder}/missing does not exist\n" in done.stderr


def test_a_long_list_of_paths_brings_no_long_list_of_notes(machine: Machine) -> None:
    done = machine.run("who", *(f"{machine.folder}/missing{number}" for number in range(101)))
    assert done.returncode == 1
    assert done.stderr.startswith("Nobody uses these.\n")
    assert "does not exist" not in done.stderr


def test_a_directory_stands_for_everything_below(machine: Machine) -> None:
    holder = machine.hold()
    assert f"pid {holder.pid}" in machine.run("who", str(machine.folder)).stdout


def test_the_asking_program_itself_is_no_answer(machine: Machine) -> None:
    """It works in the directory that it is asked about, as everybody in that shell does."""
    folder = machine.folder / "asked"
    folder.mkdir()
    done = machine.run_with(f"import os; os.chdir({str(folder)!r})", "who", ".")
    assert (done.returncode, done.stdout) == (1, "")


def test_a_relative_path(machine: Machine) -> None:
    holder = machine.hold()
    relative = os.path.relpath(machine.file, machine.folder)
    assert f"pid {holder.pid}" in machine.run("who", relative).stdout


def test_a_package_stands_for_its_files(machine: Machine) -> None:
    holder = machine.hold()
    done = machine.run_with(machine.package(), "who", "--package", "widget")
    assert done.returncode == 0
    assert f"editor  pid {holder.pid}, user " in done.stdout
    assert f"  has {machine.file} open and mapped\n" in done.stdout


def test_a_package_that_nobody_uses(machine: Machine) -> None:
    one = machine.run_with(machine.package(), "who", "--package", "widget")
    assert (one.returncode, one.stdout) == (1, "")
    assert one.stderr.startswith("Nobody uses it.\n")
    two = machine.run_with(machine.package(), "who", "--package", "widget", machine.file)
    assert two.stderr.startswith("Nobody uses these.\n")


@pytest.mark.parametrize("name", ["no-such-package-anywhere", "", "--root=/", "a\x1b[2Jb"])
def test_no_such_package(machine: Machine, name: str) -> None:
    done = machine.run("who", "--package", name)
    assert done.returncode in {2, 8}  # the latter without any package manager
    assert done.stdout == ""
    assert done.stderr.startswith("restartctl: ")
    assert "\x1b" not in done.stderr


def test_json(machine: Machine) -> None:
    holder = machine.hold()
    document = machine.json("who", machine.file)
    assert_valid("affected", document)
    (application,) = document["applications"]
    assert application["main_process"]["pid"] == holder.pid
    assert application["evidence"] == [
        {"pid": holder.pid, "path": machine.file, "how": ["open", "mapped"], "stale": False}
    ] or application["evidence"][0]["how"] == ["mapped", "open"]


def test_json_when_nobody_uses_it(machine: Machine) -> None:
    done = machine.run("who", "--json", machine.file)
    assert done.returncode == 1
    assert '"applications": []' in done.stdout


HOSTILE = os.fsdecode(b"x\x1b[2J\x1b]0;t\x07\ny\xff\xe2\x80\xae\xc2\x9b.py")


def test_hostile_names_never_reach_the_terminal(machine: Machine) -> None:
    hostile = str(machine.folder / HOSTILE)
    shutil.copyfile(machine.file, hostile)
    machine.hold(name=HOSTILE, path=hostile)
    done = machine.run("who", hostile, f"{hostile}-missing")
    assert done.returncode == 0
    for text in (done.stdout, done.stderr):
        assert not [c for c in text if unicodedata.category(c)[0] == "C" and c != "\n"]
    lines = done.stdout.splitlines()
    assert lines[0].startswith("x\\e[2J\\e]0;t\\x07\\ny\\xff\\u202e\\u009b.py  pid ")
    assert len(lines) == 2


def test_hostile_names_in_json_are_ascii_and_can_be_read_back(machine: Machine) -> None:
    hostile = str(machine.folder / HOSTILE)
    shutil.copyfile(machine.file, hostile)
    machine.hold(path=hostile)
    done = machine.run("who", "--json", hostile)
    assert done.stdout.isascii()
    assert not [c for c in done.stdout if not c.isprintable() and c != "\n"]
    document = machine.json("who", hostile)
    assert_valid("affected", document)
    assert text_from_json(document["applications"][0]["evidence"][0]["path"]) == hostile


def test_a_script_is_a_use_of_it(machine: Machine) -> None:
    machine.hold()
    program = str(machine.folder / "bin" / "editor")
    assert f"runs the script {program}" in machine.run("who", program).stdout


def test_nothing_is_written_to_the_session_memory(machine: Machine) -> None:
    machine.run("who", machine.file)
    assert not machine.state.exists()


def test_broken_pipe_is_quiet(machine: Machine) -> None:
    machine.hold()
    child = machine.begin("who", machine.file)
    assert child.stdout is not None
    child.stdout.close()
    assert child.stderr is not None
    assert b"Error" not in child.stderr.read()
    assert child.wait() == 141
