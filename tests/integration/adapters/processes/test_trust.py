"""Recipes that somebody else could have made start another program."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.adapters.processes.trust import risk_of
from restartmanager.errors import ProcessError
from restartmanager.model import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restartmanager.model.identity import UniqueProcess

ME, STRANGER = 65002, 65003
SLEEP = os.path.realpath("/bin/sleep")


def recipe(
    *arguments: str,
    executable: str = SLEEP,
    directory: Path | str = "/",
    uid: int = 0,
    environment: dict[str, str] | None = None,
) -> Recipe:
    return Recipe(
        executable=executable,
        arguments=arguments or (executable, "1000"),
        directory=str(directory),
        environment=tuple((environment or {}).items()),
        uid=uid,
        gid=uid,
        groups=(),
        umask=0o022,
        nice=0,
        limits=(),
    )


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of root's that everybody can reach."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - others must get there
        yield Path(folder)


def folder_of(uid: int, path: Path, mode: int = 0o755) -> Path:
    path.mkdir()
    os.chown(path, uid, uid)
    os.chmod(path, mode)
    return path


def test_what_the_caller_runs_itself_is_nobody_elses() -> None:
    """Python as it runs these tests, in its environment and with the project's script."""
    uid, environment = os.geteuid(), dict(os.environ)
    python = os.path.realpath(sys.executable)
    for arguments in ((sys.executable, "-I", __file__), (sys.executable, "-I", "-m", "pytest")):
        asked = recipe(
            *arguments, executable=python, directory="/", uid=uid, environment=environment
        )
        assert risk_of(asked) == ""
    assert risk_of(recipe(uid=uid)) == ""


@pytest.mark.root
@pytest.mark.parametrize("uid", [0, ME])
def test_a_program_in_a_folder_of_somebody_else(place: Path, uid: int) -> None:
    folder = folder_of(STRANGER, place / "tool")
    program = shutil.copy(SLEEP, folder / "prog")
    who = f"user {STRANGER} can change '{folder}'"
    assert risk_of(recipe(executable=str(program), uid=uid)) == who
    assert risk_of(recipe(executable=str(program), uid=STRANGER)) == ""


@pytest.mark.root
@pytest.mark.parametrize("uid", [0, ME])
def test_a_working_directory_of_somebody_else(place: Path, uid: int) -> None:
    folder = folder_of(STRANGER, place / "work")
    assert risk_of(recipe(directory=folder, uid=uid)).startswith(f"user {STRANGER} can")
    shared = folder_of(0, place / "shared", 0o1777)
    assert risk_of(recipe(directory=shared, uid=uid)) == ""
    at_risk = recipe("sh", "-c", "./job", executable="/bin/sh", directory=shared, uid=uid)
    assert risk_of(at_risk) == f"everybody can change '{shared}'"


@pytest.mark.root
@pytest.mark.parametrize(
    ("executable", "before"),
    [("/bin/sh", ()), ("/usr/bin/perl", ("-w",)), ("/usr/bin/python3.11", ("-u", "-I"))],
)
def test_a_script_that_somebody_else_could_have_made(
    place: Path, executable: str, before: tuple[str, ...]
) -> None:
    sticky = folder_of(0, place / "sticky", 0o1777)

    def asked(path: Path | str, directory: Path | str = "/") -> str:
        arguments = (executable, *before, str(path))
        return risk_of(recipe(*arguments, executable=executable, directory=directory))

    job = sticky / "tool" / "job"
    missing = f"'{sticky}/tool' is missing, and everybody can make it"
    assert asked(job) == missing
    assert asked("tool/job", sticky) == missing.replace(f"{sticky}/", f"{sticky}/")
    folder_of(STRANGER, sticky / "tool")
    job.write_text("")
    assert asked(job) == f"user {STRANGER} can change '{sticky}/tool'"
    shutil.rmtree(sticky / "tool")
    folder_of(0, sticky / "tool")
    job.write_text("")
    assert asked(job) == ""
    job.unlink()
    assert asked(job) == ""  # nobody else can put it there
    os.chmod(sticky / "tool", 0o775)  # noqa: S103 - for a group that nobody knows
    os.chown(sticky / "tool", 0, 65050)
    assert asked(job) == f"group 65050 can change '{sticky}/tool'"


