"""Processes that make themselves hard to look at are found, closed, and never a crash."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import unicodedata
from typing import TYPE_CHECKING

import pytest

import restartmanager as rm
from restartmanager.api.wiring import make_inspector
from restartmanager.cli.output.console import Look
from restartmanager.cli.output.outcomes import outcome_lines
from restartmanager.cli.output.render import affected_lines
from restartmanager.errors import CannotComeBackError
from support.paths import PROGRAMS
from support.spawning import PYTHON

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from support.spawning import Spawn

WAYS = ["deep", "talkative", "called-oddly", "rich", "gone", "restless", "fertile"]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("RESTARTMANAGER_TIMEOUT_S", "2")
    path = tmp_path / "libwidget.so"
    path.write_bytes(b"x" * 4096)
    return str(path)


def is_harmless(lines: Sequence[str]) -> bool:
    return not any(unicodedata.category(letter).startswith("C") for letter in "".join(lines))


@pytest.mark.parametrize("kernel", ["0", "1"])
@pytest.mark.parametrize("way", WAYS)
def test_it_is_found_and_closed(
    library: str, spawn: Spawn, way: str, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTARTMANAGER_KERNEL_ITERATOR", kernel)
    child = spawn.ready(PYTHON, "-S", "-I", str(PROGRAMS / "hostile.py"), way, library)
    try:
        make_inspector().stale()
        with rm.start_session() as session:
            session.register(files=[library])
            affected = session.affected()
            assert child.pid in {p.pid for a in affected.applications for p in a.processes}
            assert is_harmless(affected_lines(affected, Look(width=60), fate=True))
            if way in {"deep", "gone"}:  # for these there is no recipe
                with pytest.raises(CannotComeBackError) as raised:
                    session.shutdown(force=True, relaunch="all")
                assert is_harmless(outcome_lines(raised.value.outcomes, Look(width=60)))
                assert child.poll() is None
            stopped = session.shutdown(force=True, relaunch="all", leave_closed=True)
            assert is_harmless(outcome_lines(stopped.outcomes, Look(width=60)))
            assert child.wait(20) < 0
            stopped.leave_stopped()
    finally:
        spawn.end(child)
        if way == "deep":  # Python's own tools cannot remove what no path leads to
            subprocess.run(["/bin/rm", "-r", "--", os.path.dirname(library)], check=True)


def test_an_application_of_more_processes_than_open_files_are_allowed(
    library: str, spawn: Spawn
) -> None:
    family = (
        "import os, sys\n"
        "held, (end, alive) = os.open(sys.argv[1], os.O_RDONLY), os.pipe()\n"
        "for _ in range(400):\n"
        "    if os.fork() == 0:\n"
        "        os.close(alive)\n"
        "        os.read(end, 1)\n"  # until the first of the family is gone
        "        os._exit(0)\n"
        "os.write(1, b'.')\n"
        "os.read(end, 1)\n"
    )
    parent = spawn.ready(PYTHON, "-S", "-I", "-c", family, library)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with rm.start_session() as session:
            session.register(files=[library])
            [application] = session.affected().applications
            assert len(application.processes) == 401
            session.shutdown(force=True).leave_stopped()
            assert session.affected().applications[0].processes == application.processes
        assert parent.wait(20) < 0
        assert not rm.who_uses(library).applications
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_processes_than_can_be_held_on_to_are_a_clear_error() -> None:
    code = (
        "import resource, sys\n"
        "import restartmanager as rm\n"
        "from restartmanager.errors import ProcessError\n"
        "from restartmanager.adapters.processes.pidfds import PidfdHandle\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
        "me, held = rm.UniqueProcess.current(), []\n"
        "try:\n"
        "    for _ in range(50): held.append(PidfdHandle(me))\n"
        "except ProcessError as error: print(error.message)\n"
    )
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == "There are more processes than can be held on to at once.\n"
