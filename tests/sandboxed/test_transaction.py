"""A library that services use is replaced, in one ``restartctl run``, on a real systemd."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.units import main_pid, maps, state, systemctl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.units import Units

RESTARTCTL = Path(sys.executable).with_name("restartctl")
USER = os.environ.get("SYSTEMD_SANDBOX_USER", "")
OF_USER = ("--user", "-M", f"{USER}@")
INSTALL = """
import json, os, shutil, socket, subprocess, sys
library, knock, record = sys.argv[1:]
def states(*words):
    command = ["/usr/bin/systemctl", *words]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.split()
seen = {"states": states("is-active", *json.loads(os.environ["UNITS"]))}
seen["user"] = states("--user", "-M", os.environ["OWNER"] + "@", "is-active", "mine.service")
with socket.socket(socket.AF_UNIX) as client:
    try:
        client.connect(knock)
        seen["knock"] = "answered"
    except OSError as error:
        seen["knock"] = error.strerror
shutil.copy(library, library + ".new")
os.rename(library + ".new", library)
seen["after"] = states("is-active", "doors.service")
with open(record, "w") as file:
    json.dump(seen, file)
"""


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RESTARTCTL, *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def scene(units: Units) -> Iterator[Units]:
    """Three services with one library: one with a socket, one with dependents, one of a user."""
    knock = units.folder / "doors.sock"
    units.service("doors.service")
    units.add("doors.socket", f"[Socket]\nListenStream={knock}\n")
    units.service("base.service")
    needs = ["Requires=base.service", "After=base.service"]
    units.add("above.service", "\n".join(["[Unit]", *needs, "[Service]", "ExecStart=sleep inf"]))
    units.add("asleep.service", "\n".join(["[Unit]", *needs, "[Service]", "ExecStart=sleep inf"]))
    units.add(
        "bound.target", "[Unit]\nBindsTo=base.service\nAfter=base.service\nWants=asleep.service\n"
    )
    units.service("idle.service")
    units.add("idle.socket", f"[Socket]\nListenStream={units.folder}/idle.sock\n")
    units.start("doors.socket", "doors.service", "base.service", "above.service", "idle.socket")
    systemctl("start", "--job-mode=ignore-dependencies", "bound.target")
    home = Path(os.path.expanduser(f"~{USER}")) / ".config" / "systemd" / "user"
    home.mkdir(parents=True, exist_ok=True)
    text = f"[Service]\nType=notify\nExecStart={units.command()}\n"
    (home / "mine.service").write_text(text, encoding="utf-8")
    systemctl(*OF_USER, "daemon-reload")
    systemctl(*OF_USER, "start", "mine.service")
    yield units
    systemctl(*OF_USER, "stop", "mine.service")


STOPPED = ["doors.service", "doors.socket", "base.service", "above.service", "bound.target"]
UNTOUCHED = ["asleep.service", "idle.service"]


def test_a_library_is_replaced_under_three_services(scene: Units) -> None:
    old = {name: main_pid(name) for name in ("doors.service", "base.service")}
    old_user = main_pid("mine.service", *OF_USER)
    assert all(maps(pid, scene.library) for pid in (*old.values(), old_user))
    record = scene.folder / "record.json"
    done = run(
        "run",
        "--tree",
        scene.library.parent,
        "--",
        sys.executable,
        "-c",
        INSTALL,
        scene.library,
        scene.folder / "doors.sock",
        record,
        UNITS=json.dumps([*STOPPED, *UNTOUCHED, "idle.socket"]),
        OWNER=USER,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(record.read_text())
    assert seen["states"] == ["inactive"] * 7 + ["active"]
    assert seen["user"] == ["inactive"]
    assert seen["knock"] == "Connection refused"
    assert seen["after"] == ["inactive"]
    assert state(*STOPPED) == ["active"] * 5
    assert state(*UNTOUCHED, "idle.socket") == ["inactive", "inactive", "active"]
    for name, before in old.items():
        assert main_pid(name) not in {0, before}
        assert maps(main_pid(name), scene.library)
    assert maps(main_pid("mine.service", *OF_USER), scene.library)
    assert main_pid("mine.service", *OF_USER) != old_user


def test_the_list_says_what_is_stopped_and_why(scene: Units) -> None:
    key = run("session", "start").stdout.strip()
    run("session", "register", key, "--file", scene.library)
    done = run("session", "list", key, "--json")
    run("session", "end", key)
    assert done.returncode == 0, done.stderr
    found = {app["name"]: app for app in json.loads(done.stdout)["applications"]}
    assert set(found) == {"doors", "base", "above", "mine"}
    assert {app["type"] for app in found.values()} == {"service"}
    assert {app["restart_by"] for app in found.values()} == {"unit"}
    assert found["doors"]["service"] == "doors.service"
    assert found["doors"]["manager"] == "systemd"
    assert found["doors"]["evidence"][0]["how"] == ["mapped"]
    assert found["above"]["evidence"] == []
    assert found["above"]["reason"] == "it needs base.service"
    assert found["mine"]["main_process"]["uid"] == int(os.environ["SYSTEMD_SANDBOX_UID"])


def test_who_names_those_only_that_use_it(scene: Units) -> None:
    done = run("who", scene.library)
    assert done.returncode == 0, done.stderr
    names = [line.split()[0] for line in done.stdout.splitlines() if line[:1].strip()]
    assert sorted(names) == ["base", "doors", "mine"]
    assert "service doors.service" in done.stdout