@pytest.mark.root
def test_modules_beside_a_script_of_python(place: Path) -> None:
    """``import json`` takes what stands there before the library."""
    sticky = folder_of(0, place / "sticky", 0o1777)
    job = sticky / "job.py"
    job.write_text("import json\n")
    python = "/usr/bin/python3.11"
    assert risk_of(recipe("/bin/sh", str(job), executable="/bin/sh")) == ""
    beside = risk_of(recipe(python, str(job), executable=python))
    assert beside == f"everybody can change '{sticky}'"
    assert risk_of(recipe(python, "-I", str(job), executable=python)) == ""
    (place / "link.py").symlink_to(job)
    assert risk_of(recipe(python, str(place / "link.py"), executable=python)) == beside


@pytest.mark.root
def test_an_environment_of_python_that_was_made_anew(place: Path) -> None:
    sticky = folder_of(0, place / "sticky", 0o1777)
    (place / "job.py").write_text("")
    asked = recipe(f"{sticky}/venv/bin/python", f"{place}/job.py", executable="/usr/bin/python3.11")
    missing = f"'{sticky}/venv' is missing, and everybody can make it"
    assert risk_of(asked) == missing
    folder_of(STRANGER, sticky / "venv")
    assert risk_of(asked) == f"user {STRANGER} can change '{sticky}/venv'"
    (sticky / "venv").rmdir()
    folder_of(0, sticky / "venv")
    assert risk_of(asked) == ""


@pytest.mark.root
def test_modules_of_node_above_its_script(place: Path) -> None:
    folder = folder_of(0, folder_of(0, place / "sticky", 0o1777) / "app")
    (folder / "job.js").write_text("")
    asked = recipe("node", f"{folder}/job.js", executable="/usr/bin/node")
    assert risk_of(asked) == f"everybody can change '{place}/sticky'"


@pytest.mark.root
@pytest.mark.parametrize("variable", ["LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "BASH_ENV"])
def test_code_that_a_variable_names(place: Path, variable: str) -> None:
    theirs, mine = folder_of(STRANGER, place / "theirs"), folder_of(0, place / "mine")
    theirs_file, mine_file = theirs / "x.so", mine / "x.so"

    def against(path: Path, uid: int = 0) -> str:
        return risk_of(recipe(uid=uid, environment={variable: str(path)}))

    theirs_file.touch()
    mine_file.touch()
    for path in (theirs, theirs_file):
        assert against(path).startswith(f"user {STRANGER} can")
        assert against(path, STRANGER) == ""
    for path in (mine, mine_file, mine / "missing"):
        assert against(path) == ""
    os.chown(mine_file, STRANGER, 0)
    assert against(mine_file).startswith(f"user {STRANGER} can")


def test_endless_lists_come_to_an_end() -> None:
    uid = os.geteuid()
    for item, expected in (
        ("/{}:", "too many files"),
        ("/././{}/..:", "too many files"),
        ("/:", ""),
    ):
        endless = "".join(item.format(number) for number in range(100_000))
        against = risk_of(recipe(uid=uid, environment={"LD_LIBRARY_PATH": endless}))
        assert expected in against
        assert bool(expected) is bool(against)


# -- at the moment of starting ---------------------------------------------------------------------


@pytest.mark.root
def test_what_somebody_else_could_have_changed_is_not_started(place: Path) -> None:
    program = shutil.copy(SLEEP, folder_of(STRANGER, place / "tool") / "prog")
    created: list[UniqueProcess] = []
    with pytest.raises(ProcessError, match=f"was not started: user {STRANGER} can change"):
        LinuxProcesses().start(recipe(executable=str(program)), created.append)
    assert created == []


@pytest.mark.root
def test_what_was_handed_over_while_the_new_process_waited_is_not_started(place: Path) -> None:
    """Only root can hand it over, but then it is somebody else's."""
    folder = folder_of(0, place / "tool")
    program = shutil.copy(SLEEP, folder / "prog")
    created: list[UniqueProcess] = []

    def hand_over(process: UniqueProcess) -> None:
        created.append(process)
        os.chown(folder, STRANGER, STRANGER)

    with pytest.raises(ProcessError, match=f"was not started: user {STRANGER} can change"):
        LinuxProcesses().start(recipe(executable=str(program)), hand_over)
    assert not LinuxProcesses().is_alive(created[0])
