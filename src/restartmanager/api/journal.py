"""The Python API of what is remembered: sessions, their journals, and what recovery would do.

Nothing is changed, and no session memory is made where there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.api.wiring import make_engine
from restartmanager.rules.arguments import normalise_key

if TYPE_CHECKING:
    from restartmanager.model.preview import Preview
    from restartmanager.model.sessions import SessionDetails, SessionInfo


def sessions() -> tuple[SessionInfo, ...]:
    """The sessions of this user that nobody has ended yet, oldest first, whoever started them.

    Raises StoreError.
    """
    from restartmanager.model.sessions import SessionInfo

    engine = make_engine()
    records = engine.store.sessions() if engine.store.exists() else ()
    return tuple(SessionInfo.of(item, abandoned=engine.is_abandoned(item)) for item in records)


def read_session(key: str) -> SessionDetails:
    """All that is remembered of one session of this user: what was registered, excluded and done.

    For every session, whoever started it, also one whose installer has died. Raises
    NoSuchSessionError, StoreError.
    """
    from restartmanager.model.sessions import SessionDetails, SessionInfo

    engine, key = make_engine(), normalise_key(key)
    record = engine.store.session(key)
    return SessionDetails(
        SessionInfo.of(record, abandoned=engine.is_abandoned(record)),
        engine.store.resources(key),
        engine.store.filters(key),
        tuple(entry.without_recipe() for entry in engine.store.journal(key)),
    )


def preview_recovery() -> Preview:
    """What ``recover`` would bring back now, and what it would leave closed. Raises StoreError."""
    from restartmanager.model.identity import boot_id
    from restartmanager.model.preview import Planned, Preview
    from restartmanager.rules.preview import of_restart
    from restartmanager.rules.relaunch import in_boot

    engine = make_engine()
    steps: list[Planned] = []
    for record in engine.store.sessions() if engine.store.exists() else ():
        if engine.is_abandoned(record):
            journal, filters = engine.store.journal(record.key), engine.store.filters(record.key)
            steps += of_restart(in_boot(boot_id(), journal), filters).steps
    return Preview("recover", tuple(steps))
