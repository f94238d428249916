"""A Restart Manager for Linux.

Tell it what you are about to change; it says which applications and services use that, closes
them politely, and brings them back afterwards.

The names below are the public ones, with ``restartmanager.errors``, ``restartmanager.app`` (the
application's half), ``restartmanager.rstrtmgr`` (the Windows API's names) and
``restartmanager.testing``. They are loaded when first used: importing the package costs next to
nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what type checkers take for true; importing typing costs milliseconds
if TYPE_CHECKING:
    from restartmanager.api.journal import preview_recovery, read_session, sessions
    from restartmanager.api.primary import PrimarySession
    from restartmanager.api.questions import explain_busy, preview_refresh, stale, who_uses
    from restartmanager.api.secondary import JoinedSession
    from restartmanager.api.sessions import (
        cancel_operation,
        join_session,
        open_session,
        recover,
        start_session,
    )
    from restartmanager.api.settings import KEY_VARIABLE
    from restartmanager.api.stopped import Stopped
    from restartmanager.errors import RestartManagerError
    from restartmanager.model import (
        Affected,
        Application,
        AppType,
        Evidence,
        FileResource,
        Filter,
        FilterAction,
        How,
        Outcome,
        RebootReason,
        Required,
        Resources,
        RestartBy,
        RestartFlags,
        Result,
        Status,
        Step,
        TreeResource,
    )
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry, JournalStep, Operation
    from restartmanager.model.preview import Planned, PlannedStep, Preview
    from restartmanager.model.progress import Progress
    from restartmanager.model.sessions import SessionDetails, SessionInfo

__version__ = "0.1.0"

__all__ = [
    "KEY_VARIABLE",
    "Affected",
    "AppType",
    "Application",
    "Evidence",
    "FileResource",
    "Filter",
    "FilterAction",
    "How",
    "JoinedSession",
    "JournalEntry",
    "JournalStep",
    "Operation",
    "Outcome",
    "Planned",
    "PlannedStep",
    "Preview",
    "PrimarySession",
    "Progress",
    "RebootReason",
    "Required",
    "Resources",
    "RestartBy",
    "RestartFlags",
    "RestartManagerError",
    "Result",
    "SessionDetails",
    "SessionInfo",
    "Status",
    "Step",
    "Stopped",
    "TreeResource",
    "UniqueProcess",
    "__version__",
    "cancel_operation",
    "explain_busy",
    "join_session",
    "open_session",
    "preview_recovery",
    "preview_refresh",
    "read_session",
    "recover",
    "sessions",
    "stale",
    "start_session",
    "who_uses",
]

_HOMES = {
    "api.journal": ("preview_recovery", "read_session", "sessions"),
    "api.primary": ("PrimarySession",),
    "api.questions": ("explain_busy", "preview_refresh", "stale", "who_uses"),
    "api.secondary": ("JoinedSession",),
    "api.sessions": (
        "cancel_operation",
        "join_session",
        "open_session",
        "recover",
        "start_session",
    ),
    "api.settings": ("KEY_VARIABLE",),
    "api.stopped": ("Stopped",),
    "errors": ("RestartManagerError",),
    "model.identity": ("UniqueProcess",),
    "model.journal": ("JournalEntry", "JournalStep", "Operation"),
    "model.preview": ("Planned", "PlannedStep", "Preview"),
    "model.progress": ("Progress",),
    "model.sessions": ("SessionDetails", "SessionInfo"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = import_module(f"{__name__}.{_HOME.get(name, 'model')}")
    value: object = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
