"""Windows of processes, asked for through a helper process for each display.

DISPLAY and XAUTHORITY come from the environment of a process, which chose them. So the display is
contacted by a helper with the rights of that process's user, never by root (``x11_helper``); only
about processes of that user, on that display, is it believed; and it has a deadline.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import restartmanager
from restartmanager.adapters.desktop.x11_shared import TITLE_LENGTH, TITLES, group_of
from restartmanager.adapters.proc.procfs import PROC, ProcDirectory
from restartmanager.adapters.proc.texts import EXECVE_LIMIT
from restartmanager.adapters.processes.starting import memory_file
from restartmanager.errors import ProcessError, UnsupportedError
from restartmanager.model.answers import WindowKind, Windows
from restartmanager.model.limits import PING_S

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from restartmanager.model import Process
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import CancelToken


_HELPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "x11_helper.py")
_ANSWER_LIMIT = 1024 * 1024  # a helper runs with a user's rights: he may send what he likes


class X11Windows:
    """The windows on X displays of this machine, Xwayland's included; port ``Screens``.

    Raises UnsupportedError where python-xlib is missing (the extra ``x11``).
    """

    def __init__(self, proc: str = PROC) -> None:
        self._proc = proc
        self._folders = _folders()

    def find(
        self, processes: Sequence[Process], deadline: float, cancel: CancelToken | None = None
    ) -> dict[UniqueProcess, Windows]:
        """The windows of those of these processes that have any, pinged; whoever cannot be asked
        before the monotonic ``deadline`` has none. ``cancel`` ends it at once."""
        return self._ask(processes, frozenset(), deadline, cancel)

    def close(
        self, processes: Sequence[Process], deadline: float, cancel: CancelToken | None = None
    ) -> dict[UniqueProcess, Windows]:
        """Ask the main windows of these to close, where they respond; likewise. The shell is left
        alone. Whether a process then exits is another matter: it may ask its user first."""
        return self._ask(processes, {process.pid for process in processes}, deadline, cancel)

    def _ask(
        self,
        processes: Sequence[Process],
        closing: Collection[int],
        deadline: float,
        cancel: CancelToken | None,
    ) -> dict[UniqueProcess, Windows]:
        helpers = []
        try:
            for (uid, display), group in self._by_display(processes).items():
                helpers.append(_Helper(self._folders, uid, display, group, closing))
            found: dict[UniqueProcess, Windows] = {}
            for helper in helpers:
                found |= helper.answer(deadline, cancel)
            return found
        finally:
            for helper in helpers:
                helper.close()

    def _by_display(
        self, processes: Iterable[Process]
    ) -> Mapping[tuple[int, Display], list[Process]]:
        found: dict[tuple[int, Display], list[Process]] = {}
        for process in processes:
            display = self._display_of(process) if _may_ask_for(process) else None
            if display is not None:
                found.setdefault((process.uid, display), []).append(process)
        return found

    def _display_of(self, process: Process) -> Display | None:
        try:
            with ProcDirectory(process.pid, self._proc) as directory:
                text = directory.read("environ", EXECVE_LIMIT) or b""
                status = directory.read("status") or b""
                facts = directory.stat()
        except (ProcessError, OSError):
            return None
        same = facts is not None and facts.start_ticks == process.identity.start_ticks
        return parse_display(text) if same and _chose_itself(status, process.uid) else None


def _may_ask_for(process: Process) -> bool:
    return process.same_pid_namespace and os.geteuid() in {0, process.uid}


def _chose_itself(status: bytes, uid: int) -> bool:
    """Whether its environment is its user's own choice: to a program with rights taken over by
    set-user-ID another user gave it, and would have us use the one's rights for his purposes."""
    line = status.partition(b"\nUid:")[2].partition(b"\n")[0]
    return set(line.split()) == {b"%d" % uid}


def _folders() -> list[str]:
    """The folders from which the helper imports, without anything else that may lie there being run
    at its start."""
    found = [os.path.dirname(restartmanager.__path__[0])]
    for name in ("Xlib", "six"):
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise UnsupportedError("Closing windows", f"python-xlib is not installed ({name})")
        origin = os.path.dirname(spec.origin)
        found.append(os.path.dirname(origin) if spec.submodule_search_locations else origin)
    if not sys.executable or getattr(sys, "frozen", False):
        raise UnsupportedError("Closing windows", "this is a program without a Python of its own")
    return found


