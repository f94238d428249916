"""Listening through the life of a process: fork, execve, exit, and sleeping."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.processes.channels import LinuxChannels
from restartmanager.app.protocol import socket_name
from restartmanager.model import Signal
from restartmanager.model.answers import Answer, AnswerKind, EndReason
from restartmanager.model.identity import UniqueProcess
from support.listeners import PATIENCE_S, PROCESSES, ask, folder, listening, soon
from support.spawning import descriptors_of

if TYPE_CHECKING:
    from pathlib import Path

    from integration.conftest import Children

__all__ = ["folder", "listening"]  # fixtures


def test_who_does_not_listen_is_not_asked(children: Children) -> None:
    child = children.sleeper()
    process = children.describe(child.pid)
    with LinuxChannels().open([process]) as talks:
        answer = talks.query(EndReason.UPDATE, soon())[process.identity]
        assert talks.end([process.identity], EndReason.UPDATE, soon()) == {process.identity: answer}
    assert answer.kind is AnswerKind.NONE


def test_who_has_exited_has_died(children: Children) -> None:
    child = children.sleeper()
    process = children.describe(child.pid)
    child.kill()
    child.wait()
    with LinuxChannels().open([process]) as talks:
        assert talks.query(EndReason.UPDATE, soon())[process.identity].kind is AnswerKind.DIED


def test_a_forked_child_does_not_listen_and_holds_nothing(listening: Any) -> None:
    app = listening("agree")
    app.order("fork")
    assert app.line() == "done"
    (forked,) = children_of(app.child.pid)
    assert listening_sockets(forked) == 0
    assert listening_sockets(app.child.pid) == 1
    process = PROCESSES.describe(UniqueProcess.of(forked))
    try:
        with LinuxChannels().open([process, app.process]) as talks:
            answers = talks.query(EndReason.UPDATE, soon())
        assert answers[process.identity].kind is AnswerKind.NONE
        assert answers[app.process.identity].kind is AnswerKind.YES
    finally:
        end(process.identity)


def test_a_forked_child_listens_for_itself(listening: Any) -> None:
    app = listening("agree")
    app.order("fork-and-listen")
    forked = int(app.line().removeprefix("child "))
    process = PROCESSES.describe(UniqueProcess.of(forked))
    try:
        with LinuxChannels().open([process]) as talks:
            answers = talks.query(EndReason.UPDATE, soon())
        assert answers[process.identity].kind is AnswerKind.YES
        assert ask(app).kind is AnswerKind.YES
    finally:
        end(process.identity)


def test_another_program_in_the_process_does_not_listen(listening: Any, folder: Path) -> None:
    app = listening("agree")
    app.order("exec")
    assert app.child.stdout is not None
    assert app.child.stdout.read() == b""
    assert (folder / socket_name(app.process.identity)).is_socket()  # nobody has removed it
    assert ask(app) == Answer(AnswerKind.NONE, "it does not listen any more")


def test_a_helper_that_it_started_holds_nothing(listening: Any) -> None:
    app = listening("agree")
    app.order("child")
    assert app.line() == "done"
    (child,) = children_of(app.child.pid)
    try:
        assert listening_sockets(child) == 0
    finally:
        end(UniqueProcess.of(child))


def test_stopping_takes_the_name_away_and_listening_again_brings_it_back(
    listening: Any, folder: Path
) -> None:
    app = listening("agree")
    app.order("stop")
    assert app.line() == "done"
    assert os.listdir(folder) == []
    assert ask(app).kind is AnswerKind.NONE
    app.order("listen")
    assert app.line() == "done"
    assert ask(app).kind is AnswerKind.YES


def test_one_that_closed_every_descriptor_can_listen_again(listening: Any) -> None:
    app = listening("agree")
    app.order("closefrom")
    assert app.line() == "done"
    app.order("listen")
    assert app.line() == "done"
    assert ask(app).kind is AnswerKind.YES


@pytest.mark.parametrize("where", ["thread", "loop"])
def test_who_exits_leaves_nothing_behind(listening: Any, folder: Path, where: str) -> None:
    app = listening("agree", where)
    app.child.stdin.close()
    assert app.child.wait(PATIENCE_S) == 0
    assert os.listdir(folder) == []


def test_what_a_killed_one_leaves_behind_is_swept_by_the_next(listening: Any, folder: Path) -> None:
    killed, alive = listening("agree"), listening("agree")
    killed.child.kill()
    killed.child.wait()
    assert len(os.listdir(folder)) == 2
    another = listening("agree")
    names = {socket_name(app.process.identity) for app in (alive, another)}
    assert set(os.listdir(folder)) == names


def test_an_idle_application_sleeps_in_one_thread(listening: Any) -> None:
    """Nothing wakes it: no switch of context of its listening thread while others ask another."""
    app = listening("agree")
    app.order("child")  # it has handled an order: everything is set up
    app.line()
    (helper,) = children_of(app.child.pid)
    end(UniqueProcess.of(helper))
    threads = {
        int(number): name
        for number in os.listdir(f"/proc/{app.child.pid}/task")
        if (name := status(app.child.pid, number, "Name"))
    }
    assert len(threads) == 3  # the main one, the one that reads orders, and the one that listens
    (listener,) = [n for n in threads if waits_in_poll(app.child.pid, n)]
    before = status(app.child.pid, str(listener), "voluntary_ctxt_switches")
    busy = listening("hang")
    assert ask(busy, 1.0).kind is AnswerKind.HUNG
    assert status(app.child.pid, str(listener), "voluntary_ctxt_switches") == before


def test_an_application_without_a_private_folder_says_so(folder: Path) -> None:
    """Root's and a user's own folders aside, there is only this one in the test."""
    folder.chmod(0o755)
    code = (
        "from restartmanager import app; from restartmanager.app import endpoint\n"
        "endpoint.socket_folders = lambda uid, own: ((own, ('restartmanager',)),)\n"
        "from restartmanager.errors import UnsupportedError\n"
        "try: app.listen()\n"
        "except UnsupportedError as error: print(error.message)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "nor can there be one that is private" in out.stdout


# -- helpers --------------------------------------------------------------------------------------


def children_of(pid: int) -> list[int]:
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
            found += [int(number) for number in file.read().split()]
    return found


def end(identity: UniqueProcess) -> None:
    with PROCESSES.open(identity) as handle:
        handle.send(Signal.KILL)
        assert PROCESSES.wait([handle], soon())


def listening_sockets(pid: int) -> int:
    """How many of its descriptors are sockets that listen."""
    with open("/proc/net/unix", encoding="utf-8") as file:
        listening = {line.split()[6] for line in file if line.split()[3] == "00010000"}
    links = descriptors_of(pid).values()
    return sum(link.removeprefix("socket:[").rstrip("]") in listening for link in links)


def status(pid: int, thread: str, field: str) -> str:
    with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8") as file:
        return next(line.split(":", 1)[1].strip() for line in file if line.startswith(field + ":"))


def waits_in_poll(pid: int, thread: int) -> bool:
    with open(f"/proc/{pid}/task/{thread}/wchan", encoding="ascii") as file:
        return "poll" in file.read()
