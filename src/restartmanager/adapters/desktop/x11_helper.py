"""The helper for one X display: it looks at windows, or asks them to close, as their user.

``windows`` runs it as ``python -I -S -B x11_helper.py FOLDER…`` with a request in JSON on standard
input, and reads one line of JSON. The folders are where python-xlib and this package lie.

A display is what a process chose: its server may say anything, its key may be any file. So nothing
is contacted with root's rights. Everything is imported first; then the helper becomes the user
whose processes are meant (or, where those are root's, the user whose server answers, when that is
not root), proves that there is no way back, and only then reads the key and connects. Its memory
and time are bounded, and whoever runs it has a deadline.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path.extend(sys.argv[1:])

from Xlib import display, ext
from Xlib.error import DisplayError

from restartmanager.adapters import rights
from restartmanager.adapters.desktop.x11 import Desktop
from restartmanager.adapters.desktop.x11_shared import TITLES, group_of
from restartmanager.adapters.processes.peers import Peer, peer_of

if TYPE_CHECKING:
    from restartmanager.adapters.desktop.x11 import Window


_MEMORY = 512 * 1024 * 1024  # and python-xlib keeps all that a server sends
_CPU_S = 10  # of the processor: a server may send lists without end
_CONNECT_S = 2  # a server that listens takes connections at once


def main() -> None:
    """Read the request, do it, print the answer."""
    request = json.loads(sys.stdin.read())
    _import_the_rest()
    try:
        answer = _answer(request)
    except (OSError, DisplayError, ValueError) as error:
        answer = {"failed": f"{type(error).__name__}: {error}"[:300]}
    sys.stdout.write(json.dumps(answer) + "\n")


def _import_the_rest() -> None:
    """Import what python-xlib imports when it connects: the user may be unable to read it."""
    for name in ("support.unix_connect", *(f"ext.{module}" for _, module in ext.__extensions__)):
        import_module(f"Xlib.{name}")


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    number = request["display"]
    server = _server_of(number)
    if not _in_our_pid_namespace(server.pid):
        raise OSError("the server lives in another pid namespace")
    _become(request["uid"], request["gid"], server.uid)
    os.environ.update(XAUTHORITY=request["authority"] or "/dev/null", HOME="/")
    # The explicit "unix": otherwise python-xlib would go on to TCP.
    connection = display.Display(f"unix/:{number}")
    try:
        return _look(Desktop(connection), request)
    finally:
        with suppress(OSError, DisplayError):
            connection.close()


def _look(desktop: Desktop, request: dict[str, Any]) -> dict[str, Any]:
    wanted = set(request["pids"])
    windows = [window for window in desktop.windows() if window.pid in wanted]
    shells = desktop.window_managers() | {window.pid for window in windows if window.of_shell}
    if request["ping_s"]:
        desktop.ping(windows, request["ping_s"])
    closing = set(request["close"])
    asked = [window.pid for window in windows if _close(desktop, window, closing)]
    clients = desktop.clients() | {window.pid for window in windows}
    found = [
        _facts(pid, [window for window in windows if window.pid == pid])
        | {"shell": pid in shells, "asked": asked.count(pid)}
        for pid in sorted(wanted & (clients | shells))
    ]
    desktop.clients()  # a round trip: what was sent has arrived
    return {"found": found}


def _close(desktop: Desktop, window: Window, closing: set[int]) -> bool:
    """A dialog is not closed: that would be an answer to what it asks."""
    wanted = window.pid in closing and window.is_main and window.responds is not False
    return wanted and desktop.close(window)


def _facts(pid: int, windows: list[Window]) -> dict[str, Any]:
    heard = [window.responds for window in windows if window.responds is not None]
    return {
        "pid": pid,
        "main": [window.title for window in windows if window.is_main][:TITLES],
        "dialogs": [window.title for window in windows if window.transient][:TITLES],
        "responds": all(heard) if heard else None,
    }


# -- rights --------------------------------------------------------------------------------------


def _server_of(number: int) -> Peer:
    """The process that serves a display; nothing is sent to it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trying:
        trying.settimeout(_CONNECT_S)
        trying.connect(f"/tmp/.X11-unix/X{number}")  # noqa: S108 - where X servers listen
        return peer_of(trying)


def _in_our_pid_namespace(pid: int) -> bool:
    """Whether the server counts processes as we do; taken for granted where it cannot be seen."""
    try:
        return pid > 0 and os.readlink(f"/proc/{pid}/ns/pid") == os.readlink("/proc/self/ns/pid")
    except OSError:
        return pid > 0


def _become(uid: int, gid: int, server: int) -> None:
    """Take on the rights with which the display is contacted, for good. Raises PermissionError."""
    rights.limit(memory=_MEMORY, cpu_s=_CPU_S)
    if uid == 0 and server != 0:
        uid, gid = server, group_of(server)
    if os.geteuid() != 0:
        if uid != os.geteuid():
            raise PermissionError("another user's display")
        return
    rights.become(uid, gid)


if __name__ == "__main__":
    main()
