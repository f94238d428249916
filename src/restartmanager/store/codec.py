r"""Records as text that can be stored, and back.

The JSON is pure ASCII: the surrogate escapes that stand for undecodable bytes become ``\udcXX``
and come back as they were. Reading is strict. A text that this version would not have written is
UnreadableError, for a half understood journal must not be acted on.
"""

from __future__ import annotations

import enum
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from restartmanager.identity import UniqueProcess
from restartmanager.journal import JournalEntry, JournalStep, Operation, SessionRecord
from restartmanager.model import (
    Application,
    AppType,
    Evidence,
    Filter,
    FilterAction,
    FilterTrigger,
    Hold,
    How,
    Process,
    RebootReason,
    Recipe,
    Required,
    RestartBy,
    Service,
    Status,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "UnreadableError",
    "decode_application",
    "decode_entry",
    "decode_filter",
    "decode_process",
    "decode_recipe",
    "decode_session",
    "encode_application",
    "encode_entry",
    "encode_process",
    "encode_recipe",
    "encode_target",
    "encode_text",
]

_T = TypeVar("_T")
_Flags = TypeVar("_Flags", bound=enum.IntFlag)


class UnreadableError(ValueError):
    """A stored text is not one that this version writes; never seen outside the store."""


@contextmanager
def _strictly(what: str) -> Iterator[None]:
    """Whatever is wrong with a stored text is UnreadableError, naming ``what`` it should be."""
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        # Only the kind of error: its text may quote a captured environment.
        raise UnreadableError(f"unreadable {what}: {type(error).__name__}") from None


def _as(kind: type[_T], value: object) -> _T:
    """The value, if it is exactly of that kind: ``True`` is no number here."""
    if type(value) is not kind:
        raise TypeError
    return value


def _texts(values: object) -> tuple[str, ...]:
    return tuple(_as(str, value) for value in _as(list, values))


def _numbers(values: object) -> tuple[int, ...]:
    return tuple(_as(int, value) for value in _as(list, values))


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return value


def _flags(kind: type[_Flags], value: object) -> _Flags:
    """The flags, if all bits are known; IntFlag itself would keep foreign bits."""
    number = _as(int, value)
    if number < 0 or number & ~sum(kind):
        raise ValueError
    return kind(number)


def _optional_text(value: object) -> str | None:
    return None if value is None else _as(str, value)


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


# -- texts and processes -----------------------------------------------------------------------


def encode_text(text: str) -> str:
    """Any text as one that the database can keep."""
    return _dumps(text)


def encode_process(identity: UniqueProcess) -> str:
    """A process as text that can be compared in SQL."""
    return f"{identity.pid}:{identity.start_ticks}:{identity.boot_id}"


def decode_process(text: object) -> UniqueProcess:
    """The process that ``encode_process`` wrote down; UnreadableError."""
    with _strictly("process identity"):
        pid, start_ticks, boot_id = _as(str, text).split(":", 2)
        return UniqueProcess(int(pid), int(start_ticks), boot_id)


def _decode_optional_process(text: object) -> UniqueProcess | None:
    return None if text is None else decode_process(text)


# -- sessions and filters ----------------------------------------------------------------------


def decode_session(row: Sequence[Any], members: Sequence[str]) -> SessionRecord:
    """A session from its columns, ``key`` to ``worker``, and its members; UnreadableError."""
    key, created_at, boot_id, owner, expires_at, shut_down, operation, worker = row
    with _strictly("session"):
        return SessionRecord(
            key=_as(str, key),
            created_at=_seconds(created_at),
            boot_id=_as(str, boot_id),
            owner=_decode_optional_process(owner),
            expires_at=None if expires_at is None else _seconds(expires_at),
            shut_down=bool(_as(int, shut_down)),
            operation=None if operation is None else Operation(operation),
            worker=_decode_optional_process(worker),
            members=tuple(decode_process(member) for member in members),
        )


