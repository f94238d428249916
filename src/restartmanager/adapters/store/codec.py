r"""Records as text that can be stored, and back.

The JSON is pure ASCII: the surrogate escapes that stand for undecodable bytes become ``\udcXX``
and come back as they were. Reading is strict. A text that this version would not have written is
UnreadableError, for a half understood journal must not be acted on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from restartmanager.adapters.store.strict import (
    as_flags,
    as_kind,
    as_numbers,
    as_optional_text,
    as_seconds,
    as_texts,
    strictly,
)
from restartmanager.model import (
    Application,
    AppType,
    Evidence,
    Filter,
    FilterAction,
    FilterTrigger,
    Hold,
    Home,
    How,
    Process,
    RebootReason,
    Recipe,
    Required,
    RestartBy,
    Service,
    Status,
)
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.journal import JournalEntry, JournalStep, Operation, SessionRecord
from restartmanager.model.recipes import AS_USUAL, Attributes, Stream, StreamKind

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    with strictly("process identity"):
        pid, start_ticks, boot_id = as_kind(str, text).split(":", 2)
        return UniqueProcess(int(pid), int(start_ticks), boot_id)


def _decode_optional_process(text: object) -> UniqueProcess | None:
    return None if text is None else decode_process(text)


# -- sessions and filters ----------------------------------------------------------------------


def decode_session(row: Sequence[Any], members: Sequence[str]) -> SessionRecord:
    """A session from its columns, ``key`` to ``worker``, and its members; UnreadableError."""
    key, created_at, boot_id, owner, expires_at, shut_down, operation, worker = row
    with strictly("session"):
        return SessionRecord(
            key=as_kind(str, key),
            created_at=as_seconds(created_at),
            boot_id=as_kind(str, boot_id),
            owner=_decode_optional_process(owner),
            expires_at=None if expires_at is None else as_seconds(expires_at),
            shut_down=bool(as_kind(int, shut_down)),
            operation=None if operation is None else Operation(operation),
            worker=_decode_optional_process(worker),
            members=tuple(decode_process(member) for member in members),
        )


def encode_target(target: str | UniqueProcess) -> str:
    """The target of a filter, as text that can be compared in SQL."""
    if isinstance(target, UniqueProcess):
        return _dumps([target.pid, target.start_ticks, target.boot_id])
    return _dumps(target)


def decode_filter(trigger: object, target: object, action: object) -> Filter:
    """A filter from its columns; UnreadableError."""
    with strictly("filter"):
        raw = json.loads(as_kind(str, target))
        return Filter(
            target=as_kind(str, raw) if not isinstance(raw, list) else _unique_process(raw),
            trigger=FilterTrigger(as_kind(int, trigger)),
            action=FilterAction(as_kind(int, action)),
        )


# -- journal -----------------------------------------------------------------------------------


def encode_entry(entry: JournalEntry) -> str:
    """An entry as JSON, without its sequence, and its recipe, which is a secret and kept apart."""
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
    with strictly("journal entry"):
        raw = as_kind(dict, json.loads(as_kind(str, text)))
        return JournalEntry(
            sequence=as_kind(int, sequence),
            application=_application_from_raw(raw["application"]),
            step=JournalStep(raw["step"]),
            at=as_seconds(raw["at"]),
            recipe=None if recipe is None else decode_recipe(recipe),
            started_as=_decode_optional_process(raw["started_as"]),
            message=as_kind(str, raw["message"]),
            hold=None if raw.get("hold") is None else _hold_from_raw(raw["hold"]),
        )


def _hold_to_raw(hold: Hold) -> dict[str, Any]:
    return {"triggers": hold.triggers, "followers": hold.followers, "masked": hold.masked}


def _hold_from_raw(raw: Any) -> Hold:  # noqa: ANN401 - JSON can be anything
    masked = as_kind(bool, raw["masked"])
    return Hold(as_texts(raw["triggers"]), as_texts(raw["followers"]), masked)


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
            "home": recipe.home and recipe.home[:3],
            "attributes": recipe.attributes._asdict(),
            "streams": [
                stream and {**stream._asdict(), "kind": stream.kind.value}
                for stream in recipe.streams
            ],
            "this_boot_only": recipe.this_boot_only,
        }
    )


def decode_recipe(text: object) -> Recipe:
    """The recipe that ``encode_recipe`` wrote down; UnreadableError.

    Version 0.1 wrote down no home: it was that of all programs of the user.
    """
    with strictly("recipe"):
        raw = as_kind(dict, json.loads(as_kind(str, text)))
        return Recipe(
            executable=as_kind(str, raw["executable"]),
            arguments=as_texts(raw["arguments"]),
            directory=as_kind(str, raw["directory"]),
            environment=tuple(_pair(pair) for pair in as_kind(list, raw["environment"])),
            uid=as_kind(int, raw["uid"]),
            gid=as_kind(int, raw["gid"]),
            groups=as_numbers(raw["groups"]),
            umask=as_kind(int, raw["umask"]),
            nice=as_kind(int, raw["nice"]),
            limits=tuple(_limit(limit) for limit in as_kind(list, raw["limits"])),
            home=_home(raw["home"]) if "home" in raw else Home(raw["uid"], "app.slice"),
            attributes=_attributes(raw["attributes"]) if "attributes" in raw else AS_USUAL,
            streams=tuple(_stream(each) for each in as_kind(list, raw.get("streams", []))),
            this_boot_only=as_kind(bool, raw.get("this_boot_only", False)),
        )


def _attributes(values: Any) -> Attributes:  # noqa: ANN401 - JSON can be anything
    policy, priority = as_numbers(values["scheduler"])
    return Attributes(
        oom_score=as_kind(int, values["oom_score"]),
        scheduler=(policy, priority),
        processors=as_kind(str, values["processors"]),
        io_priority=as_kind(int, values["io_priority"]),
        ignored_signals=as_numbers(values["ignored_signals"]),
        timer_slack_ns=_optional_number(values["timer_slack_ns"]),
        autogroup_nice=as_kind(int, values["autogroup_nice"]),
        core_filter=_optional_number(values["core_filter"]),
        personality=_optional_number(values["personality"]),
    )


def _optional_number(value: object) -> int | None:
    return None if value is None else as_kind(int, value)


def _stream(values: Any) -> Stream | None:  # noqa: ANN401 - JSON can be anything
    if values is None:
        return None
    return Stream(
        kind=StreamKind(values["kind"]),
        path=as_kind(str, values["path"]),
        reads=as_kind(bool, values["reads"]),
        writes=as_kind(bool, values["writes"]),
        mode=as_kind(int, values["mode"]),
        identity=as_numbers(values["identity"]),
    )


def _pair(values: object) -> tuple[str, str]:
    name, value = as_texts(values)
    return name, value


def _home(values: object) -> Home | None:
    if values is None:
        return None
    user, slice_name, limits = as_kind(list, values)
    return Home(None if user is None else as_kind(int, user), *as_texts([slice_name, limits]))


def _limit(values: object) -> tuple[int, int, int]:
    number, soft, hard = as_numbers(values)
    return number, soft, hard


# -- applications ------------------------------------------------------------------------------


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
        "restart_obstacle": application.restart_obstacle,
    }


def _service_to_raw(service: Service) -> list[Any]:
    return [service.manager, service.name, service.description, service.user]


def _service_from_raw(raw: Any) -> Service:  # noqa: ANN401 - JSON can be anything
    *texts, user = as_kind(list, raw)
    manager, name, description = as_texts(texts)
    return Service(manager, name, description, None if user is None else as_kind(int, user))


def _application_from_raw(raw: Any) -> Application:  # noqa: ANN401 - JSON can be anything
    main, service = raw["main_process"], raw["service"]
    return Application(
        name=as_kind(str, raw["name"]),
        type=AppType(raw["type"]),
        main_process=None if main is None else _process_from_raw(main),
        processes=tuple(_process_from_raw(process) for process in as_kind(list, raw["processes"])),
        service=None if service is None else _service_from_raw(service),
        evidence=tuple(_evidence_from_raw(evidence) for evidence in as_kind(list, raw["evidence"])),
        status=as_flags(Status, raw["status"]),
        restart_by=RestartBy(raw["restart_by"]),
        reboot_reasons=as_flags(RebootReason, raw["reboot_reasons"]),
        required=Required(raw["required"]),
        reason=as_kind(str, raw["reason"]),
        needs=tuple(_service_from_raw(needed) for needed in as_kind(list, raw.get("needs", []))),
        reload_suffices=as_kind(bool, raw.get("reload_suffices", False)),
        restart_obstacle=as_kind(str, raw.get("restart_obstacle", "")),
    )


def _evidence_from_raw(raw: list[Any]) -> Evidence:
    pid, path, how, stale = raw
    ways = tuple(How(word) for word in as_texts(how))
    return Evidence(as_kind(int, pid), as_kind(str, path), ways, as_kind(bool, stale))


def _unique_process(raw: list[Any]) -> UniqueProcess:
    pid, start_ticks, boot_id = raw
    return UniqueProcess(as_kind(int, pid), as_kind(int, start_ticks), as_kind(str, boot_id))


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
        parent_pid=as_kind(int, raw["parent_pid"]),
        name=as_kind(str, raw["name"]),
        executable=as_optional_text(raw["executable"]),
        arguments=as_texts(raw["arguments"]),
        uid=as_kind(int, raw["uid"]),
        process_group=as_kind(int, raw["process_group"]),
        session=as_kind(int, raw["session"]),
        terminal=as_kind(bool, raw["terminal"]),
        cgroup=as_optional_text(raw["cgroup"]),
        same_pid_namespace=as_kind(bool, raw["same_pid_namespace"]),
        kernel_thread=as_kind(bool, raw["kernel_thread"]),
    )
