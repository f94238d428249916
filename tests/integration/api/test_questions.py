"""Questions by one call: who uses this, and an OSError that names who."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

import pytest

import restartmanager as rm
from restartmanager.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from support.spawning import Spawn


def notes(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", []))


def test_who_uses_names_the_application_and_the_evidence(spawn: Spawn, tmp_path: Path) -> None:
    data = tmp_path / "data.bin"
    data.write_bytes(b"\0" * 10)
    child = spawn.holding("open", str(data))
    (application,) = rm.who_uses(data).applications
    assert application.main_process is not None
    assert application.main_process.pid == child.pid
    assert application.evidence == (rm.Evidence(child.pid, str(data), (rm.How.OPEN,), stale=False),)


def test_a_directory_stands_for_everything_below_it(spawn: Spawn, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    child = spawn.holding("chdir", str(tmp_path / "deep"))
    (application,) = rm.who_uses(tmp_path).applications
    assert application.main_process is not None
    assert application.main_process.pid == child.pid


def test_nobody_uses_what_does_not_exist(tmp_path: Path) -> None:
    assert rm.who_uses(tmp_path / "nothing").applications == ()


def test_a_relative_path_is_meant_from_here(
    spawn: Spawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data.bin").write_bytes(b"\0" * 10)
    child = spawn.holding("open", str(tmp_path / "data.bin"))
    monkeypatch.chdir(tmp_path)
    (application,) = rm.who_uses("data.bin").applications
    assert application.evidence[0].pid == child.pid


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(UsageError):
        rm.who_uses("")


# -- explain_busy ------------------------------------------------------------------------------


def test_a_running_program_that_cannot_be_written(spawn: Spawn, tmp_path: Path) -> None:
    program = tmp_path / "program"
    shutil.copy("/bin/sleep", program)
    child = spawn.running(str(program), "600")
    with pytest.raises(OSError, match="Text file busy") as caught, rm.explain_busy():
        program.open("wb")
    assert caught.value.errno == errno.ETXTBSY
    assert f"program (process {child.pid}, executable, mapped)" in notes(caught.value)


def test_a_directory_that_somebody_works_in(spawn: Spawn, tmp_path: Path) -> None:
    """It can be removed on Linux, unless something is in it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    child = spawn.holding("chdir", str(folder))
    with pytest.raises(OSError, match="not empty") as caught, rm.explain_busy():
        os.rmdir(folder)
    assert f"process {child.pid}, cwd" in notes(caught.value)


def test_the_error_stays_what_it_is_when_nobody_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="not empty") as caught, rm.explain_busy():
        os.rmdir(tmp_path)
    assert notes(caught.value) == ""


def test_other_errors_are_not_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restartmanager.api.questions.who_uses", lambda *_: pytest.fail("asked"))
    with pytest.raises(FileNotFoundError), rm.explain_busy():
        os.rmdir(tmp_path / "nothing")
    with pytest.raises(ZeroDivisionError), rm.explain_busy():
        _ = 1 / 0


def test_paths_can_be_named_where_the_error_does_not(spawn: Spawn, tmp_path: Path) -> None:
    data = tmp_path / "data.bin"
    data.write_bytes(b"\0" * 10)
    child = spawn.holding("open", str(data))
    with pytest.raises(OSError, match="busy") as caught, rm.explain_busy(data):
        raise OSError(errno.EBUSY, "busy")
    assert f"process {child.pid}" in notes(caught.value)


def test_trouble_with_asking_never_takes_the_place_of_the_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> None:
        raise UsageError("No.")

    monkeypatch.setattr("restartmanager.api.questions.who_uses", fails)
    with pytest.raises(OSError, match="busy") as caught, rm.explain_busy("/x"):
        raise OSError(errno.EBUSY, "busy")
    assert notes(caught.value) == ""


def test_hostile_names_are_escaped(spawn: Spawn, tmp_path: Path) -> None:
    program = tmp_path / "x\x1b[31m\n"
    shutil.copy("/bin/sleep", program)
    spawn.running(str(program), "600")
    with pytest.raises(OSError, match="busy") as caught, rm.explain_busy():
        program.open("wb")
    assert "\x1b" not in notes(caught.value)
    assert "x\\e[31m\\n" in notes(caught.value)
