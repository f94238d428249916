"""Who was started in whose place, and whose turn it is to start something."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.processes import successors
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.limits import LAUNCH_S
from restartmanager.rules.sharing import place

if TYPE_CHECKING:
    from integration.conftest import Children
    from restartmanager.model import Recipe

UID = os.geteuid()


@pytest.fixture
def recipe(children: Children) -> Recipe:
    """How to start what has exited."""
    child = children.sleeper()
    return LinuxProcesses().recipe(children.describe(child.pid), None)


@pytest.fixture
def replaced(children: Children) -> UniqueProcess:
    """A process that has exited."""
    child = children.sleeper()
    identity = UniqueProcess.of(child.pid)
    child.kill()
    child.wait()
    return identity


def test_a_new_process_says_whose_place_it_takes(
    replaced: UniqueProcess, recipe: Recipe, children: Children
) -> None:
    processes = LinuxProcesses()
    assert processes.successor(replaced, UID) is None
    back = processes.start(recipe, children.adopt, replaced=replaced)
    assert processes.successor(replaced, UID) == back
    assert processes.successor(replaced, UID + 1) is None
    assert processes.successor(back, UID) is None


def test_what_has_only_inherited_the_variables_is_none(
    replaced: UniqueProcess, children: Children
) -> None:
    variables = {
        "RESTARTMANAGER_REPLACES": place(replaced),
        "RESTARTMANAGER_RESTARTED": f"{os.getpid()}:1",
    }
    children.sleeper(env=variables)
    assert LinuxProcesses().successor(replaced, UID) is None


def test_the_successor_of_a_successor_replaces_the_successor_only(
    replaced: UniqueProcess, recipe: Recipe, children: Children
) -> None:
    processes = LinuxProcesses()
    second = processes.start(recipe, children.adopt, replaced=replaced)
    third = processes.start(recipe, children.adopt, replaced=second)
    assert processes.successor(second, UID) == third
    assert processes.successor(replaced, UID) == second


def test_who_takes_the_place_of_a_successor_takes_that_of_its_predecessor(
    replaced: UniqueProcess, recipe: Recipe, children: Children
) -> None:
    processes = LinuxProcesses()
    second = processes.start(recipe, children.adopt, replaced=replaced)
    its_own = processes.recipe(children.describe(second.pid), None)
    with processes.open(second) as handle:
        handle.send(Signal.KILL)
        processes.wait([handle], time.monotonic() + 10)
    third = processes.start(its_own, children.adopt, replaced=second)
    assert processes.successor(replaced, UID) == processes.successor(second, UID) == third


def test_one_has_the_turn_at_a_time(replaced: UniqueProcess) -> None:
    order: list[str] = []
    waits = threading.Event()

    def second() -> None:
        waits.set()
        with LinuxProcesses().turn_to_start(replaced, UID):
            order.append("second")

    with LinuxProcesses().turn_to_start(replaced, UID):
        other = threading.Thread(target=second)
        other.start()
        waits.wait()
        other.join(0.2)  # time to go ahead, if it did not wait
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def test_the_turn_ends_with_the_process_that_has_it(replaced: UniqueProcess) -> None:
    code = (
        "import os, sys\n"
        "from restartmanager.adapters.processes.processes import LinuxProcesses\n"
        "from restartmanager.model.identity import UniqueProcess\n"
        "pid, ticks, boot = sys.argv[1].split(':')\n"
        "replaced = UniqueProcess(int(pid), int(ticks), boot)\n"
        "with LinuxProcesses().turn_to_start(replaced, os.geteuid()):\n"
        "    os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, place(replaced)], check=False)
    assert done.returncode == 9
    with LinuxProcesses().turn_to_start(replaced, UID):
        pass


def test_a_start_that_is_tried_again_is_waited_for(
    replaced: UniqueProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take longer than one try: who does not wait for it would start a second one."""
    monkeypatch.setattr(successors, "LAUNCH_S", 0.0)
    monkeypatch.setattr(successors, "START_AGAIN_S", 5.0)
    test_one_has_the_turn_at_a_time(replaced)


def test_however_long_somebody_waits_it_is_in_one_place_of_the_queue(
    replaced: UniqueProcess,
) -> None:
    """Who asked again and again would fill the queue of the socket, and then go ahead."""
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(f"\0restartmanager/{UID}/{place(replaced)}")
        held.listen(0)
        order: list[str] = []

        def second() -> None:
            with LinuxProcesses().turn_to_start(replaced, UID):
                order.append("second")

        other = threading.Thread(target=second)
        other.start()
        other.join(2 * successors._BEGINS_S)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


@pytest.mark.root
@pytest.mark.parametrize("listening", [True, False])
def test_a_stranger_cannot_make_anybody_wait(replaced: UniqueProcess, listening: bool) -> None:
    name = f"\0restartmanager/{UID}/{place(replaced)}"
    began = time.monotonic()
    with stranger(name, listening=listening), LinuxProcesses().turn_to_start(replaced, UID):
        assert time.monotonic() - began < LAUNCH_S


def stranger(name: str, *, listening: bool) -> subprocess.Popen[bytes]:
    """A process of another user that has the name."""
    code = (
        "import os, socket, sys\n"
        "os.setresgid(65002, 65002, 65002); os.setresuid(65002, 65002, 65002)\n"
        "held = socket.socket(socket.AF_UNIX)\n"
        "held.bind('\\0' + sys.argv[1])\n"
        "if sys.argv[2] == 'True': held.listen()\n"
        "os.write(1, b'.')\n"
        "os.read(0, 1)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, name[1:], str(listening)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdout.read(1) == b"."
    return child
