"""The helper for the memory of another user: it reads and writes there as that user, for root.

``user_store`` runs it as ``python -I -S -B as_user.py FOLDER`` with a request in JSON on standard
input, and reads its answer, in JSON too. The folder is where this package lies. A user can put
anything into their own state folder, so root never opens a file there: everything is imported
first, then the helper becomes the user, and its memory and time are bounded.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from typing import Any

if __name__ == "__main__":
    sys.path.append(sys.argv[1])

import restartmanager.adapters.proc.writers
from restartmanager.adapters import rights
from restartmanager.adapters.store import codec, messages
from restartmanager.adapters.store.sqlite import SqliteStore
from restartmanager.errors import NoSuchSessionError, RestartManagerError
from restartmanager.model import Resources
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.journal import SessionRecord

_MEMORY = 1024 * 1024 * 1024
_CPU_S = 20  # of the processor: a memory may be made to take long
_ANSWER_LIMIT = 1024 * 1024
"""How long the answer may be, in characters; a longer one is cut, and so is none."""
_LOADED = restartmanager.adapters.proc.writers
"""What only some memories need, and could not be read any more by then."""


def main() -> None:
    """Read the request, do it, print the answer."""
    request = json.loads(sys.stdin.read())
    _rehearse()
    rights.limit(memory=_MEMORY, cpu_s=_CPU_S)
    rights.become(request["uid"], request["gid"], request["groups"])
    os.umask(0o077)
    try:
        answer = {"found": _answer(SqliteStore(request["folder"]), request)}
    except NoSuchSessionError:
        answer = {"found": None}
    except RestartManagerError as error:
        answer = {"failed": error.message}
    sys.stdout.write(json.dumps(answer)[:_ANSWER_LIMIT])


def _rehearse() -> None:
    """Use a memory of our own once: what is imported when it is needed first is imported then, and
    the user may be unable to read it."""
    us = UniqueProcess.current()
    with tempfile.TemporaryDirectory() as folder, SqliteStore(f"{folder}/state") as store:
        store.create_session(SessionRecord("key", 0.0, us.boot_id, owner=us), limit=1)
        store.add_resources("key", Resources(services=("a.service",)))
        store.add_member("key", us)
        messages.session_to_raw(store.session("key"))


def _answer(store: SqliteStore, request: dict[str, Any]) -> object:
    """What the call gives; None where there is no such session, and no memory is made."""
    if not store.exists():
        return None
    key, value = request["key"], request["value"]
    match request["call"]:
        case "session":
            return messages.session_to_raw(store.session(key))
        case "add_member":
            store.add_member(key, codec.decode_process(value))
        case "remove_member":
            store.remove_member(key, codec.decode_process(value))
        case "add_resources":
            store.add_resources(key, messages.resources_from_raw(value))
    return True


if __name__ == "__main__":
    main()
