"""Jobs of a systemd manager, awaited by its signals and never polled."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

from restartmanager.adapters.services.systemd.dbus import Refusal
from restartmanager.adapters.services.systemd.units import manager_call
from restartmanager.model.limits import JOURNAL_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from restartmanager.adapters.services.systemd.dbus import Bus, Call
    from restartmanager.adapters.services.systemd.unit_facts import Unit
    from restartmanager.model import Service
    from restartmanager.model.progress import CancelToken


_STARTS = frozenset({"StartUnit", "RestartUnit", "ReloadOrRestartUnit"})
_JOB_RESULTS = {
    "canceled": "somebody else called it off",
    "timeout": "the manager gave up waiting for it",
    "dependency": "something that it needs did not start",
    "assert": "its unit asserts something that is not so",
    "unsupported": "this machine does not support it",
    "collected": "its unit went away",
}


def explained(trouble: str, service: Service, unit: Unit) -> str:
    """The trouble of a service, with the last lines that it has logged."""
    invocation = unit.properties.get("InvocationID")
    digits = bytes(invocation).hex() if isinstance(invocation, bytes | list) else ""
    said = last_lines(service, digits) if digits else ""
    return f"{trouble}; it said: {said}" if said else trouble


class Jobs:
    """Jobs that were given to a manager and are not over."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._names: dict[str, str] = {}
        self._refused: list[tuple[str, str]] = []

    def add(self, member: str, names: Iterable[str], mode: str = "replace") -> None:
        """Have the manager do this to units, in this order. As much as the connection takes is said
        at once: a caller who is killed over it has hardly ever been heard in part."""
        calls = [(name, manager_call(member, "ss", name, mode)) for name in names]
        if member in _STARTS:
            self._forget_starts(calls)
        self._ask(calls)

    def restart_around(self, name: str, triggers: Iterable[str]) -> None:
        """Have the manager restart a service, and start what triggers it while it is down.

        That is one message after the other without a pause: a manager begins with no job while it
        has not read all that was said to it. What it would hear later could come after the restart.
        """
        restart = (name, manager_call("RestartUnit", "ss", name, "replace"))
        starts = [(other, manager_call("StartUnit", "ss", other, "replace")) for other in triggers]
        self._forget_starts([restart, *starts])
        self._ask([restart, *starts])

    def _forget_starts(self, calls: Iterable[tuple[str, Call]]) -> None:
        """Have the manager count anew: it refuses a unit that is started too often in a short time
        (StartLimitBurst=), and an upgrade in many steps restarts some at each. They would stay
        down."""
        self._bus.call_all(manager_call("ResetFailedUnit", "s", name) for name, _ in calls)

    def _ask(self, calls: Sequence[tuple[str, Call]]) -> None:
        answers = self._bus.call_all(call for _, call in calls)
        for (name, _), answer in zip(calls, answers, strict=True):
            self._note(name, answer)

    def start_transient(
        self, name: str, properties: Sequence[tuple[str, tuple[str, object]]]
    ) -> None:
        """Have the manager make a unit and start it."""
        call = manager_call(
            "StartTransientUnit", "ssa(sv)a(sa(sv))", name, "fail", list(properties), []
        )
        self._note(name, self._bus.call(call))

    def _note(self, name: str, answer: tuple[Any, ...] | Refusal) -> None:
        if isinstance(answer, Refusal):
            self._refused.append((name, _refusal_words(answer)))
        elif answer and isinstance(answer[0], str):
            self._names[answer[0]] = name

    def finished(self, deadline: float, cancel: CancelToken) -> list[tuple[str, str]]:
        """The units whose jobs are over, each with what went wrong, if anything did. Waits for one
        until the monotonic ``deadline`` passes or ``cancel`` is called."""
        found, self._refused = self._refused, []
        if found or not self._names:
            return found
        for event in self._bus.signals(deadline, cancel):
            if event.member == "JobRemoved" and len(event.arguments) == 4:
                _, path, _, result = event.arguments
                name = self._names.pop(path, None)
                if name is not None:
                    words = "" if result == "done" else _JOB_RESULTS.get(result, "it failed")
                    found.append((name, words))
        return found

    def call_off(self, names: Iterable[str]) -> None:
        """Take jobs back that are not over."""
        wanted = set(names)
        paths = [path for path, name in self._names.items() if name in wanted]
        numbers = [path.rpartition("/")[2] for path in paths]
        self._bus.call_all(
            manager_call("CancelJob", "u", int(number)) for number in numbers if number.isdigit()
        )
        for path in paths:
            del self._names[path]


def _refusal_words(refusal: Refusal) -> str:
    if refusal.denied:
        return "there is no permission to do this"
    return f"its manager refused: {refusal.message}"


# -- the journal -----------------------------------------------------------------------------------

_JOURNALCTL = "/usr/bin/journalctl"
_LINES = 3
_SIZE_LIMIT = 2000  # bytes: they become part of one message


def last_lines(service: Service, invocation: str) -> str:
    """The last words of a service in one run of it, as one text; empty where nothing can be read.

    ``invocation`` is the manager's number of the run, in hexadecimal digits. The text is the
    service's own: whoever shows it escapes it.
    """
    match = [f"_SYSTEMD_INVOCATION_ID={invocation}"]
    if service.user is not None:
        match = [f"_UID={service.user}", f"_SYSTEMD_USER_UNIT={service.name}"]
    command = [_JOURNALCTL, "--quiet", "--no-pager", "--output=cat", f"--lines={_LINES}", *match]
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=JOURNAL_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    text = done.stdout[-_SIZE_LIMIT:].decode("utf-8", "surrogateescape")
    return " / ".join(line.strip() for line in text.splitlines() if line.strip())
