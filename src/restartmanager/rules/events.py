"""Events for the machine's own log: the start of a session, its lists and operations, each
application that it closes or starts, its end.

Windows writes such events to its event log (10000 to 10010). An event has no secrets: the session
is named by a fingerprint of its key, and text that a process chose is escaped and cut::

    >>> print(ended("0123456789abcdef0123456789abcdef").message)
    session ended
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING

from restartmanager.model import Result, Status
from restartmanager.model.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.model import Affected, Application, Outcome
    from restartmanager.model.identity import FileNumbers, UniqueProcess


_OUTCOMES_LIMIT = 50
_TEXT_LIMIT = 300


class EventKind(StrEnum):
    """The kind of an event; the value is its message id (systemd.journal-fields(7)), the same for
    ever."""

    STARTED = "9b5d51cecab44c9b8a754a69d99d9599"
    LISTED = "fcd1007dfbe2463db3025610633f6751"
    SHUT_DOWN = "54cc3305705e409690ac881236dfe821"
    RESTARTED = "1f4c0763f16d42de9a348fda558c112b"
    REFRESHED = "bb8f1483988c4c6aa66533d5dd664704"
    RECOVERED = "6678fb7abf1a4877a0c0a914bb3bc238"
    ENDED = "87e27aaab7f64daabae38ef92f84ebc9"
    CLOSING = "495e8e7ed8cf46b4b761b21f9dcde5fe"
    STARTING = "6145810e0fed4a81b92043c77151c981"


@dataclass(frozen=True, slots=True)
class Event:
    """An event, which is one line of the log.

    ``session`` is a fingerprint of the key, empty for none. ``counts``, ``outcomes`` and ``facts``
    say what the line says, so that lines can be filtered by them. An event with facts is an audit
    record: the log adds who asked.
    """

    kind: EventKind
    message: str
    session: str = ""
    failed: bool = False
    counts: tuple[tuple[str, int], ...] = ()
    outcomes: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


def started(key: str, *, detached: bool) -> Event:
    """The event of a session's start."""
    owner = "that no process owns " if detached else ""
    return _event(EventKind.STARTED, key, f"session {owner}started")


def listed(key: str, affected: Affected) -> Event:
    """The event of a list that a session has made."""
    running = [app for app in affected.applications if app.status & Status.RUNNING]
    blocking = sum(bool(app.reboot_reasons) for app in running)
    counts = (
        ("applications", len(running)),
        ("blocking", blocking),
        ("unexplained", len(affected.unexplained)),
        ("not_inspectable", affected.not_inspectable),
    )
    return _event(EventKind.LISTED, key, "listed who is affected", counts=counts)


def acted(kind: EventKind, key: str, outcomes: Sequence[Outcome], trouble: str = "") -> Event:
    """The event of an operation on applications; ``trouble`` is why it did not go on."""
    words = kind.name.lower().replace("_", " ")
    counts = tuple(
        (result.value, sum(outcome.result is result for outcome in outcomes)) for result in Result
    )
    return _event(
        kind,
        key,
        f"{words}: {trouble}" if trouble else words,
        failed=bool(trouble) or any(outcome.failed for outcome in outcomes),
        counts=counts,
        outcomes=tuple(map(_words, outcomes[:_OUTCOMES_LIMIT])),
    )


def ended(key: str) -> Event:
    """The event of a session's end."""
    return _event(EventKind.ENDED, key, "session ended")


def about(  # noqa: PLR0913 - the fields
    kind: EventKind,
    key: str,
    application: Application,
    *,
    right: str,
    user: int | None = None,
    process: UniqueProcess | None = None,
    program: str = "",
    file: FileNumbers | None = None,
) -> Event:
    """The audit record of the closing or starting of an application, written before it is done.

    ``user`` is as whom it runs, ``file`` the device and inode of its ``program``, and ``right`` why
    the caller may do it, as ``right_over`` says.
    """
    service = application.service
    facts = {
        "application": application.name,
        "service": "" if service is None else str(service),
        "process": "" if process is None else str(process.pid),
        "runs_as": "" if user is None else str(user),
        "program": program,
        "file": "" if file is None else f"{file[0]}:{file[1]}",
        "right": right,
    }
    known = tuple((name, _short(value)) for name, value in facts.items() if value)
    verb = kind.name.lower()
    session = _fingerprint(key)
    return Event(kind, f"{verb} {_short(application.name)}", session, facts=known)


def right_over(owner: int | None, caller: int) -> str:
    """The right by which the user ``caller`` acts on what runs as ``owner``. That is None for a
    service of which no process is known.

    What is neither the caller's nor done by root is done by a service manager, which decides::

        >>> right_over(1000, caller=1000), right_over(1000, caller=0), right_over(None, caller=7)
        ('owner', 'root', 'manager')
    """
    if owner == caller:
        return "owner"
    return "root" if caller == 0 else "manager"


def _event(  # noqa: PLR0913 - the fields
    kind: EventKind,
    key: str,
    message: str,
    *,
    failed: bool = False,
    counts: tuple[tuple[str, int], ...] = (),
    outcomes: tuple[str, ...] = (),
) -> Event:
    numbers = ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in counts)
    text = f"{message} ({numbers})" if numbers else message
    return Event(kind, _short(text), _fingerprint(key), failed, counts, outcomes)


def _fingerprint(key: str) -> str:
    return sha256(key.encode("ascii")).hexdigest()[:12] if key else ""


def _words(outcome: Outcome) -> str:
    main = outcome.application.main_process
    process = "" if main is None else f" (process {main.pid})"
    message = f": {outcome.message}" if outcome.message else ""
    name = _short(outcome.application.name, _TEXT_LIMIT // 3)
    return _short(f"{outcome.step} {outcome.result}: {name}{process}{message}")


def _short(text: str, limit: int = _TEXT_LIMIT) -> str:
    return escape(text[:limit])
