"""The files that bring applications back after a reboot: valid, and in what is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from support.paths import ROOT
from support.screens import needs

if TYPE_CHECKING:
    from pathlib import Path

DATA = ROOT / "data"
UNITS = {
    "system": DATA / "systemd" / "system" / "restartmanager-recover.service",
    "user": DATA / "systemd" / "user" / "restartmanager-recover.service",
}
ENTRY = DATA / "autostart" / "restartmanager-recover.desktop"


def output(*command: str, **variables: str) -> str:
    """What a checker has to say, with its exit status in front."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **variables}
    )
    return f"{done.returncode} {done.stdout}{done.stderr}".strip()


@pytest.mark.parametrize("manager", UNITS)
def test_the_units_are_valid(manager: str, tmp_path: Path) -> None:
    """The program is not where systemd looks for programs, so a copy names it."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: package systemd")
    text = UNITS[manager].read_text()
    copy = tmp_path / UNITS[manager].name
    copy.write_text(text.replace("ExecStart=/usr/bin/restartctl", "ExecStart=/bin/true"))
    assert copy.read_text() != text
    command = ("systemd-analyze", f"--{manager}", "--man=no", "verify", str(copy))
    assert output(*command, XDG_RUNTIME_DIR=str(tmp_path)) == "0"
    copy.write_text(copy.read_text().replace("Type=oneshot", "Type=nonsense"))
    assert "nonsense" in output(*command, XDG_RUNTIME_DIR=str(tmp_path))  # it does look


def test_the_autostart_entry_is_valid() -> None:
    needs("desktop-file-validate")
    assert output("desktop-file-validate", str(ENTRY)) == "0"


def test_all_say_the_same_command() -> None:
    for path in UNITS.values():
        assert "\nExecStart=/usr/bin/restartctl recover\n" in path.read_text()
    assert "\nExec=restartctl recover\n" in ENTRY.read_text()


def test_a_wheel_has_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name.partition(".data/data/")[2] for name in archive.namelist()]
    assert {name for name in names if name} == {
        "lib/systemd/system/restartmanager-recover.service",
        "lib/systemd/user/restartmanager-recover.service",
        "share/man/man1/restartctl.1",
        "share/restartmanager/autostart/restartmanager-recover.desktop",
    }
