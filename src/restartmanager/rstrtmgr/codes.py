"""Numbers of the Windows API: result codes, enumerations, limits, and the code of each error.

Names and values are those of ``restartmanager.h`` and ``winerror.h``. The values of flags and
filters are in the model, which uses the same numbers.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from restartmanager import errors
from restartmanager.model import AppType
from restartmanager.rstrtmgr.dwords import ALL_ONES

__all__ = [
    "APP_TYPE_CODES",
    "CCH_RM_MAX_APP_NAME",
    "CCH_RM_MAX_SVC_NAME",
    "CCH_RM_SESSION_KEY",
    "MAX_SESSIONS",
    "RESTART_MAX_CMD_LINE",
    "RM_APP_STATUS",
    "RM_APP_TYPE",
    "RM_FILTER_ACTION",
    "RM_FILTER_TRIGGER",
    "RM_INVALID_PROCESS",
    "RM_INVALID_TS_SESSION",
    "RM_REBOOT_REASON",
    "RM_SESSION_KEY_LEN",
    "RM_SHUTDOWN_TYPE",
    "RmAppType",
    "RmShutdownType",
    "WinError",
    "code_of",
]

RM_SESSION_KEY_LEN = 16
CCH_RM_SESSION_KEY = 2 * RM_SESSION_KEY_LEN
CCH_RM_MAX_APP_NAME = 255
CCH_RM_MAX_SVC_NAME = 63
RM_INVALID_TS_SESSION = ALL_ONES
RM_INVALID_PROCESS = ALL_ONES
MAX_SESSIONS = 64
RESTART_MAX_CMD_LINE = 1024


class WinError(IntEnum):
    """The result codes; the documentation of each function says which it returns."""

    ERROR_SUCCESS = 0
    ERROR_FILE_NOT_FOUND = 2
    ERROR_ACCESS_DENIED = 5
    ERROR_INVALID_HANDLE = 6
    ERROR_OUTOFMEMORY = 14
    ERROR_WRITE_FAULT = 29
    ERROR_SEM_TIMEOUT = 121
    ERROR_BAD_ARGUMENTS = 160
    ERROR_MORE_DATA = 234
    ERROR_FAIL_NOACTION_REBOOT = 350
    ERROR_FAIL_SHUTDOWN = 351
    ERROR_FAIL_RESTART = 352
    ERROR_MAX_SESSIONS_REACHED = 353
    ERROR_REQUEST_OUT_OF_SEQUENCE = 776
    ERROR_SESSION_CREDENTIAL_CONFLICT = 1219
    ERROR_CANCELLED = 1223


class RmAppType(IntEnum):
    """The type of an application (RM_APP_TYPE)."""

    RmUnknownApp = 0
    RmMainWindow = 1
    RmOtherWindow = 2
    RmService = 3
    RmExplorer = 4
    RmConsole = 5
    RmCritical = 1000


class RmShutdownType(IntFlag):
    """The options of RmShutdown, to be combined (RM_SHUTDOWN_TYPE). Bits without a name are kept,
    and ask for nothing."""

    RmForceShutdown = 0x01
    RmShutdownOnlyRegistered = 0x10


RM_APP_TYPE = RmAppType
RM_SHUTDOWN_TYPE = RmShutdownType


class RM_APP_STATUS(IntFlag):
    """The state of an application and what was done to it, combined."""

    RmStatusUnknown = 0
    RmStatusRunning = 0x01
    RmStatusStopped = 0x02
    RmStatusStoppedOther = 0x04
    RmStatusRestarted = 0x08
    RmStatusErrorOnStop = 0x10
    RmStatusErrorOnRestart = 0x20
    RmStatusShutdownMasked = 0x40
    RmStatusRestartMasked = 0x80


class RM_REBOOT_REASON(IntFlag):
    """The reasons why stopping applications would not free the resources, combined."""

    RmRebootReasonNone = 0
    RmRebootReasonPermissionDenied = 0x01
    RmRebootReasonSessionMismatch = 0x02
    RmRebootReasonCriticalProcess = 0x04
    RmRebootReasonCriticalService = 0x08
    RmRebootReasonDetectedSelf = 0x10


class RM_FILTER_ACTION(IntEnum):
    """The action that a filter forbids; a target that is not shut down is not restarted either."""

    RmInvalidFilterAction = 0
    RmNoRestart = 1
    RmNoShutdown = 2


class RM_FILTER_TRIGGER(IntEnum):
    """The property by which a filter recognises its target."""

    RmFilterTriggerInvalid = 0
    RmFilterTriggerFile = 1
    RmFilterTriggerProcess = 2
    RmFilterTriggerService = 3


APP_TYPE_CODES = {
    AppType.UNKNOWN: RmAppType.RmUnknownApp,
    AppType.MAIN_WINDOW: RmAppType.RmMainWindow,
    AppType.OTHER_WINDOW: RmAppType.RmOtherWindow,
    AppType.SERVICE: RmAppType.RmService,
    AppType.SHELL: RmAppType.RmExplorer,
    AppType.CONSOLE: RmAppType.RmConsole,
    AppType.CONTAINER: RmAppType.RmCritical,
    AppType.CRITICAL: RmAppType.RmCritical,
}
"""The Windows type for each type of the model. Containers, for which Windows has none, count as
critical: they cannot be closed from outside."""

_CODES: tuple[tuple[type[BaseException], WinError], ...] = (
    (errors.FilterNotFoundError, WinError.ERROR_FILE_NOT_FOUND),
    (errors.DirectoryAmongFilesError, WinError.ERROR_ACCESS_DENIED),
    (errors.OutOfSequenceError, WinError.ERROR_REQUEST_OUT_OF_SEQUENCE),
    (errors.UsageError, WinError.ERROR_BAD_ARGUMENTS),
    (errors.ConfigurationError, WinError.ERROR_WRITE_FAULT),
    (errors.NoSuchSessionError, WinError.ERROR_SESSION_CREDENTIAL_CONFLICT),
    (errors.SessionRoleError, WinError.ERROR_SESSION_CREDENTIAL_CONFLICT),
    (errors.SessionLimitError, WinError.ERROR_MAX_SESSIONS_REACHED),
    (errors.SessionBusyError, WinError.ERROR_SEM_TIMEOUT),
    (errors.SessionError, WinError.ERROR_INVALID_HANDLE),
    (errors.StoreBusyError, WinError.ERROR_SEM_TIMEOUT),
    (errors.PathAccessError, WinError.ERROR_ACCESS_DENIED),
    (errors.PathUnresponsiveError, WinError.ERROR_SEM_TIMEOUT),
    (errors.StoreError, WinError.ERROR_WRITE_FAULT),
    (errors.ProcessError, WinError.ERROR_ACCESS_DENIED),
    (errors.RebootNeededError, WinError.ERROR_FAIL_NOACTION_REBOOT),
    (errors.RestartError, WinError.ERROR_FAIL_RESTART),
    (errors.RefreshError, WinError.ERROR_FAIL_RESTART),
    (errors.ActionError, WinError.ERROR_FAIL_SHUTDOWN),
    (errors.OperationCancelledError, WinError.ERROR_CANCELLED),
    (errors.UnsupportedError, WinError.ERROR_ACCESS_DENIED),
    (MemoryError, WinError.ERROR_OUTOFMEMORY),
)


def code_of(error: BaseException) -> WinError | None:
    """The result code of an error; None for errors that are not this package's."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), None)
