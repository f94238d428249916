"""No permission, no manager, a connection that is lost: results, nothing half done, go on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.services.systemd.manager import Systemd
from restartmanager.model import Hold, RebootReason, Service, ServiceState
from restartmanager.model.progress import CancelToken
from support.paths import SOURCES
from support.units import main_pid, state, systemctl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.units import Units

USER = os.environ.get("SYSTEMD_SANDBOX_USER", "")
UID = int(os.environ.get("SYSTEMD_SANDBOX_UID", "0"))
ASK = """
import json, sys
sys.path[:0] = sys.argv[2].split(":")
import restartmanager as rm
from restartmanager.errors import RestartManagerError
from restartmanager.model import Hold
from restartmanager.model.progress import CancelToken
from restartmanager.api.wiring import make_services
said = {}
with rm.start_session() as session:
    session.register(services=["solid", "mine"], files=[sys.argv[1]])
    affected = session.affected()
    said["listed"] = {a.name: [int(a.reboot_reasons), a.reason] for a in affected.applications}
    try:
        session.shutdown()
    except RestartManagerError as error:
        said["error"] = type(error).__name__
    with session.shutdown(partial=True) as stopped:
        said["outcomes"] = {o.application.name: o.result for o in stopped.outcomes}
    services = make_services()
    solid = services.resolve(["solid"])["solid"]
    with CancelToken() as never:
        for act in (
            lambda: services.stop({solid: Hold()}, patience_s=5, force=False, cancel=never),
            lambda: services.start({solid: Hold()}, cancel=never),
            lambda: services.renew({solid: "restart"}, cancel=never),
        ):
            said.setdefault("direct", []).append([r.trouble for r in act()])
print(json.dumps(said))
"""


@pytest.fixture
def mine(units: Units) -> Iterator[str]:
    """A service of an ordinary user."""
    folder = Path(os.path.expanduser(f"~{USER}")) / ".config" / "systemd" / "user"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.service").write_text(f"[Service]\nType=notify\nExecStart={units.command()}\n")
    of_user = ("--user", "-M", f"{USER}@")
    systemctl(*of_user, "daemon-reload")
    systemctl(*of_user, "start", "mine.service")
    yield "mine.service"
    systemctl(*of_user, "stop", "mine.service", check=False)


def test_an_ordinary_user_is_told_what_only_root_may_do(units: Units, mine: str) -> None:
    units.start(units.service("solid.service"))
    before = main_pid("solid.service"), main_pid(mine, "--user", "-M", f"{USER}@")
    jeepney = subprocess.run(
        [sys.executable, "-c", "import jeepney; print(*jeepney.__path__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    packages = units.folder / "packages"
    shutil.copytree(SOURCES, packages / "restartmanager")
    shutil.copytree(jeepney.stdout.strip(), packages / "jeepney")
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    done = subprocess.run(
        [python, "-c", ASK, units.library, str(packages)],
        user=UID,
        group=UID,
        extra_groups=[],
        cwd="/",
        env={"HOME": os.path.expanduser(f"~{USER}"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    reason, words = said["listed"]["solid"]
    assert reason == RebootReason.PERMISSION_DENIED
    assert "not allowed to stop it" in words
    assert said["listed"]["mine"] == [0, ""]
    assert said["error"] == "RebootNeededError"
    assert said["outcomes"] == {"solid": "skipped", "mine": "done"}
    denied = ["there is no permission to do this"]
    assert said["direct"] == [denied, [""], denied]  # it was started already
    after = main_pid("solid.service"), main_pid(mine, "--user", "-M", f"{USER}@")
    assert after[0] == before[0]
    assert after[1] not in {0, before[1]}


def test_the_system_is_reached_while_the_message_bus_is_away(units: Units) -> None:
    units.start(units.service("solid.service"))
    systemctl("stop", "dbus.socket", "dbus.service")
    try:
        services = Systemd(0)
        solid = services.resolve(["solid"])["solid"]
        with CancelToken() as never:
            stopped = services.stop({solid: Hold()}, patience_s=20, force=False, cancel=never)
            assert [result.trouble for result in stopped] == [""]
            assert state("solid.service") == ["inactive"]
            assert [r.trouble for r in services.start({solid: Hold()}, cancel=never)] == [""]
    finally:
        systemctl("start", "dbus.socket", "dbus.service")


def test_without_a_bus_an_ordinary_users_question_has_an_answer(units: Units) -> None:
    units.start(units.service("solid.service"))
    systemctl("stop", "dbus.socket", "dbus.service")
    try:
        services = Systemd(UID)  # which goes by the bus
        service = Service("systemd", "solid.service")
        assert services.resolve(["solid"]) == {}
        facts = services.describe([service])[service]
        assert facts.state is ServiceState.CHANGING
        assert facts.unstoppable.startswith("its manager cannot be asked: ")
        assert facts.obstacle is RebootReason.PERMISSION_DENIED
        assert services.failed([service]) == frozenset()
    finally:
        systemctl("start", "dbus.socket", "dbus.service")


def test_a_manager_that_dies_in_mid_call_is_a_result(units: Units, mine: str) -> None:
    """The user's manager is frozen, so that the call is on its way, and then killed."""
    services = Systemd(0)
    service = Service("systemd", mine, user=UID)
    assert services.describe([service])[service].state is ServiceState.ACTIVE
    manager = main_pid(f"user@{UID}.service")
    descriptor = os.pidfd_open(manager)
    signal.pidfd_send_signal(descriptor, signal.SIGSTOP)
    killer = threading.Timer(1.0, signal.pidfd_send_signal, (descriptor, signal.SIGKILL))
    killer.start()
    try:
        with CancelToken() as never:
            (result,) = services.stop({service: Hold()}, patience_s=20, force=False, cancel=never)
            assert result.trouble.startswith("its manager cannot be asked: ")
            (again,) = services.start({service: Hold()}, cancel=never)
        assert again.trouble
    finally:
        killer.join()
        os.close(descriptor)
        systemctl("reset-failed", f"user@{UID}.service", check=False)
        systemctl("start", f"user@{UID}.service")


def test_there_is_no_manager_of_a_user_who_is_not_there() -> None:
    service = Service("systemd", "mine.service", user=54321)
    facts = Systemd(0).describe([service])[service]
    assert facts.unstoppable.startswith("its manager cannot be asked: ")
