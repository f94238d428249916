"""Records as JSON documents: stable, versioned, with a published schema each (``schemas/``).

**Text that is not UTF-8.** File names and arguments on Linux are bytes. JSON has no bytes, and a
lone surrogate, Python's stand-in, is refused or altered by many readers. So a byte that is no UTF-8
is written as U+FFFD (REPLACEMENT CHARACTER) and its two hexadecimal digits, any other lone
surrogate as U+FFFD, ``u`` and four digits, and U+FFFD itself as two of them. All other text stands
as it is, and whoever does not know this rule gets a path that does not exist instead of another
one. ``text_from_json`` reads it back.

The documents are ASCII throughout: safe to print on any terminal, in any locale.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from restartmanager.model import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from restartmanager.cli.output.records import Check
    from restartmanager.model import (
        Affected,
        Application,
        Evidence,
        Filter,
        Outcome,
        Process,
    )
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.preview import Preview
    from restartmanager.model.sessions import SessionDetails, SessionInfo


_MARK = "\ufffd"
_UNWRITABLE = re.compile("[\ud800-\udfff\ufffd]")
_WRITTEN = re.compile(_MARK + "(?:(" + _MARK + ")|u([0-9a-f]{4})|([0-9a-f]{2}))")


def dumps(document: Mapping[str, Any]) -> str:
    """The document as text: ASCII only, and no control character in it but line feeds."""
    text = json.dumps(_writable(document), indent=2, ensure_ascii=True, allow_nan=False)
    return text.replace("\x7f", "\\u007f")


def text_to_json(text: str) -> str:
    """The text with what JSON cannot hold made readable, as the module says."""
    return _UNWRITABLE.sub(_write, text)


def text_from_json(text: str) -> str:
    """What ``text_to_json`` was given."""
    return _WRITTEN.sub(_read, text)


def _write(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if character == _MARK:
        return _MARK + _MARK
    if 0xDC80 <= code <= 0xDCFF:
        return f"{_MARK}{code - 0xDC00:02x}"
    return f"{_MARK}u{code:04x}"


def _read(match: re.Match[str]) -> str:
    mark, surrogate, byte = match.groups()
    if mark:
        return _MARK
    return chr(int(surrogate, 16) if surrogate else 0xDC00 + int(byte, 16))


def _writable(value: object) -> object:
    if isinstance(value, str):
        return text_to_json(value)
    if isinstance(value, dict):
        return {key: _writable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(item) for item in value]
    return value


# -- the documents -----------------------------------------------------------------------------


def affected_document(affected: Affected) -> dict[str, Any]:
    """``restartmanager/affected/1``."""
    return {
        "schema": "restartmanager/affected/1",
        "reboot_reasons": words(affected.reboot_reasons),
        "required": affected.required,
        "applications": [_application(item) for item in affected.applications],
        "unexplained": [
            {"path": item.path, "reason": item.reason} for item in affected.unexplained
        ],
        "inspected": affected.inspected,
        "not_inspectable": affected.not_inspectable,
        "ignored": [
            {"path": item.path, "reason": item.reason, "pids": list(item.pids)}
            for item in affected.ignored
        ],
        "unresponsive": [{"pid": item.pid, "name": item.name} for item in affected.unresponsive],
    }


def outcomes_document(
    operation: str, outcomes: Iterable[Outcome], error: Exception | None = None
) -> dict[str, Any]:
    """``restartmanager/outcomes/1``: what became of each application in one operation.

    ``error`` is what the operation ended with, if it did not end well.
    """
    return {
        "schema": "restartmanager/outcomes/1",
        "operation": operation,
        "complete": error is None,
        "error": None if error is None else _error(error),
        "outcomes": [
            {
                "step": outcome.step,
                "result": outcome.result,
                "message": outcome.message,
                "process": None if outcome.process is None else _identity(outcome.process),
                "application": _application(outcome.application),
            }
            for outcome in outcomes
        ],
    }


def plan_document(preview: Preview) -> dict[str, Any]:
    """``restartmanager/plan/1``: what an operation would do."""
    return {
        "schema": "restartmanager/plan/1",
        "operation": preview.operation,
        "steps": [
            {
                "step": item.step,
                "message": item.message,
                "application": _application(item.application),
            }
            for item in preview.steps
        ],
    }


def sessions_document(sessions: Iterable[SessionInfo]) -> dict[str, Any]:
    """``restartmanager/sessions/1``."""
    return {
        "schema": "restartmanager/sessions/1",
        "sessions": [_session(session) for session in sessions],
    }


def session_document(details: SessionDetails) -> dict[str, Any]:
    """``restartmanager/session/1``: all that is remembered of one, but no secrets."""
    resources = details.resources
    return {
        "schema": "restartmanager/session/1",
        **_session(details.session),
        "resources": {
            "files": len(resources.files),
            "trees": len(resources.trees),
            "services": len(resources.services),
            "processes": len(resources.processes),
        },
        "filters": [_filter(item) for item in details.filters],
        "journal": [
            {
                "sequence": entry.sequence,
                "step": entry.step,
                "at": entry.at,
                "message": entry.message,
                "started_as": entry.started_as and entry.started_as.pid,
                "application": _application(entry.application),
            }
            for entry in details.journal
        ],
    }


def filters_document(filters: Iterable[Filter]) -> dict[str, Any]:
    """``restartmanager/filters/1``."""
    return {
        "schema": "restartmanager/filters/1",
        "filters": [_filter(item) for item in filters],
    }


def doctor_document(checks: Iterable[Check], *, sound: bool) -> dict[str, Any]:
    """``restartmanager/doctor/1``; ``sound``: nothing essential is missing."""
    return {
        "schema": "restartmanager/doctor/1",
        "sound": sound,
        "checks": [
            {
                "name": check.name,
                "ok": check.ok,
                "essential": check.essential,
                "finding": check.finding,
                "meaning": "" if check.ok else check.meaning,
                "remedy": "" if check.ok else check.remedy,
            }
            for check in checks
        ],
    }


def _session(session: SessionInfo) -> dict[str, Any]:
    return {
        "key": session.key,
        "created_at": session.created_at,
        "expires_at": session.expires_at,
        "owner": session.owner and session.owner.pid,
        "members": [member.pid for member in session.members],
        "shut_down": session.shut_down,
        "operation": session.operation,
        "worker": session.worker and session.worker.pid,
        "abandoned": session.abandoned,
    }


def _filter(item: Filter) -> dict[str, Any]:
    target = item.target if isinstance(item.target, str) else item.target.pid
    return {
        "trigger": item.trigger.name.lower(),
        "target": target,
        "action": item.action.name.lower().replace("_", "-"),
    }


def _error(error: Exception) -> dict[str, Any]:
    return {"kind": type(error).__name__, "message": getattr(error, "message", "") or str(error)}


def _application(application: Application) -> dict[str, Any]:
    service, main = application.service, application.main_process
    return {
        "name": application.name,
        "type": application.type,
        "service": None if service is None else service.name,
        "manager": None if service is None else service.manager,
        "main_process": None if main is None else _process(main),
        "processes": [_process(process) for process in application.processes],
        "status": words(application.status),
        "restartable": application.restartable,
        "restart_by": application.restart_by,
        "restart_obstacle": application.restart_obstacle,
        "reboot_reasons": words(application.reboot_reasons),
        "required": application.required,
        "reason": application.reason,
        "evidence": [_evidence(item) for item in application.evidence],
    }


def _process(process: Process) -> dict[str, Any]:
    return {**_identity(process.identity), "uid": process.uid, "exe": process.executable}


def _identity(identity: UniqueProcess) -> dict[str, Any]:
    return {"pid": identity.pid, "start_time": round(identity.start_time, 2)}


def _evidence(item: Evidence) -> dict[str, Any]:
    return {"pid": item.pid, "path": item.path, "how": item.how, "stale": item.stale}
