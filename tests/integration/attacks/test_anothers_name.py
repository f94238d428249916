"""Nothing is started in another's name: strangers who want somebody else to run a file of theirs.

Each attack has mount and pid namespaces of its own (programs/anothers_name.py).
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from support.laboratory import IN_NAMESPACES
from support.paths import PROGRAMS

pytestmark = pytest.mark.root

STRANGER, GROUP = 65002, 65050
TOOL = "/mnt/w/tool"
HIS_FOLDER = f"user {STRANGER} can change '{TOOL}'"
OF_ALL = "everybody can change '/mnt/w'"


def outcome(attack: str) -> dict[str, Any]:
    command = [*IN_NAMESPACES, sys.executable, str(PROGRAMS / "anothers_name.py"), attack]
    done = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False)
    if "not possible: " in done.stderr or done.stderr.startswith("unshare: "):
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize(
    ("attack", "why"),
    [
        ("removed_program", HIS_FOLDER),
        ("removed_program_of_a_third", HIS_FOLDER),
        ("folder_of_the_stranger", HIS_FOLDER),
        ("folder_of_a_group", f"group {GROUP} can change '{TOOL}'"),
        ("folder_with_an_access_control_list", HIS_FOLDER),
        ("program_of_a_group", f"group {GROUP} can change '{TOOL}/prog'"),
        ("second_name_in_a_folder_of_all", "'/mnt/w/prog' has a second name"),
        ("file_system_of_the_stranger", f"{HIS_FOLDER}, a file system of his own"),
        ("removed_script_that_registered", HIS_FOLDER),
        ("script_behind_a_link", f"user {STRANGER} can change '/mnt/w/current'"),
        ("script_in_a_folder_of_all", f"user {STRANGER} can change '/mnt/w/job'"),
        ("relative_script_of_a_removed_directory", HIS_FOLDER),
        ("relative_script_that_is_missing", "'/mnt/w/job' is missing, and everybody can make it"),
        (
            "module_in_a_working_directory_of_all",
            "'/mnt/w/job' is missing, and everybody can make it",  # a package goes first
        ),
        ("module_beside_a_script", OF_ALL),
        ("environment_of_python", HIS_FOLDER),
        ("library_that_is_loaded_first", f"user {STRANGER} can change '/mnt/w/lib.so'"),
    ],
)
def test_the_command_is_not_run_and_nothing_is_closed(attack: str, why: str) -> None:
    found = outcome(attack)
    assert found["run_as"] is None, found
    assert (found["open"], found["status"]) == (True, 125), found
    assert f"could not come back: {why}" in found["said"]


def test_stale_leaves_it_alone() -> None:
    found = outcome("removed_program_and_stale")
    assert found["run_as"] is None, found
    assert (found["open"], found["status"]) == (True, 1), found
    assert f"could not come back: {HIS_FOLDER}" in found["said"]


@pytest.mark.parametrize(
    ("attack", "status"),
    [
        ("removed_by_the_command", 124),
        ("removed_while_a_session_waits", 3),
        ("removed_before_recovery", 3),
    ],
)
def test_what_was_safe_when_it_was_closed_is_looked_at_again(attack: str, status: int) -> None:
    found = outcome(attack)
    assert found["run_as"] is None, found
    assert (found["open"], found["status"]) == (False, status), found
    assert f"was not started: {HIS_FOLDER}" in found["said"]


@pytest.mark.parametrize(
    "update",
    [
        "update_by_root",
        "update_in_a_folder_of_all",
        "update_by_somebody_himself",
        "update_of_a_script_that_registered",
        "folder_of_roots_group",
    ],
)
def test_updates_go_on_as_ever(update: str) -> None:
    """They change the file, and neither its owner nor the way to it."""
    found = outcome(update)
    assert (found["open"], found["status"]) == (False, 0), found
    assert "back as process" in found["said"]
