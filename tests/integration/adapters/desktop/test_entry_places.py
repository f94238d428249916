from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.desktop.entry_files import parse_entry
from restartmanager.adapters.desktop.entry_places import (
    SYSTEM_FOLDERS,
    data_folders,
    find_entry,
    find_program,
)
from restartmanager.errors import ConfigurationError
from support.screens import needs

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = "[Desktop Entry]\nType=Application\nName=Shell\nExec=sh -c x\n"


@pytest.fixture
def place(tmp_path: Path) -> Any:
    def write(name: str, text: str = ENTRY, mode: int = 0o644) -> Path:
        path: Path = tmp_path / "applications" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


def test_an_entry_by_its_id(place: Any, tmp_path: Path) -> None:
    path = place("org.example.Shell.desktop")
    found = find_entry("org.example.Shell", [str(tmp_path)])
    assert found is not None
    assert (found.path, found.command()) == (str(path), ("sh", "-c", "x"))


def test_a_dash_may_stand_for_a_folder(place: Any, tmp_path: Path) -> None:
    place("kde4/shell-x.desktop")
    assert find_entry("kde4-shell-x", [str(tmp_path)]) is not None


def test_the_first_folder_counts_even_where_it_hides_the_entry(place: Any, tmp_path: Path) -> None:
    place("a.desktop", ENTRY + "Hidden=true\n")
    other = tmp_path / "other"
    (other / "applications").mkdir(parents=True)
    (other / "applications" / "a.desktop").write_text(ENTRY)
    assert find_entry("a", [str(other), str(tmp_path)]) is not None
    assert find_entry("a", [str(tmp_path), str(other)]) is None


@pytest.mark.parametrize("text", ["TryExec=/no/such/program\n", "TryExec=no-such-program\n"])
def test_what_is_not_installed_cannot_be_started(place: Any, tmp_path: Path, text: str) -> None:
    place("a.desktop", ENTRY + text)
    assert find_entry("a", [str(tmp_path)]) is None


@pytest.mark.parametrize("application", ["", "../a", "/etc/passwd", "a\0b", "missing"])
def test_what_is_no_id_is_not_looked_for(place: Any, tmp_path: Path, application: str) -> None:
    place("a.desktop")
    (tmp_path / "a.desktop").write_text(ENTRY)
    assert find_entry(application, [str(tmp_path)]) is None


@pytest.mark.parametrize("mode", [0o666, 0o664])
def test_an_entry_that_others_can_alter_is_not_believed(
    place: Any, tmp_path: Path, mode: int
) -> None:
    place("a.desktop", mode=mode)
    assert find_entry("a", [str(tmp_path)]) is None


@pytest.mark.root
def test_root_does_not_believe_an_entry_of_somebody_else(place: Any, tmp_path: Path) -> None:
    path = place("a.desktop")
    os.chown(path, 65534, 65534)
    assert find_entry("a", [str(tmp_path)]) is None


@pytest.mark.root
@pytest.mark.parametrize(
    "given",
    [(0o757, 0, 0), (0o2775, 0, 65050), (0o755, 65002, 0), (0o1775, 65002, 0)],
    ids=["everybody's", "a group's", "a user's", "a user's, sticky"],
)
@pytest.mark.parametrize("folder", ["applications", "."])
def test_an_entry_that_others_can_exchange_is_not_believed(
    place: Any, tmp_path: Path, given: tuple[int, int, int], folder: str
) -> None:
    """Who may write to its folder, or one above, can put another file of root's in its place."""
    place("a.desktop")
    assert find_entry("a", [str(tmp_path)]) is not None
    mode, owner, group = given
    os.chown(tmp_path / folder, owner, group)
    (tmp_path / folder).chmod(mode)
    assert find_entry("a", [str(tmp_path)]) is None


@pytest.mark.root
def test_an_entry_behind_a_strangers_link_is_not_believed(place: Any, tmp_path: Path) -> None:
    place("real.desktop")
    link = tmp_path / "applications/a.desktop"
    link.symlink_to("real.desktop")
    assert find_entry("a", [str(tmp_path)]) is not None
    (tmp_path / "applications").chmod(0o1777)
    os.chown(link, 65002, 65002, follow_symlinks=False)
    assert find_entry("a", [str(tmp_path)]) is None


def test_what_is_no_file_is_not_waited_for(place: Any, tmp_path: Path) -> None:
    os.mkfifo(place("x.desktop").parent / "a.desktop")
    assert find_entry("a", [str(tmp_path)]) is None


@pytest.mark.root
def test_root_looks_into_the_systems_folders_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/home/evil")
    monkeypatch.setenv("XDG_DATA_DIRS", "/home/evil")
    assert data_folders() == SYSTEM_FOLDERS


def test_others_look_into_their_own_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/home/a/data")
    monkeypatch.setenv("XDG_DATA_DIRS", "/opt/share:relative:/usr/share")
    assert data_folders()[:4] == ("/home/a/data", "/opt/share", "/usr/share", "/usr/local/share")


def test_programs_are_found_in_the_systems_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_program("sh") in {"/usr/bin/sh", "/bin/sh"}
    assert find_program("/bin/sh") == "/bin/sh"
    for name in ("", "no-such-program", "bin/sh", "/etc/passwd", "/usr/bin", "a\0b", ".."):
        assert find_program(name) is None


def test_every_entry_of_this_machine_is_read_or_refused_with_a_reason() -> None:
    folder = "/usr/share/applications"
    needs("mousepad")
    for name in os.listdir(folder):
        if name.endswith(".desktop"):
            with open(f"{folder}/{name}", "rb") as file, contextlib.suppress(ConfigurationError):
                entry = parse_entry(file.read(), name)
                assert entry.command() or entry.dbus_activatable
    found = find_entry("org.xfce.mousepad")
    assert found is not None
    assert found.command() == ("mousepad",)