def encode_target(target: str | UniqueProcess) -> str:
    """What a filter looks at, as text that can be compared in SQL."""
    if isinstance(target, UniqueProcess):
        return _dumps([target.pid, target.start_ticks, target.boot_id])
    return _dumps(target)


def decode_filter(trigger: object, target: object, action: object) -> Filter:
    """A filter from its columns; UnreadableError."""
    with _strictly("filter"):
        raw = json.loads(_as(str, target))
        return Filter(
            target=_as(str, raw) if not isinstance(raw, list) else _unique_process(raw),
            trigger=FilterTrigger(_as(int, trigger)),
            action=FilterAction(_as(int, action)),
        )


# -- journal -----------------------------------------------------------------------------------


def encode_entry(entry: JournalEntry) -> str:
    """All of an entry but its sequence, and its recipe, which is a secret and kept apart."""
    return _dumps(
        {
            "application": _application_to_raw(entry.application),
            "step": entry.step.value,
            "at": entry.at,
            "started_as": None if entry.started_as is None else encode_process(entry.started_as),
            "message": entry.message,
            "hold": entry.hold and _hold_to_raw(entry.hold),
        }
    )


def decode_entry(sequence: object, text: object, recipe: object) -> JournalEntry:
    """An entry from its columns; UnreadableError."""
    with _strictly("journal entry"):
        raw = _as(dict, json.loads(_as(str, text)))
        return JournalEntry(
            sequence=_as(int, sequence),
            application=_application_from_raw(raw["application"]),
            step=JournalStep(raw["step"]),
            at=_seconds(raw["at"]),
            recipe=None if recipe is None else decode_recipe(recipe),
            started_as=_decode_optional_process(raw["started_as"]),
            message=_as(str, raw["message"]),
            hold=None if raw.get("hold") is None else _hold_from_raw(raw["hold"]),
        )


def _hold_to_raw(hold: Hold) -> dict[str, Any]:
    return {"triggers": hold.triggers, "followers": hold.followers, "masked": hold.masked}


def _hold_from_raw(raw: Any) -> Hold:  # noqa: ANN401 - JSON can be anything
    masked = _as(bool, raw["masked"])
    return Hold(_texts(raw["triggers"]), _texts(raw["followers"]), masked)


def encode_recipe(recipe: Recipe) -> str:
    """A recipe as JSON, its secrets included."""
    return _dumps(
        {
            "executable": recipe.executable,
            "arguments": recipe.arguments,
            "directory": recipe.directory,
            "environment": recipe.environment,
            "uid": recipe.uid,
            "gid": recipe.gid,
            "groups": recipe.groups,
            "umask": recipe.umask,
            "nice": recipe.nice,
            "limits": recipe.limits,
        }
    )


def decode_recipe(text: object) -> Recipe:
    """The recipe that ``encode_recipe`` wrote down; UnreadableError."""
    with _strictly("recipe"):
        raw = _as(dict, json.loads(_as(str, text)))
        return Recipe(
            executable=_as(str, raw["executable"]),
            arguments=_texts(raw["arguments"]),
            directory=_as(str, raw["directory"]),
            environment=tuple(_pair(pair) for pair in _as(list, raw["environment"])),
            uid=_as(int, raw["uid"]),
            gid=_as(int, raw["gid"]),
            groups=_numbers(raw["groups"]),
            umask=_as(int, raw["umask"]),
            nice=_as(int, raw["nice"]),
            limits=tuple(_limit(limit) for limit in _as(list, raw["limits"])),
        )


def _pair(values: object) -> tuple[str, str]:
    name, value = _texts(values)
    return name, value


def _limit(values: object) -> tuple[int, int, int]:
    number, soft, hard = _numbers(values)
    return number, soft, hard


# -- applications ------------------------------------------------------------------------------


def encode_application(application: Application) -> str:
    """An application as JSON."""
    return _dumps(_application_to_raw(application))


