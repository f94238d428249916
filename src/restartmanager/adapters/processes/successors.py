"""Successors: processes that were started in place of earlier ones, and the turn to start one.

A new process has a variable that names the process whose place it takes, and whose place that had
taken. So whoever is to bring one of them back sees that somebody has, also where the two have no
memory in common, as root and a user. The variable counts for the process only that the launcher
made, which another one names: children inherit both. A user can set them at will, and so keep only
the user's own programs from coming back.

Who starts something in place of a process has a socket in the abstract namespace meanwhile
(unix(7)), whose name that process gives. One of another user, unless it is root's, is not waited
for.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from typing import TYPE_CHECKING

from restartmanager.adapters.proc import procfs
from restartmanager.adapters.proc.formats import status_field
from restartmanager.app.registering import REPLACES_VARIABLE, RESTARTED_VARIABLE
from restartmanager.errors import ProcessError
from restartmanager.model.identity import UniqueProcess, boot_id
from restartmanager.model.limits import LAUNCH_S, START_AGAIN_S
from restartmanager.rules.sharing import place

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIZE_LIMIT = 4 * 1024 * 1024
_BETWEEN_TRIES_S = 0.02
_BEGINS_S = 0.5
"""How long there may be between having the name and listening."""
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


def successor_of(replaced: UniqueProcess, uid: int) -> UniqueProcess | None:
    """The process of this user that lives in place of this one: it was started for it, or for one
    that was."""
    name, wanted = f"\0{REPLACES_VARIABLE}=".encode(), place(replaced).encode()
    for process, _, variables in _processes_of(uid):
        taken = variables.partition(name)[2].partition(b"\0")[0]
        if wanted in taken.split() and _mark_of(process) in variables:
            return process
    return None


def daemon_of(starter: UniqueProcess, uid: int) -> UniqueProcess | None:
    """The oldest process of this user that comes from a launched one and has left its session.

    That is what daemon(3) does; helpers that a program leaves behind stay in its session.
    """
    mark = _mark_of(starter)
    found = [
        process
        for process, session, variables in _processes_of(uid)
        if mark in variables and session != starter.pid and process != starter
    ]
    return min(found, key=lambda process: (process.start_ticks, process.pid), default=None)


def _mark_of(launched: UniqueProcess) -> bytes:
    return f"\0{RESTARTED_VARIABLE}={launched.pid}:{launched.start_ticks}\0".encode()


def _processes_of(uid: int) -> Iterator[tuple[UniqueProcess, int, bytes]]:
    """The living processes of this user that can be looked into, with session and variables."""
    for pid in procfs.pids():
        with contextlib.suppress(ProcessError, OSError), procfs.ProcDirectory(pid) as directory:
            users = status_field(directory.read("status") or b"", b"Uid").split()
            if users[:1] != [b"%d" % uid]:
                continue
            variables = b"\0" + (directory.read("environ", _SIZE_LIMIT) or b"")
            facts = directory.stat()
            if facts is not None and not facts.dead:
                yield UniqueProcess(pid, facts.start_ticks, boot_id()), facts.session, variables


@contextlib.contextmanager
def turn_to_start(replaced: UniqueProcess, uid: int) -> Iterator[None]:
    """Have the turn to start something in place of this process, as this user. Whoever else has it
    is waited for as long as a start may take, with all its tries."""
    name = f"\0restartmanager/{uid}/{place(replaced)}"
    deadline = time.monotonic() + START_AGAIN_S + LAUNCH_S
    silent_until = time.monotonic() + _BEGINS_S
    with socket.socket(socket.AF_UNIX) as ours:
        while not _bound(ours, name) and time.monotonic() < deadline:
            turn = _others_turn(name)
            if turn is None and time.monotonic() >= silent_until:
                break
            if turn is None:
                time.sleep(_BETWEEN_TRIES_S)
                continue
            with turn:
                if _user_who_has(turn) not in {0, uid, os.geteuid()}:
                    break
                _await_end(turn, deadline)
        yield


def _bound(ours: socket.socket, name: str) -> bool:
    try:
        ours.bind(name)
        ours.listen()
    except OSError:
        return False
    return True


def _others_turn(name: str) -> socket.socket | None:
    """A connection to who has the name, which ends with the turn; None where there is none: the
    name was just given back, or whoever has it has not begun to listen."""
    connection = socket.socket(socket.AF_UNIX)
    connection.setblocking(False)  # noqa: FBT003 - it takes no keyword
    try:
        connection.connect(name)
    except OSError:
        connection.close()
        return None
    return connection


def _user_who_has(turn: socket.socket) -> int:
    """The user as whom the other end began to listen."""
    peer = turn.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, owner, _ = _CREDENTIALS.unpack(peer)
    return int(owner)


def _await_end(turn: socket.socket, deadline: float) -> None:
    """Wait until the other end is closed; nobody there takes the connection, or says anything."""
    poll = select.poll()
    poll.register(turn, 0)  # an end is told in any case
    poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
