"""Names that nothing has: said before anything is closed, by every verb that registers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cli.machinery import Machine

AS_NOBODY = """
import importlib, os, pkgutil, restartmanager
for module in pkgutil.walk_packages(restartmanager.__path__, "restartmanager."):
    if not module.name.endswith(("__main__", ".launcher")) and ".testing" not in module.name:
        importlib.import_module(module.name)
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
"""


def registered(machine: Machine, key: str) -> list[int]:
    found = machine.json("session", "show", key)["resources"]
    return [found[kind] for kind in ("files", "trees", "services")]


# -- session register ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "name", "message"),
    [
        ("--file", "typo", "No file '{}/typo' exists."),
        ("--file", "data.bin/typo", "No file '{}/data.bin/typo' exists."),
        ("--tree", "typo", "No directory '{}/typo' exists."),
        ("--tree", "data.bin", "'{}/data.bin' is not a directory."),
        ("--file", "bin", "'{}/bin' is a directory."),
        ("--file", "data.bin/", "'data.bin/' ends as only the path of a directory does."),
        ("--file", "/dev/null", "'/dev/null' is a device and no file."),
        ("--file", "x" * 300, "is too long to be a path."),
        ("--file", "", "files has an entry that is empty or no text."),
        ("--service", "no-such-service", "No service 'no-such-service' is known here."),
        ("--package", "no-such-package", "No package 'no-such-package' is installed."),
        ("--package", "", "packages has an entry that is empty or no text."),
    ],
)
def test_a_bad_name_is_refused_with_all_that_is_named_beside_it(
    machine: Machine, session: str, option: str, name: str, message: str
) -> None:
    (machine.folder / "other").touch()
    done = machine.run("session", "register", session, "--file", "other", option, name)
    assert done.returncode == 2
    assert message.format(machine.folder) in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert "hint: " in done.stderr or "empty" in message
    assert registered(machine, session) == [1, 0, 0]


def test_what_only_comes_with_the_change_is_allowed(machine: Machine, session: str) -> None:
    done = machine.run("session", "register", session, "--file", "typo")
    assert "--allow-missing" in done.stderr
    machine.ok(
        *("session", "register", session, "--allow-missing", "--file", "new"),
        *("--tree", "tree", "--service", "new-service", "--package", "no-such-package"),
    )
    assert registered(machine, session) == [2, 1, 1]
    done = machine.run("session", "register", session, "--allow-missing", "--file", "/dev/null")
    assert done.returncode == 2


def test_to_allow_something_is_not_to_name_something(machine: Machine, session: str) -> None:
    done = machine.run("session", "register", session, "--allow-missing")
    assert done.returncode == 2
    assert "Nothing to register" in done.stderr


def test_a_list_with_blank_lines_and_one_bad_name_among_many(
    machine: Machine, session: str
) -> None:
    folder = machine.folder / "many"
    folder.mkdir()
    for number in range(10_000):
        (folder / str(number)).touch()
    lines = ["", f"{folder}", *(f"{folder}/{number}" for number in range(10_000)), "", ""]
    lines.insert(5000, f"{folder}/typo")
    register = ("session", "register", session, "--files-from", "-")
    done = machine.run(*register, given="\n".join(lines))
    assert done.returncode == 2
    assert f"No file '{folder}/typo' exists." in " ".join(done.stderr.split())
    assert registered(machine, session)[0] == 1
    lines.remove(f"{folder}/typo")
    assert machine.run(*register, given="\n".join(lines)).returncode == 0
    assert registered(machine, session)[0] == 10_001


def test_a_list_with_many_bad_names_says_five(machine: Machine, session: str) -> None:
    """As all are in one that was written on Windows, or whose paths count from elsewhere."""
    register = ("session", "register", session, "--files-from", "-")
    done = machine.run(*register, given="data.bin\r\n" + "\r\n".join("abcdefg"))
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert f"'{machine.folder}/data.bin\\r'" in said
    assert "and 2 more exist." not in said
    assert f"'{machine.folder}/d\\r' and 3 more exist." in said


def test_a_list_of_what_an_archive_brings(machine: Machine, session: str) -> None:
    names = "new/\nnew/a\nnew/b\nbin/\n./\n"
    register = ("session", "register", session, "--files-from", "-")
    assert machine.run(*register, given=names).returncode == 2
    assert machine.run(*register, "--allow-missing", given=names).returncode == 0
    assert registered(machine, session) == [3, 0, 0]


# -- run -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--file", "typo"),
        ("--tree", "typo"),
        ("--service", "no-such-service"),
        ("--package", "no-such-package"),
        ("--file", "/dev/null"),
    ],
)
@pytest.mark.parametrize("more", [(), ("--dry-run",), ("--when", "after"), ("--force",)])
def test_nothing_is_closed_and_nothing_is_run_for_a_bad_name(
    machine: Machine, option: str, name: str, more: tuple[str, ...]
) -> None:
    holder = machine.hold("register")
    done = machine.run(
        *("run", *more, "--file", machine.file, option, name, "--", "touch", "was-run")
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert name in done.stderr
    assert holder.lives
    assert not (machine.folder / "was-run").exists()
    assert machine.json("session", "ls")["sessions"] == []


def test_run_may_bring_what_is_new(machine: Machine) -> None:
    holder = machine.hold("register")
    done = machine.run(
        *("run", "--allow-missing", "--file", machine.file, "--file", "new", "--", "touch", "new")
    )
    assert done.returncode == 0, done.stderr
    assert (machine.folder / "new").exists()
    assert not holder.lives


def test_the_command_of_run_is_held_to_it_as_well(machine: Machine) -> None:
    """It is a secondary, by the key in its environment."""
    arguments = ("session", "register", "--file", "typo")
    command = [sys.executable, "-P", "-m", "restartmanager.cli", *arguments]
    done = machine.run("run", "--file", machine.file, "--", *command)
    assert done.returncode == 2
    assert f"No file '{machine.folder}/typo' exists." in " ".join(done.stderr.split())
    done = machine.run("run", "--file", machine.file, "--", *command, "--allow-missing")
    assert done.returncode == 0


# -- who -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["--lines", "--tree", "--by=file"])
def test_whoever_asks_in_another_shape_is_told_as_well(machine: Machine, shape: str) -> None:
    done = machine.run("who", shape, "typo")
    assert done.returncode == 1
    assert "note: typo does not exist" in done.stderr


def test_who_still_has_a_file_that_is_gone_is_an_answer(machine: Machine) -> None:
    holder = machine.hold()
    Path(machine.file).unlink()
    done = machine.run("who", "--package", "no-such-package", machine.file)
    assert done.returncode == 2
    assert "No package 'no-such-package' is installed." in done.stderr
    assert "--allow-missing" not in done.stderr
    assert holder.lives


@pytest.mark.root
@pytest.mark.parametrize("how", [[], ["--json"], ["--lines"], ["--tree"]])
def test_nobody_is_not_said_of_what_may_not_be_looked_at(machine: Machine, how: list[str]) -> None:
    machine.folder.chmod(0o700)
    done = machine.run_with(AS_NOBODY, "who", *how, machine.file)
    assert (done.returncode, done.stdout) == (5, "")
    assert f"'{machine.file}': permission denied." in " ".join(done.stderr.split())
    assert "obody uses" not in done.stderr
    assert "does not exist" not in done.stderr