def decode_application(text: object) -> Application:
    """The application that ``encode_application`` wrote down; UnreadableError."""
    with _strictly("application"):
        return _application_from_raw(json.loads(_as(str, text)))


def _application_to_raw(application: Application) -> dict[str, Any]:
    main, service = application.main_process, application.service
    return {
        "name": application.name,
        "type": application.type.value,
        "main_process": None if main is None else _process_to_raw(main),
        "processes": [_process_to_raw(process) for process in application.processes],
        "service": service and _service_to_raw(service),
        "evidence": [[e.pid, e.path, list(e.how), e.stale] for e in application.evidence],
        "status": int(application.status),
        "restart_by": application.restart_by.value,
        "reboot_reasons": int(application.reboot_reasons),
        "required": application.required.value,
        "reason": application.reason,
        "needs": [_service_to_raw(needed) for needed in application.needs],
        "reload_suffices": application.reload_suffices,
    }


def _service_to_raw(service: Service) -> list[Any]:
    return [service.manager, service.name, service.description, service.user]


def _service_from_raw(raw: Any) -> Service:  # noqa: ANN401 - JSON can be anything
    *texts, user = _as(list, raw)
    manager, name, description = _texts(texts)
    return Service(manager, name, description, None if user is None else _as(int, user))


def _application_from_raw(raw: Any) -> Application:  # noqa: ANN401 - JSON can be anything
    main, service = raw["main_process"], raw["service"]
    return Application(
        name=_as(str, raw["name"]),
        type=AppType(raw["type"]),
        main_process=None if main is None else _process_from_raw(main),
        processes=tuple(_process_from_raw(process) for process in _as(list, raw["processes"])),
        service=None if service is None else _service_from_raw(service),
        evidence=tuple(_evidence_from_raw(evidence) for evidence in _as(list, raw["evidence"])),
        status=_flags(Status, raw["status"]),
        restart_by=RestartBy(raw["restart_by"]),
        reboot_reasons=_flags(RebootReason, raw["reboot_reasons"]),
        required=Required(raw["required"]),
        reason=_as(str, raw["reason"]),
        needs=tuple(_service_from_raw(needed) for needed in _as(list, raw.get("needs", []))),
        reload_suffices=_as(bool, raw.get("reload_suffices", False)),
    )


def _evidence_from_raw(raw: list[Any]) -> Evidence:
    pid, path, how, stale = raw
    ways = tuple(How(word) for word in _texts(how))
    return Evidence(_as(int, pid), _as(str, path), ways, _as(bool, stale))


def _unique_process(raw: list[Any]) -> UniqueProcess:
    pid, start_ticks, boot_id = raw
    return UniqueProcess(_as(int, pid), _as(int, start_ticks), _as(str, boot_id))


def _process_to_raw(process: Process) -> dict[str, Any]:
    identity = process.identity
    return {
        "identity": [identity.pid, identity.start_ticks, identity.boot_id],
        "parent_pid": process.parent_pid,
        "name": process.name,
        "executable": process.executable,
        "arguments": process.arguments,
        "uid": process.uid,
        "process_group": process.process_group,
        "session": process.session,
        "terminal": process.terminal,
        "cgroup": process.cgroup,
        "same_pid_namespace": process.same_pid_namespace,
        "kernel_thread": process.kernel_thread,
    }


def _process_from_raw(raw: dict[str, Any]) -> Process:
    return Process(
        identity=_unique_process(raw["identity"]),
        parent_pid=_as(int, raw["parent_pid"]),
        name=_as(str, raw["name"]),
        executable=_optional_text(raw["executable"]),
        arguments=_texts(raw["arguments"]),
        uid=_as(int, raw["uid"]),
        process_group=_as(int, raw["process_group"]),
        session=_as(int, raw["session"]),
        terminal=_as(bool, raw["terminal"]),
        cgroup=_optional_text(raw["cgroup"]),
        same_pid_namespace=_as(bool, raw["same_pid_namespace"]),
        kernel_thread=_as(bool, raw["kernel_thread"]),
    )
