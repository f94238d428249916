"""restartctl demo: it works, it is honest, and it leaves nothing behind."""

import os
import signal
import tempfile
from pathlib import Path

import pytest

from cli.machinery import PATIENCE_S, Machine
from restartmanager.adapters.processes.pidfds import PidfdHandle, wait_for_exit
from restartmanager.cli.demo import stage as demo_stage
from restartmanager.cli.demo.stage import Stage, StageError, await_mapping, mapped_inodes
from restartmanager.model.identity import UniqueProcess
from support.spawning import PYTHON, Spawn


def _left_behind(folder: Path) -> list[str]:
    """Files in the folder, and processes that were started from there."""
    found = [str(path) for path in folder.iterdir()]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in words:
            found.append(pid)
    return found


@pytest.fixture
def stage_folder(machine: Machine) -> Path:
    folder = machine.folder / "demo-tmp"
    folder.mkdir()
    machine.environment["TMPDIR"] = str(folder)
    return folder


def test_it_works(machine: Machine, stage_folder: Path) -> None:
    done = machine.run("demo")
    assert (done.returncode, done.stderr) == (0, ""), done
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith(" 1  Two applications run")]
    assert [line for line in lines if "its own arguments" in line and "editor" in line]
    assert lines[-1].endswith("Nothing was left behind.")
    assert max(map(len, lines[2:])) <= 80  # the second names the folder
    assert _left_behind(stage_folder) == []
    assert not machine.state.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", [b" 3  ", b" 6  ", b" 8  "])
def test_an_interruption_leaves_nothing_behind(
    machine: Machine, stage_folder: Path, number: int, moment: bytes
) -> None:
    play = machine.begin("demo")
    assert play.stdout is not None
    for line in play.stdout:
        if line.startswith(moment):
            break
    play.send_signal(number)
    play.communicate(timeout=PATIENCE_S)
    assert play.returncode == 128 + number
    assert _left_behind(stage_folder) == []


def test_it_says_which_step_went_wrong(machine: Machine, stage_folder: Path) -> None:
    done = machine.run("demo", RESTARTMANAGER_TIMEOUT_S="nonsense")
    assert done.returncode == 3
    assert done.stderr.startswith("restartctl demo: Step 2 went wrong: ")
    assert _left_behind(stage_folder) == []


def test_an_application_that_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", "/before")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stage = Stage()
    try:
        Path(stage.library).write_bytes(b"no library")
        with pytest.raises(StageError, match="editor did not start"):
            stage.start("editor")
    finally:
        stage.clear(())
    assert os.environ["RESTARTMANAGER_STATE_DIR"] == "/before"
    assert _left_behind(tmp_path) == []


def test_a_machine_without_a_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os.path, "isfile", lambda _: False)
    with pytest.raises(StageError, match="no shared library"):
        Stage()
    assert list(tmp_path.iterdir()) == []


def test_the_library_is_one_that_this_process_has_mapped() -> None:
    path = demo_stage._some_library()
    assert mapped_inodes(os.getpid(), path) == {os.stat(path).st_ino}


def test_who_has_yet_to_map_the_library_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, spawn: Spawn, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    library.write_bytes(b"x" * 5000)
    late = "import mmap, sys; sys.stdin.readline(); f = open(sys.argv[1], 'rb')\n"
    late += "kept = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); print(); sys.stdin.read()"
    child = spawn.running(PYTHON, "-uSIc", late, str(library))

    def meanwhile(handles: list[PidfdHandle], until: float) -> frozenset[UniqueProcess]:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.stdout.readline()
        return wait_for_exit(handles, until)

    monkeypatch.setattr(demo_stage, "wait_for_exit", meanwhile)
    found = await_mapping(UniqueProcess.of(child.pid), str(library))
    assert found == {library.stat().st_ino}


def test_who_ends_before_that_has_none(spawn: Spawn) -> None:
    child = spawn.running("/bin/cat")
    identity = UniqueProcess.of(child.pid)
    spawn.end(child)
    assert await_mapping(identity, "/nonexistent") == set()
