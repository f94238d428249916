"""Messages between root and the helper that works on a user's memory: JSON, whatever is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from restartmanager.adapters.store import codec
from restartmanager.adapters.store.strict import as_kind, as_numbers, as_texts, strictly
from restartmanager.model import FileIdentity, FileResource, Resources, TreeResource

if TYPE_CHECKING:
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import SessionRecord


def session_to_raw(record: SessionRecord) -> list[Any]:
    """A session as JSON can have it."""
    operation = None if record.operation is None else record.operation.value
    row = [
        record.key,
        record.created_at,
        record.boot_id,
        _optional(record.owner),
        record.expires_at,
        int(record.shut_down),
        operation,
        _optional(record.worker),
    ]
    return [row, [codec.encode_process(member) for member in record.members]]


def _optional(process: UniqueProcess | None) -> str | None:
    return None if process is None else codec.encode_process(process)


def session_from_raw(raw: object) -> SessionRecord:
    """The session in a message; UnreadableError."""
    with strictly("session"):
        row, members = as_kind(list, raw)
        return codec.decode_session(as_kind(list, row), as_texts(members))


def resources_to_raw(resources: Resources) -> dict[str, Any]:
    """Resources as JSON can have them."""
    return {
        "files": list(map(_file_to_raw, resources.files)),
        "trees": [[tree.path, list(map(_file_to_raw, tree.entries))] for tree in resources.trees],
        "processes": list(map(codec.encode_process, resources.processes)),
        "services": list(resources.services),
    }


def resources_from_raw(raw: object) -> Resources:
    """The resources in a message; UnreadableError."""
    with strictly("list of resources"):
        parts = as_kind(dict, raw)
        return Resources(
            files=tuple(map(_file_from_raw, as_kind(list, parts["files"]))),
            trees=tuple(map(_tree_from_raw, as_kind(list, parts["trees"]))),
            processes=tuple(map(codec.decode_process, as_kind(list, parts["processes"]))),
            services=as_texts(parts["services"]),
        )


def _file_to_raw(file: FileResource) -> list[Any]:
    return [file.path, None if file.identity is None else list(file.identity)]


def _file_from_raw(raw: object) -> FileResource:
    path, identity = as_kind(list, raw)
    known = None if identity is None else FileIdentity(*as_numbers(identity))
    return FileResource(as_kind(str, path), known)


def _tree_from_raw(raw: object) -> TreeResource:
    path, entries = as_kind(list, raw)
    return TreeResource(as_kind(str, path), tuple(map(_file_from_raw, as_kind(list, entries))))
