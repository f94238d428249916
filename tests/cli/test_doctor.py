"""restartctl doctor: it looks, and changes nothing."""

import socket
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from cli.machinery import Machine, assert_valid
from restartmanager.adapters import packages
from restartmanager.cli.doctor import checks, environment


def test_a_sound_machine(machine: Machine) -> None:
    done = machine.run("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"State folder: {machine.state} will be made by the first session" in done.stdout
    assert done.stdout.endswith("\nNothing essential is missing.\n")
    assert not machine.state.exists()
    document = machine.json("doctor")
    assert_valid("doctor", document)
    assert document["sound"]


def test_a_supervisord_that_does_not_answer(machine: Machine) -> None:
    done = machine.run("doctor", RESTARTMANAGER_SUPERVISORD="/nonexistent/socket")
    assert done.returncode == 0
    assert "supervisord: nobody who may be believed answers at /nonexistent/socket" in done.stdout
    done = machine.run("doctor", RESTARTMANAGER_SUPERVISORD="socket")
    assert "RESTARTMANAGER_SUPERVISORD is 'socket'." in done.stdout


def test_a_state_folder_that_others_can_write_to(machine: Machine) -> None:
    machine.state.mkdir()
    machine.state.chmod(0o777)
    done = machine.run("doctor")
    assert done.returncode == 1
    assert "others have access to it (mode 0777)" in done.stdout
    assert "Something essential is missing." in done.stdout
    assert machine.state.stat().st_mode & 0o777 == 0o777


def test_a_damaged_memory_is_named_and_left_alone(machine: Machine, session: str) -> None:
    assert session
    database = machine.state / "sessions.db"
    database.write_bytes(b"nonsense" * 100)
    done = machine.run("doctor")
    assert done.returncode == 1
    assert "the file is not a session memory" in done.stdout
    assert database.read_bytes() == b"nonsense" * 100


def test_a_newer_memory(machine: Machine, session: str) -> None:
    assert session
    with closing(sqlite3.connect(machine.state / "sessions.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    done = machine.run("doctor")
    assert done.returncode == 1
    assert "format 99; this program knows formats up to" in done.stdout


def test_a_good_memory(machine: Machine, session: str) -> None:
    assert session
    done = machine.run("doctor")
    assert done.returncode == 0
    assert f"{machine.state}, owner " in done.stdout
    assert "mode 0700" in done.stdout


# -- ways of asking ------------------------------------------------------------------------------


def _found(machine: Machine, name: str) -> tuple[bool, str, str]:
    (check,) = (c for c in machine.json("doctor")["checks"] if c["name"] == name)
    return check["ok"], check["finding"], check["remedy"]


def test_what_is_switched_off_is_said_to_be(machine: Machine) -> None:
    machine.environment |= {"RESTARTMANAGER_LEASES": "0", "RESTARTMANAGER_KERNEL_ITERATOR": "0"}
    for name, variable in (
        ("File leases", "RESTARTMANAGER_LEASES"),
        ("Kernel iterator", "RESTARTMANAGER_KERNEL_ITERATOR"),
    ):
        off = (False, f"switched off by {variable}=0", f"unset {variable}")
        assert _found(machine, name) == off
    assert _found(machine, "Way of asking")[:2] == (True, "reading /proc")
    assert machine.run("doctor").returncode == 0


def test_the_way_of_asking_is_what_is_left(machine: Machine) -> None:
    leases, kernel = (_found(machine, name)[0] for name in ("File leases", "Kernel iterator"))
    way = _found(machine, "Way of asking")[1]
    assert way.startswith("leases first, then ") is leases
    assert ("asking the kernel" in way) is kernel
    assert "reading /proc" in way
    machine.environment["RESTARTMANAGER_LEASES"] = "0"
    assert not _found(machine, "Way of asking")[1].startswith("leases")


@pytest.mark.parametrize("variable", ["RESTARTMANAGER_LEASES", "RESTARTMANAGER_KERNEL_ITERATOR"])
def test_a_switch_that_makes_no_sense(machine: Machine, variable: str) -> None:
    done = machine.run("doctor", **{variable: "maybe"})
    assert done.returncode == 1
    assert f"Processes: {variable} is 'maybe'.\n" in done.stdout
    assert "hint: It is 0 for off or 1 for on.\n" in done.stdout


def test_why_there_are_no_leases(machine: Machine) -> None:
    patch = (
        "from restartmanager.adapters.scan import leases\n"
        "leases._why_unavailable = lambda proc: 'the kernel has no leases'"
    )
    done = machine.run_with(patch, "doctor", RESTARTMANAGER_KERNEL_ITERATOR="0")
    assert "File leases: the kernel has no leases\n" in done.stdout
    assert "Way of asking: reading /proc\n" in done.stdout


def test_why_the_kernel_cannot_be_asked(machine: Machine) -> None:
    patch = (
        "from restartmanager.adapters.bpf import iterator\n"
        "iterator._obstacle = lambda: 'it needs a better day'"
    )
    done = machine.run_with(patch, "doctor")
    assert "Kernel iterator: it needs a better day\n" in done.stdout
    assert "asking the kernel" not in done.stdout


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        (("sh",), "Package managers: sh\n"),
        (("no-such-tool-query",), "Package managers: neither dpkg nor rpm is here\n"),
    ],
)
def test_package_managers(machine: Machine, tools: tuple[str, ...], said: str) -> None:
    patch = f"from restartmanager.cli.doctor import checks\nchecks._PACKAGE_TOOLS = {tools}"
    done = machine.run_with(patch, "doctor")
    assert done.returncode == 0
    assert said in done.stdout


def test_the_names_are_the_librarys() -> None:
    assert tuple(query for query, *_ in packages._QUERIES) == checks._PACKAGE_TOOLS
    assert checks._PACKAGE_TOOLS_PATH == packages._PATH


# -- what is around ------------------------------------------------------------------------------


def test_policy_files_are_named_and_a_broken_one_is_essential(machine: Machine) -> None:
    folder = machine.folder / "policy"
    folder.mkdir(mode=0o755)
    machine.environment["RESTARTMANAGER_POLICY_DIR"] = str(folder)
    (folder / "site.toml").write_text("")
    assert _found(machine, "Policy")[:2] == (
        True,
        f"the package's own rules, and {folder}/site.toml",
    )
    (folder / "site.toml").write_text("[[critical]]\nexecutables = ['x']\n")
    done = machine.run("doctor")
    assert done.returncode == 1
    assert f"{folder}/site.toml" in done.stdout
    assert "nothing is closed until it is mended" in done.stdout


def test_user_managers(tmp_path: Path) -> None:
    assert environment.user_managers(str(tmp_path), 0).ok  # nobody is logged in
    for user in "0", "4294967", "other":
        (tmp_path / user).mkdir()
    assert not environment.user_managers(str(tmp_path), 0).ok
    (tmp_path / "4294967" / "systemd").mkdir()
    (tmp_path / "4294967" / "systemd" / "private").touch()
    assert environment.user_managers(str(tmp_path), 0).finding == "of uid 4294967"
    assert environment.user_managers(str(tmp_path), 4294967).ok
    assert not environment.user_managers(str(tmp_path), 1).ok


def test_displays_and_extras() -> None:
    assert environment.displays([], installed=False).ok
    check = environment.displays(["X0", "X12"], installed=False)
    assert (check.ok, check.finding) == (False, "displays :0, :12, python-xlib is not installed")
    assert environment.displays(["X0"], installed=True).ok
    assert not environment.page(installed=False).ok


def test_a_display_whose_server_has_gone_is_none() -> None:
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket has 107 bytes
        with socket.socket(socket.AF_UNIX) as gone, socket.socket(socket.AF_UNIX) as served:
            gone.bind(f"{folder}/X1")
            served.bind(f"{folder}/X2")
            gone.close()
            assert environment.served_displays(folder) == ["X2"]
        assert environment.served_displays(folder) == []


def test_extras_as_they_are(machine: Machine) -> None:
    assert _found(machine, "Full-screen view")[:2] == (True, "textual is installed")
    assert "python-xlib is installed" in _found(machine, "X11")[1]
