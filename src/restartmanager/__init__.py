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
    from restartmanager.api.primary import PrimarySession
    from restartmanager.api.questions import explain_busy, stale, who_uses
    from restartmanager.api.secondary import JoinedSession
    from restartmanager.api.sessions import join_session, open_session, recover, start_session
    from restartmanager.api.settings import KEY_VARIABLE
    from restartmanager.api.stopped import Stopped
    from restartmanager.errors import RestartManagerError
    from restartmanager.model import (
        Affected,
        Application,
        AppType,
        Evidence,
        Filter,
        FilterAction,
        How,
        Outcome,
        RebootReason,
        Required,
        RestartBy,
        RestartFlags,
        Result,
        Status,
        Step,
    )
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import Progress

__version__ = "0.1.0"

__all__ = [
    "KEY_VARIABLE",
    "Affected",
    "AppType",
    "Application",
    "Evidence",
    "Filter",
    "FilterAction",
    "How",
    "JoinedSession",
    "Outcome",
    "PrimarySession",
    "Progress",
    "RebootReason",
    "Required",
    "RestartBy",
    "RestartFlags",
    "RestartManagerError",
    "Result",
    "Status",
    "Step",
    "Stopped",
    "UniqueProcess",
    "__version__",
    "explain_busy",
    "join_session",
    "open_session",
    "recover",
    "stale",
    "start_session",
    "who_uses",
]

_HOMES = {
    "api.settings": ("KEY_VARIABLE",),
    "api.sessions": ("join_session", "open_session", "recover", "start_session"),
    "errors": ("RestartManagerError",),
    "model.identity": ("UniqueProcess",),
    "model.progress": ("Progress",),
    "api.questions": ("explain_busy", "stale", "who_uses"),
    "api.primary": ("PrimarySession",),
    "api.secondary": ("JoinedSession",),
    "api.stopped": ("Stopped",),
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
