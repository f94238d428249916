"""Another ordinary user, with everything at their disposal, against somebody's session."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import restartmanager as rm
from support.paths import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.conftest import Children

pytestmark = pytest.mark.root
STRANGER, SOMEBODY = 412345, 412346
PROGRAM = str(PROGRAMS / "stranger.py")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody can reach, with a home for each."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - they must get to their homes
        for uid in (0, STRANGER, SOMEBODY):
            home = Path(folder) / str(uid)
            home.mkdir()
            os.chown(home, uid, uid)
        yield Path(folder)


def ordinary_user(uid: int, verb: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, PROGRAM, str(uid), verb, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def order(process: subprocess.Popen[str], line: str) -> Any:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return answer(process)


@pytest.mark.parametrize("owner", [0, SOMEBODY])
def test_a_stranger_gets_nowhere_and_disturbs_nobody(place: Path, owner: int) -> None:
    theirs, mine = place / f"{owner}/state", place / f"{STRANGER}/state"
    with ordinary_user(owner, "own", str(theirs)) as installer:
        key, pid = answer(installer)
        with ordinary_user(STRANGER, "attack", str(mine), str(theirs), key, str(pid)) as stranger:
            assert answer(stranger) == {
                "list the folder": "PermissionError",
                "read the memory": "PermissionError",
                "lock the memory": "PermissionError",
                "replace the memory": "PermissionError",
                "replace the folder": "PermissionError",
                "join by the key": "NoSuchSessionError",
                "lead by the key": "NoSuchSessionError",
                "join in their folder": "StoreUnsafeError",
                "start in their folder": "StoreUnsafeError",
                "see sessions": [],
                "recover sessions": [],
                "signal the installer": "ProcessAccessError",
                "read its environment": "PermissionError",
                "read its registration": None,
                "start it as its user": "ProcessAccessError",
                "use up its sessions": "only its own",
            }
            stranger.communicate()
        assert order(installer, "a.service") == ["a.service"]
        assert order(installer, "b.service") == ["a.service", "b.service"]
        installer.communicate()
    assert installer.returncode == stranger.returncode == 0


def status_of(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def test_what_root_brings_back_for_a_stranger_is_the_strangers(
    place: Path, children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the stranger puts another program in its place meanwhile."""
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(place / "0/state"))
    program = place / f"{STRANGER}/program"
    shutil.copy("/usr/bin/tail", program)
    rights = {"user": STRANGER, "group": STRANGER, "extra_groups": []}
    children.spawn(str(program), "-f", "/dev/null", cwd="/", **rights)
    with rm.start_session() as session:
        session.register(files=[program])
        with session.shutdown(relaunch="all") as stopped:
            program.unlink()
            shutil.copy("/usr/bin/tail", program)
        [outcome] = stopped.restarted
    assert outcome.process is not None
    status = status_of(children.adopt(outcome.process).pid)
    assert status["Uid"] == status["Gid"] == [str(STRANGER)] * 4
    assert status["Groups"] == []
    assert {status[name][0].strip("0") for name in ("CapPrm", "CapEff", "CapAmb")} == {""}


def test_root_reads_and_writes_nothing_in_a_home_folder(place: Path) -> None:
    """What sudo(8) may leave of the environment leads to the stranger's folder, where every name
    that could be looked at is a FIFO, which whoever opened it would wait for, or a file that
    would be trusted and is broken."""
    home = place / str(STRANGER)
    for name in ("config", "state", "cache", "data"):
        (home / name / "restartmanager/policy.d").mkdir(parents=True)
        os.mkfifo(home / name / "restartmanager/policy.d/evil.toml")
        (home / name / "restartmanager/policy.d/roots-own.toml").write_text("this is no policy")
        for file in ("sessions.db", "sessions.lock", "policy.toml", "kernel-facts.json"):
            os.mkfifo(home / name / "restartmanager" / file)
    before = sorted(str(path) for path in home.rglob("*"))
    environment = {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
    }
    tool = f"{sys.executable} -m restartmanager.cli"
    script = (
        "mount -t tmpfs tmpfs /var/lib && mount -t tmpfs tmpfs /run && "
        f"{tool} who /bin/sh; {tool} session start && {tool} stale; ls /var/lib/restartmanager"
    )
    unshare = shutil.which("unshare")
    assert unshare is not None
    done = subprocess.run(
        [unshare, "--mount", "sh", "-c", script],
        env=environment, cwd="/", capture_output=True, text=True, timeout=50, check=True,
    )  # fmt: skip
    assert "sessions.db" in done.stdout
    assert str(home) not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(str(path) for path in home.rglob("*")) == before
