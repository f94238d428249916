"""An ordinary user: ``stranger.py UID VERB FOLDER [ARGUMENT…]``; FOLDER is where this user's own
sessions are remembered.

``own`` starts a session, prints its key and its number, and registers what it reads. ``attack``
gets THEIR-FOLDER KEY PID, tries everything against that session, and prints as JSON what came of
it.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pkgutil
import sys
from typing import TYPE_CHECKING

import restartmanager as rm
from restartmanager.adapters.processes.pidfds import PidfdHandle
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.api.wiring import make_engine
from restartmanager.errors import SessionLimitError
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess

if TYPE_CHECKING:
    from collections.abc import Callable

PR_SET_DUMPABLE = 4


def become(uid: int) -> None:
    """Give up all rights; the modules are loaded before, for they may lie where only root reads."""
    for module in pkgutil.walk_packages(rm.__path__, "restartmanager."):
        if not module.name.endswith(("__main__", ".launcher", ".demo_app")):
            importlib.import_module(module.name)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # After a change of user, /proc/self belongs to root until the process may be dumped again.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def own() -> None:
    with rm.start_session() as session:
        say([session.key, os.getpid()])
        for line in sys.stdin:
            session.register(services=[line.strip()], allow_missing=True)
            say(session.resources().services)


def attack(theirs: str, key: str, pid: str) -> None:
    memory = os.path.join(theirs, "sessions.db")
    owner = UniqueProcess.of(int(pid))
    processes = LinuxProcesses()

    def in_their_folder(call: Callable[[], object]) -> object:
        ours = os.environ["RESTARTMANAGER_STATE_DIR"]
        os.environ["RESTARTMANAGER_STATE_DIR"] = theirs
        try:
            return call()
        finally:
            os.environ["RESTARTMANAGER_STATE_DIR"] = ours

    tried = {
        "list the folder": lambda: os.listdir(theirs),
        "read the memory": lambda: os.open(memory, os.O_RDONLY),
        "lock the memory": lambda: os.open(os.path.join(theirs, "sessions.lock"), os.O_RDWR),
        "replace the memory": lambda: os.rename(memory, memory + ".old"),
        "replace the folder": lambda: os.rename(theirs, theirs + ".old"),
        "join by the key": lambda: rm.join_session(key),
        "lead by the key": lambda: rm.open_session(key),
        "join in their folder": lambda: in_their_folder(lambda: rm.join_session(key)),
        "start in their folder": lambda: in_their_folder(rm.start_session),
        "see sessions": lambda: list(make_engine().store.sessions()),
        "recover sessions": lambda: list(rm.recover()),
        "signal the installer": lambda: PidfdHandle(owner).send(Signal.TERMINATE),
        "read its environment": lambda: os.open(f"/proc/{pid}/environ", os.O_RDONLY),
        "read its registration": lambda: processes.registration(processes.describe(owner)),
        "start it as its user": lambda: processes.recipe(processes.describe(owner), None),
        "use up its sessions": use_up,
    }
    say({what: came_of(deed) for what, deed in tried.items()})


def use_up() -> str:
    engine = make_engine()
    try:
        while True:
            engine.start()
    except SessionLimitError:
        return "only its own"


def came_of(deed: Callable[[], object]) -> object:
    try:
        return deed()
    except (OSError, rm.RestartManagerError) as error:
        return type(error).__name__


def say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    uid, verb, folder, *arguments = sys.argv[1:]
    os.environ["RESTARTMANAGER_STATE_DIR"] = folder
    become(int(uid))
    if verb == "own":
        own()
    else:
        attack(*arguments)


if __name__ == "__main__":
    main()
