"""Events as a log receives them: real datagrams."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters import event_log as adapter
from restartmanager.adapters.event_log import SystemEventLog, login_user
from restartmanager.rules.events import Event, EventKind
from support.paths import DOCS

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT = Event(
    EventKind.SHUT_DOWN,
    "shut down (1 done, 1 failed)",
    "0123456789ab",
    failed=True,
    counts=(("done", 1), ("failed", 1)),
    outcomes=("stop done: editor (process 7)", "stop failed: player (process 8): no"),
)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[socket.socket]:
    """A log that listens at ``tmp_path/log``."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "log"))
        listener.settimeout(10)
        yield listener


def test_the_journal_gets_fields(log: socket.socket, tmp_path: Path) -> None:
    SystemEventLog(str(tmp_path / "log"), "/nowhere").write(EVENT)
    assert log.recv(100_000).decode().splitlines() == [
        "MESSAGE=0123456789ab: shut down (1 done, 1 failed)",
        f"MESSAGE_ID={EventKind.SHUT_DOWN.value}",
        "PRIORITY=4",
        "SYSLOG_IDENTIFIER=restartmanager",
        "RM_EVENT=shut_down",
        "RM_SESSION=0123456789ab",
        "RM_DONE=1",
        "RM_FAILED=1",
        "RM_OUTCOME=stop done: editor (process 7)",
        "RM_OUTCOME=stop failed: player (process 8): no",
    ]


def test_without_a_journal_syslog_gets_a_line(log: socket.socket, tmp_path: Path) -> None:
    SystemEventLog("/nowhere", str(tmp_path / "log")).write(EVENT)
    assert log.recv(100_000).decode() == (
        f"<12>restartmanager[{os.getpid()}]: 0123456789ab: shut down (1 done, 1 failed); "
        "stop done: editor (process 7); stop failed: player (process 8): no"
    )


RECORD = Event(
    EventKind.CLOSING, "closing editor", "0123456789ab", facts=(("runs_as", "7"), ("file", "1:2"))
)


def test_an_audit_record_says_who_asked(log: socket.socket, tmp_path: Path) -> None:
    SystemEventLog(str(tmp_path / "log"), "/nowhere").write(RECORD)
    fields = log.recv(100_000).decode().splitlines()
    login = Path("/proc/self/loginuid").read_text(encoding="ascii")
    assert fields[5:] == [
        "RM_SESSION=0123456789ab",
        "RM_RUNS_AS=7",
        "RM_FILE=1:2",
        f"RM_ASKED_BY={os.getpid()}",
        f"RM_ASKED_BY_USER={os.getuid()}",
        *([] if login == "4294967295" else [f"RM_ASKED_BY_LOGIN={login}"]),
    ]
    SystemEventLog("/nowhere", str(tmp_path / "log")).write(RECORD)
    line = log.recv(100_000).decode()
    assert f"closing editor; runs_as 7; file 1:2; asked_by {os.getpid()}; asked_by_user" in line


@pytest.mark.parametrize(
    ("text", "user"), [("1000", 1000), ("0", 0), ("4294967295", None), ("", None)]
)
def test_who_had_logged_in(tmp_path: Path, text: str, user: int | None) -> None:
    (tmp_path / "loginuid").write_text(text)
    assert login_user(str(tmp_path / "loginuid")) == user
    assert login_user("/nowhere") is None


def test_a_log_that_is_missing_or_full_disturbs_nobody(log: socket.socket, tmp_path: Path) -> None:
    SystemEventLog("/nowhere", "/nowhere").write(EVENT)
    SystemEventLog(str(tmp_path), str(tmp_path)).write(EVENT)
    full = SystemEventLog(str(tmp_path / "log"), "/nowhere")
    for _ in range(2000):  # nobody reads: it would wait for ever
        full.write(EVENT)
    assert log.recv(100_000)


def test_a_flood_is_cut_for_syslog(log: socket.socket, tmp_path: Path) -> None:
    many = Event(EventKind.SHUT_DOWN, "x", outcomes=("y" * 300,) * 50)
    SystemEventLog("/nowhere", str(tmp_path / "log")).write(many)
    assert len(log.recv(100_000)) == 4000
    SystemEventLog(str(tmp_path / "log"), "/nowhere").write(many)
    assert len(log.recv(100_000)) > 15_000


SCRIPT = """
import sys
from restartmanager.adapters import event_log
event_log._JOURNAL = sys.argv[1]
event_log.SystemEventLog.__init__.__defaults__ = (sys.argv[1], "/nowhere")
import restartmanager as rm
with rm.start_session() as session:
    session.register(files=["/bin/sh"])
    print(session.key)
"""


@pytest.mark.parametrize("wanted", ["1", "0"])
def test_every_session_is_told(log: socket.socket, tmp_path: Path, wanted: str) -> None:
    log.settimeout(0.2 if wanted == "0" else 10)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "log")],
        env={
            **os.environ,
            "RESTARTMANAGER_STATE_DIR": str(tmp_path / "state"),
            "RESTARTMANAGER_TRACES": wanted,
            "PASSWORD": "s3cr3t",
        },
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    if wanted == "0":
        with pytest.raises(TimeoutError):
            log.recv(100_000)
        return
    told = log.recv(100_000) + log.recv(100_000)
    assert b"RM_EVENT=started\n" in told
    assert b"RM_EVENT=ended\n" in told
    assert done.stdout.strip()[:8].encode() not in told
    assert b"s3cr3t" not in told


def test_the_message_ids_are_those_of_the_documentation() -> None:
    page = DOCS / "reference" / "settings.md"
    rows = re.findall(r"\| `([0-9a-f]{32})` \| `(\w+)` \|", page.read_text(encoding="utf-8"))
    assert dict(rows) == {e.value: e.name.lower() for e in EventKind}


def test_the_real_places_are_roots() -> None:
    assert adapter._JOURNAL.startswith("/run/systemd/")
    assert adapter._SYSLOG == "/dev/log"
