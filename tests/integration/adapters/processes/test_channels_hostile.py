"""Asking those who behave badly, and being asked by them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.processes.channel_sockets import ChannelSockets
from restartmanager.adapters.processes.channels import LinuxChannels
from restartmanager.adapters.processes.pidfds import PidfdHandle
from restartmanager.app.protocol import socket_name
from restartmanager.model.answers import Answer, AnswerKind, EndReason
from support.listeners import PATIENCE_S, ask, folder, listening, posing, soon
from support.paths import PROGRAMS
from support.screens import needs

if TYPE_CHECKING:
    from pathlib import Path

    from integration.conftest import Children

__all__ = ["folder", "listening", "posing"]  # fixtures

IN_VAIN_S = 0.3
"""How long to wait for an answer that will not come."""


def test_written_from_the_specification_alone(posing: Any) -> None:
    app = posing("own", "yes")
    assert ask(app) == Answer(AnswerKind.YES)
    assert app.line() == "restartmanager 1 query update"
    assert app.line() == "left"


def test_one_that_lies_about_its_number_is_an_impostor(posing: Any, children: Children) -> None:
    victim = children.describe(children.sleeper().pid)
    app = posing(socket_name(victim.identity), "yes")
    with LinuxChannels().open([victim]) as talks:
        answer = talks.query(EndReason.UPDATE, soon())[victim.identity]
    assert answer == Answer(AnswerKind.IMPOSTOR, f"process {app.child.pid} listens under its name")
    assert not answer.objects


@pytest.mark.root
def test_a_strangers_socket_is_an_impostors(posing: Any, children: Children) -> None:
    victim = children.describe(children.sleeper().pid)
    posing(socket_name(victim.identity), "yes", "65534")
    with LinuxChannels().open([victim]) as talks:
        answer = talks.query(EndReason.UPDATE, soon())[victim.identity]
    assert answer == Answer(AnswerKind.IMPOSTOR, "user 65534 listens under its name")


@pytest.mark.root
def test_a_number_that_was_used_again_is_an_impostors(folder: Path) -> None:
    """SO_PEERCRED alone would believe it: who listened had the number that is meant."""
    needs("unshare")
    program = str(PROGRAMS / "reuses_number.py")
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, program, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "True impostor: a process that has exited listened under its name\n"


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("flood", "it says more than was asked"),
        ("chatter", "it says more than was asked"),
        ("garbage", "what it says is no answer"),
        ("wrong", "what it says is no answer"),
        ("newer", "it does not speak this version of the protocol"),
        ("hang-up", "it closed the connection"),
    ],
)
def test_what_is_no_answer_is_nonsense(posing: Any, how: str, why: str) -> None:
    answer = ask(posing("own", how))
    assert answer == Answer(AnswerKind.NONSENSE, why)
    assert not answer.objects


@pytest.mark.parametrize("how", ["silent", "drip"])
def test_half_an_answer_is_none(posing: Any, how: str) -> None:
    assert ask(posing("own", how), IN_VAIN_S).kind is AnswerKind.HUNG


def test_one_that_takes_no_connections_is_hung(posing: Any, folder: Path) -> None:
    app = posing("own", "deaf")
    path = str(folder / socket_name(app.process.identity))
    with socket.socket(socket.AF_UNIX) as filling:
        filling.connect(path)  # a backlog of none takes one
        assert ask(app) == Answer(AnswerKind.HUNG, "it does not take connections")


@pytest.mark.root
def test_a_stranger_is_not_answered(listening: Any, folder: Path, as_nobody: Any) -> None:
    app = listening("agree")
    path = folder / socket_name(app.process.identity)
    path.chmod(0o777)
    found = os.open(path, os.O_PATH)  # as if the folders were open to everybody
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.settimeout(PATIENCE_S)
        with as_nobody():
            stranger.connect(f"/proc/self/fd/{found}")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stranger.sendall(b"restartmanager 1 query update\n")
            assert stranger.recv(100) == b""
    os.close(found)
    assert ask(app).kind is AnswerKind.YES
    assert app.line() == "query update"  # and nothing before that


def test_silent_ones_do_not_keep_others_from_asking(listening: Any, folder: Path) -> None:
    """Eight connections that say nothing are dropped, and the ninth is served."""
    app = listening("agree")
    path = str(folder / socket_name(app.process.identity))
    silent = [socket.socket(socket.AF_UNIX) for _ in range(8)]
    try:
        for one in silent:
            one.connect(path)
        assert ask(app).kind is AnswerKind.YES
    finally:
        for one in silent:
            one.close()


def test_an_application_that_is_flooded_drops_the_line(listening: Any, folder: Path) -> None:
    app = listening("agree")
    with socket.socket(socket.AF_UNIX) as flooding:
        flooding.settimeout(PATIENCE_S)
        flooding.connect(str(folder / socket_name(app.process.identity)))
        flooding.sendall(b"x" * 5000)
        with contextlib.suppress(ConnectionResetError):  # what it sent was not even read
            assert flooding.recv(1000) == b""
    assert ask(app).kind is AnswerKind.YES


# -- the folder -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o755, 0o720, 0o701])
def test_a_folder_that_others_can_enter_is_not_looked_into(
    posing: Any, folder: Path, mode: int
) -> None:
    app = posing("own", "yes")
    folder.chmod(mode)
    assert ask(app).kind is AnswerKind.NONE


def test_no_link_is_followed(posing: Any, folder: Path) -> None:
    app = posing("own", "yes")
    name = socket_name(app.process.identity)
    os.rename(folder / name, folder.parent / "elsewhere")
    os.symlink("../elsewhere", folder / name)
    assert ask(app).kind is AnswerKind.NONE
    os.unlink(folder / name)
    os.rename(folder.parent / "elsewhere", folder / name)
    assert ask(app).kind is AnswerKind.YES
    os.rename(folder, folder.parent / "moved")
    os.symlink("moved", folder)
    assert ask(app).kind is AnswerKind.NONE


def test_what_is_no_socket_is_not_connected(children: Children, folder: Path) -> None:
    process = children.describe(children.sleeper().pid)
    os.mkfifo(folder / socket_name(process.identity))
    with LinuxChannels().open([process]) as talks:
        assert talks.query(EndReason.UPDATE, soon())[process.identity].kind is AnswerKind.NONE


def test_a_file_system_of_the_users_own_is_not_touched(posing: Any, folder: Path) -> None:
    """Where another process answers, whoever looks may wait for ever."""
    app = posing("own", "yes")
    sockets = ChannelSockets()
    with PidfdHandle(app.process.identity) as handle:
        found = sockets.connect(app.process, handle)
        assert isinstance(found, socket.socket)
        found.close()
        sockets._types = dict.fromkeys(sockets._types, "fuse.evil")
        refused = sockets.connect(app.process, handle)
    assert isinstance(refused, Answer)
    assert refused.kind is AnswerKind.NONE
