"""All that ``restartmanager.h`` declares besides functions, by the header's names and numbers.

Programs import them from ``restartmanager.rstrtmgr``.
"""

from __future__ import annotations

from restartmanager.rstrtmgr.codes import (
    CCH_RM_MAX_APP_NAME,
    CCH_RM_MAX_SVC_NAME,
    CCH_RM_SESSION_KEY,
    RM_APP_STATUS,
    RM_APP_TYPE,
    RM_FILTER_ACTION,
    RM_FILTER_TRIGGER,
    RM_INVALID_PROCESS,
    RM_INVALID_TS_SESSION,
    RM_REBOOT_REASON,
    RM_SESSION_KEY_LEN,
    RM_SHUTDOWN_TYPE,
    RmAppType,
    RmShutdownType,
    WinError,
)
from restartmanager.rstrtmgr.structures import (
    FILETIME,
    RM_FILTER_INFO,
    RM_PROCESS_INFO,
    RM_UNIQUE_PROCESS,
)

__all__ = [  # noqa: RUF022 - the structures first, then each enumeration with its members
    "FILETIME", "RM_UNIQUE_PROCESS", "RM_PROCESS_INFO", "RM_FILTER_INFO",
    "WinError", "ERROR_SUCCESS", "ERROR_FILE_NOT_FOUND", "ERROR_ACCESS_DENIED",
    "ERROR_INVALID_HANDLE", "ERROR_OUTOFMEMORY", "ERROR_WRITE_FAULT", "ERROR_SEM_TIMEOUT",
    "ERROR_BAD_ARGUMENTS", "ERROR_MORE_DATA", "ERROR_FAIL_NOACTION_REBOOT", "ERROR_FAIL_SHUTDOWN",
    "ERROR_FAIL_RESTART", "ERROR_MAX_SESSIONS_REACHED", "ERROR_REQUEST_OUT_OF_SEQUENCE",
    "ERROR_SESSION_CREDENTIAL_CONFLICT", "ERROR_CANCELLED",
    "RM_APP_TYPE", "RmAppType", "RmUnknownApp", "RmMainWindow", "RmOtherWindow", "RmService",
    "RmExplorer", "RmConsole", "RmCritical",
    "RM_SHUTDOWN_TYPE", "RmShutdownType", "RmForceShutdown", "RmShutdownOnlyRegistered",
    "RM_APP_STATUS", "RmStatusUnknown", "RmStatusRunning", "RmStatusStopped",
    "RmStatusStoppedOther", "RmStatusRestarted", "RmStatusErrorOnStop", "RmStatusErrorOnRestart",
    "RmStatusShutdownMasked", "RmStatusRestartMasked",
    "RM_REBOOT_REASON", "RmRebootReasonNone", "RmRebootReasonPermissionDenied",
    "RmRebootReasonSessionMismatch", "RmRebootReasonCriticalProcess",
    "RmRebootReasonCriticalService", "RmRebootReasonDetectedSelf",
    "RM_FILTER_ACTION", "RmInvalidFilterAction", "RmNoRestart", "RmNoShutdown",
    "RM_FILTER_TRIGGER", "RmFilterTriggerInvalid", "RmFilterTriggerFile",
    "RmFilterTriggerProcess", "RmFilterTriggerService",
    "CCH_RM_MAX_APP_NAME", "CCH_RM_MAX_SVC_NAME", "CCH_RM_SESSION_KEY", "RM_INVALID_PROCESS",
    "RM_INVALID_TS_SESSION", "RM_SESSION_KEY_LEN",
]  # fmt: skip

# As in C, the members are names of their own. Iterating over a flag leaves its zero out.
(
    ERROR_SUCCESS, ERROR_FILE_NOT_FOUND, ERROR_ACCESS_DENIED, ERROR_INVALID_HANDLE,
    ERROR_OUTOFMEMORY, ERROR_WRITE_FAULT, ERROR_SEM_TIMEOUT, ERROR_BAD_ARGUMENTS, ERROR_MORE_DATA,
    ERROR_FAIL_NOACTION_REBOOT, ERROR_FAIL_SHUTDOWN, ERROR_FAIL_RESTART,
    ERROR_MAX_SESSIONS_REACHED, ERROR_REQUEST_OUT_OF_SEQUENCE, ERROR_SESSION_CREDENTIAL_CONFLICT,
    ERROR_CANCELLED,
) = WinError  # fmt: skip
(
    RmUnknownApp, RmMainWindow, RmOtherWindow, RmService, RmExplorer, RmConsole, RmCritical,
) = RmAppType  # fmt: skip
RmForceShutdown, RmShutdownOnlyRegistered = RmShutdownType
RmStatusUnknown = RM_APP_STATUS.RmStatusUnknown
(
    RmStatusRunning, RmStatusStopped, RmStatusStoppedOther, RmStatusRestarted, RmStatusErrorOnStop,
    RmStatusErrorOnRestart, RmStatusShutdownMasked, RmStatusRestartMasked,
) = RM_APP_STATUS  # fmt: skip
RmRebootReasonNone = RM_REBOOT_REASON.RmRebootReasonNone
(
    RmRebootReasonPermissionDenied, RmRebootReasonSessionMismatch, RmRebootReasonCriticalProcess,
    RmRebootReasonCriticalService, RmRebootReasonDetectedSelf,
) = RM_REBOOT_REASON  # fmt: skip
RmInvalidFilterAction, RmNoRestart, RmNoShutdown = RM_FILTER_ACTION
(
    RmFilterTriggerInvalid, RmFilterTriggerFile, RmFilterTriggerProcess, RmFilterTriggerService,
) = RM_FILTER_TRIGGER  # fmt: skip
