"""``restartctl session list``, ``ls`` and ``show``."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Literal

import click

from restartmanager.cli.commands import Command, examples
from restartmanager.cli.options import json_option, key_argument, relaunch_option

if TYPE_CHECKING:
    from restartmanager.cli.output.console import Look
    from restartmanager.model import Affected
    from restartmanager.model.journal import JournalEntry
    from restartmanager.model.sessions import SessionDetails, SessionInfo


@examples(
    ("Who would be closed?", "restartctl session list"),
    ("For a program:", "restartctl session list --json | jq '.applications[].name'"),
)
@click.command("list", cls=Command)
@key_argument
@relaunch_option
@json_option
def list_affected(key: str, *, relaunch: Literal["registered", "all"], as_json: bool) -> int:
    """List who uses the registered files now, why, and whether it would come back; and what this
    session has closed already."""
    from restartmanager.api.sessions import open_session
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.output.console import Console

    affected = open_session(key).affected(relaunch=relaunch)
    out = Console(sys.stdout)
    if as_json:
        from restartmanager.cli.output.json_documents import affected_document, dumps

        out.say(dumps(affected_document(affected)))
    else:
        out.lines(list_lines(affected, out.look))
    return ExitCode.DONE


def list_lines(affected: Affected, look: Look) -> list[str]:
    """The list with what a shutdown would do as its last word."""
    from restartmanager.cli.output.render import affected_lines, count, reservations
    from restartmanager.cli.output.text import fill
    from restartmanager.model import Status

    lines = affected_lines(affected, look, fate=True)
    lines += [""] if lines else []
    running = [app for app in affected.applications if app.status & Status.RUNNING]
    blocking = [app for app in running if app.reboot_reasons]
    if not running:
        verdict = "Nobody uses the registered files."
    elif blocking:
        verdict = (
            f"{len(blocking)} of {count(len(running), 'application')} cannot be closed: a shutdown"
            " would refuse, unless it is partial (--partial) or a filter excludes them."
        )
    else:
        verdict = f"{count(len(running), 'application')}; nothing stands in the way."
    return [*lines, *fill(verdict, look.width), *reservations(affected, look, root=_is_root())]


@examples(("Which sessions are open, and whose?", "restartctl session ls"))
@click.command(cls=Command)
@json_option
def ls(*, as_json: bool) -> int:
    """List the open sessions of this user."""
    from restartmanager.api.journal import sessions
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.output.console import Console
    from restartmanager.cli.output.text import table

    found = sessions()
    out = Console(sys.stdout)
    if as_json:
        from restartmanager.cli.output.json_documents import dumps, sessions_document

        out.say(dumps(sessions_document(found)))
    elif not found:
        out.say("No open sessions.")
    else:
        rows = [
            (session.key, _ago(session.created_at), _owner(session), _state(session))
            for session in found
        ]
        out.lines(table(("KEY", "STARTED", "OWNER", "STATE"), rows, out.look.width, whole={0}))
    return ExitCode.DONE


@examples(("What has it done so far?", "restartctl session show"))
@click.command(cls=Command)
@key_argument
@json_option
def show(key: str, *, as_json: bool) -> int:
    """Show what is remembered of a session: what was registered, what was done, and when.

    Works for every session of this user, whoever started it, also for one whose installer died.
    """
    from restartmanager.api.journal import read_session
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.output.console import Console

    details = read_session(key)
    out = Console(sys.stdout)
    if as_json:
        from restartmanager.cli.output.json_documents import dumps, session_document

        out.say(dumps(session_document(details)))
        return ExitCode.DONE
    out.lines(_session_lines(details))
    out.lines(_journal_lines(details.journal, out.look))
    return ExitCode.DONE


def _session_lines(details: SessionDetails) -> list[str]:
    from restartmanager.cli.output.render import count
    from restartmanager.cli.output.text import columns

    session, resources = details.session, details.resources
    registered = [
        count(len(items), one, many)
        for items, one, many in (
            (resources.files, "file", "files"),
            (resources.trees, "tree", "trees"),
            (resources.services, "service", "services"),
            (resources.processes, "process", "processes"),
        )
        if items
    ]
    expires = "" if session.expires_at is None else f", expires {_at(session.expires_at)}"
    members = ", ".join(str(member.pid) for member in session.members)
    rows = [
        ("started", _at(session.created_at) + expires),
        ("owner", _owner(session)),
        ("state", _state(session)),
        ("registered", ", ".join(registered) or "nothing"),
        ("filters", str(len(details.filters) or "none")),
        ("joined", f"process {members}" if members else "nobody now"),
    ]
    return columns(rows)


def _journal_lines(journal: tuple[JournalEntry, ...], look: Look) -> list[str]:
    from restartmanager.cli.output.text import table
    from restartmanager.model.escaping import escape

    rows = []
    for entry in journal:
        main = entry.application.main_process
        now = str(entry.started_as.pid) if entry.started_as else ""
        rows.append(
            (
                time.strftime("%H:%M:%S", time.localtime(entry.at)),
                escape(entry.application.name),
                str(main.pid) if main else "",
                entry.step.value,
                now,
                escape(entry.message),
            )
        )
    heads = ("AT", "APPLICATION", "WAS", "STEP", "IS NOW", "")
    return ["", *table(heads, rows, look.width)] if rows else []


def _owner(session: SessionInfo) -> str:
    return "no process" if session.owner is None else f"process {session.owner.pid}"


def _state(session: SessionInfo) -> str:
    if session.operation is not None and session.worker is not None:
        return f"{session.operation} by {session.worker.pid}"
    if session.abandoned:
        return "abandoned"
    return "shut down" if session.shut_down else "open"


def _ago(then: float) -> str:
    seconds = max(0, int(time.time() - then))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return "just now"


def _at(then: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(then))


def _is_root() -> bool:
    return os.geteuid() == 0
