"""All errors of this package, as a small tree of classes.

Catch ``RestartManagerError`` to catch them all. The classes are defined in ``model.errors``,
``model.resource_errors`` and ``model.action_errors``; import them from here.
"""

from __future__ import annotations

from restartmanager.model.errors import (
    ConfigurationError,
    DirectoryAmongFilesError,
    FilterNotFoundError,
    NoSuchSessionError,
    NotRestartableError,
    NotStartedError,
    OutOfSequenceError,
    PathUnresponsiveError,
    ProcessAccessError,
    ProcessError,
    ProcessGoneError,
    RestartManagerError,
    SessionBusyError,
    SessionEndedError,
    SessionError,
    SessionLimitError,
    SessionRoleError,
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreUnsafeError,
    StoreVersionError,
    UnsupportedError,
    UsageError,
)
from restartmanager.model.resource_errors import (
    DeviceAmongFilesError,
    MissingResourceError,
    OtherFilesError,
    PathAccessError,
)

TYPE_CHECKING = False  # what type checkers take for true
if TYPE_CHECKING:
    from restartmanager.model.action_errors import (
        ActionError,
        CannotComeBackError,
        OperationCancelledError,
        RebootNeededError,
        RefreshError,
        RestartError,
        ShutdownError,
    )

__all__ = [
    "ActionError",
    "CannotComeBackError",
    "ConfigurationError",
    "DeviceAmongFilesError",
    "DirectoryAmongFilesError",
    "FilterNotFoundError",
    "MissingResourceError",
    "NoSuchSessionError",
    "NotRestartableError",
    "NotStartedError",
    "OperationCancelledError",
    "OtherFilesError",
    "OutOfSequenceError",
    "PathAccessError",
    "PathUnresponsiveError",
    "ProcessAccessError",
    "ProcessError",
    "ProcessGoneError",
    "RebootNeededError",
    "RefreshError",
    "RestartError",
    "RestartManagerError",
    "SessionBusyError",
    "SessionEndedError",
    "SessionError",
    "SessionLimitError",
    "SessionRoleError",
    "ShutdownError",
    "StoreBusyError",
    "StoreDamagedError",
    "StoreError",
    "StoreFullError",
    "StoreUnsafeError",
    "StoreVersionError",
    "UnsupportedError",
    "UsageError",
]

_OF_ACTIONS = frozenset(
    {
        "ActionError",
        "CannotComeBackError",
        "OperationCancelledError",
        "RebootNeededError",
        "RefreshError",
        "RestartError",
        "ShutdownError",
    }
)
"""Errors that are loaded when they are first asked for: whoever only looks meets none."""


def __getattr__(name: str) -> object:
    """An error of an action; or ``_rebuild``, by which errors were pickled here before the classes
    moved (PEP 562)."""
    if name in _OF_ACTIONS:
        from restartmanager.model import action_errors

        value: object = getattr(action_errors, name)
        globals()[name] = value
        return value
    if name != "_rebuild":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from restartmanager.model.earlier_pickles import rebuild

    return rebuild