class _Helper:
    """One helper at work on one display, for processes of one user."""

    def __init__(
        self,
        folders: Sequence[str],
        uid: int,
        display: Display,
        processes: Sequence[Process],
        closing: Collection[int],
    ) -> None:
        self._processes = {process.pid: process.identity for process in processes}
        request = {
            "display": display.number,
            "authority": display.authority,
            "uid": uid,
            "gid": group_of(uid),
            "pids": [*self._processes],
            "close": [pid for pid in self._processes if pid in closing],
            "ping_s": PING_S,
        }
        self._answer, answering = os.pipe2(os.O_CLOEXEC)
        try:
            with (
                open(answering, "wb"),
                memory_file("request", json.dumps(request).encode("ascii")) as asked,
            ):
                self._child = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-B", _HELPER, *folders],
                    stdin=asked,
                    stdout=answering,
                    stderr=subprocess.DEVNULL,
                    env={"PATH": "/usr/bin:/bin"},
                    cwd="/",
                    start_new_session=True,
                )
        except BaseException:
            os.close(self._answer)
            raise

    def answer(self, deadline: float, cancel: CancelToken | None) -> dict[UniqueProcess, Windows]:
        """The answer of the helper about its processes; empty when it fails, or takes too long."""
        text = self._read(deadline, cancel)
        try:
            found = json.loads(text).get("found", ())
            return {
                self._processes[facts["pid"]]: _windows(facts)
                for facts in found
                if facts["pid"] in self._processes
            }
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {}  # it ran with a user's rights: what it says proves nothing

    def _read(self, deadline: float, cancel: CancelToken | None) -> bytes:
        poll = select.poll()
        poll.register(self._answer, select.POLLIN)
        if cancel is not None:
            poll.register(cancel, select.POLLIN)
        text = b""
        while not text.endswith(b"\n") and len(text) < _ANSWER_LIMIT:
            left_ms = max(0.0, deadline - time.monotonic()) * 1000
            ready = {number for number, _ in poll.poll(left_ms)}
            part = os.read(self._answer, 65536) if ready == {self._answer} else b""
            if not part:
                return b""
            text += part
        return text

    def close(self) -> None:
        """End it; it is our child, and nobody else's."""
        self._child.kill()
        self._child.wait()
        os.close(self._answer)


def _windows(facts: dict[str, Any]) -> Windows:
    """The facts as they were meant, or a TypeError."""
    titles, dialogs = _titles(facts["main"]), _titles(facts["dialogs"])
    responds, asked = facts["responds"], facts["asked"]
    if responds not in {None, True, False} or not isinstance(asked, int):
        raise TypeError
    kind = WindowKind.MAIN if titles else WindowKind.OTHER
    return Windows(
        kind=WindowKind.SHELL if facts["shell"] is True else kind,
        titles=titles,
        dialogs=dialogs,
        responds=responds,
        asked=asked,
    )


def _titles(found: object) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(title, str) for title in found):
        raise TypeError
    return tuple(title[:TITLE_LENGTH] for title in found[:TITLES])


# -- displays --------------------------------------------------------------------------------------

_LOCAL = re.compile(r"(?:unix)?:([0-9]{1,5})(?:\.[0-9]{1,3})?", re.ASCII)
_PATH_LIMIT = 4096  # PATH_MAX: a longer one is none


@dataclass(frozen=True, slots=True, order=True)
class Display:
    """One X display of this machine; ``authority`` is the file with the key to it."""

    number: int
    authority: str


def parse_display(environment: bytes) -> Display | None:
    """The display in the contents of an ``environ`` file (proc_pid_environ(5)); None where there
    is none, or it is on another machine.

    As getenv(3) does, the first variable of a name counts.
    """
    wanted = {b"DISPLAY": "", b"XAUTHORITY": "", b"HOME": ""}
    for entry in reversed(environment.split(b"\0")):
        name, equals, value = entry.partition(b"=")
        if equals and name in wanted:
            wanted[name] = os.fsdecode(value)
    found = _LOCAL.fullmatch(wanted[b"DISPLAY"])
    if found is None:
        return None
    authority = wanted[b"XAUTHORITY"] or os.path.join(wanted[b"HOME"], ".Xauthority")
    if not authority.startswith("/") or len(authority) > _PATH_LIMIT:
        authority = ""
    return Display(int(found[1]), authority)
