"""Structures, enumerations and constants of ``restartmanager.h``.

Programs import them from ``restartmanager.rstrtmgr``. Names and numbers are the header's; the
structures are read-only. A wide character of C is a character here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING

from restartmanager.errors import UsageError
from restartmanager.model.identity import UniqueProcess
from restartmanager.rstrtmgr.codes import (
    APP_TYPE_CODES,
    CCH_RM_MAX_APP_NAME,
    CCH_RM_MAX_SVC_NAME,
    CCH_RM_SESSION_KEY,
    RM_INVALID_PROCESS,
    RM_INVALID_TS_SESSION,
    RM_SESSION_KEY_LEN,
    RmAppType,
    RmShutdownType,
    WinError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from restartmanager.model import Application, Filter

__all__ = [  # noqa: RUF022 - the structures first, then each enumeration with its members
    "FILETIME", "RM_UNIQUE_PROCESS", "RM_PROCESS_INFO", "RM_FILTER_INFO",
    "WinError", "ERROR_SUCCESS", "ERROR_FILE_NOT_FOUND", "ERROR_ACCESS_DENIED",
    "ERROR_INVALID_HANDLE", "ERROR_OUTOFMEMORY", "ERROR_WRITE_FAULT", "ERROR_SEM_TIMEOUT",
    "ERROR_BAD_ARGUMENTS", "ERROR_MORE_DATA", "ERROR_FAIL_NOACTION_REBOOT", "ERROR_FAIL_SHUTDOWN",
    "ERROR_FAIL_RESTART", "ERROR_MAX_SESSIONS_REACHED", "ERROR_REQUEST_OUT_OF_SEQUENCE",
    "ERROR_SESSION_CREDENTIAL_CONFLICT", "ERROR_CANCELLED",
    "RmAppType", "RmUnknownApp", "RmMainWindow", "RmOtherWindow", "RmService", "RmExplorer",
    "RmConsole", "RmCritical",
    "RmShutdownType", "RmForceShutdown", "RmShutdownOnlyRegistered",
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

_DWORDS = range(2**32)
_SIZEOF_FILTER_INFO = 32  # on 64 bits: three DWORDs, padding, and a union with a pointer in it

# -- enumerations ------------------------------------------------------------------------------


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

# -- structures --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FILETIME:
    """An instant, in units of 100 ns since 1601, in two halves of 32 bits."""

    dwLowDateTime: int = 0
    dwHighDateTime: int = 0

    @classmethod
    def of(cls, value: int) -> Self:
        """The two halves of one number."""
        return cls(value & 0xFFFFFFFF, value >> 32)

    @property
    def value(self) -> int:
        """The instant as one number."""
        return self.dwHighDateTime << 32 | self.dwLowDateTime


@dataclass(frozen=True, slots=True)
class RM_UNIQUE_PROCESS:
    """A process by its number and the instant of its start, so that a later one with the same
    number is not taken for it."""

    dwProcessId: int
    ProcessStartTime: FILETIME

    @classmethod
    def of(cls, pid: int) -> Self:
        """The process that has this number now, for which C needs OpenProcess and GetProcessTimes.

        Raises ProcessGoneError when there is none, UsageError when ``pid`` cannot be one.
        """
        return cls.like(UniqueProcess.of(pid))

    @classmethod
    def like(cls, identity: UniqueProcess) -> Self:
        """The process as Windows describes it."""
        return cls(identity.pid, FILETIME.of(identity.filetime))

    def identity(self) -> UniqueProcess | None:
        """The process that is meant; None where no process can have that number and start.

        Raises UsageError for numbers that are no DWORDs.
        """
        start = self.ProcessStartTime
        for number in (self.dwProcessId, start.dwLowDateTime, start.dwHighDateTime):
            if not isinstance(number, int) or number not in _DWORDS:
                raise UsageError(f"{number!r} is no number of 32 bits.")
        return UniqueProcess.from_filetime(self.dwProcessId, start.value)


@dataclass(frozen=True, slots=True)
class RM_PROCESS_INFO:
    """An application or service of the list. TSSessionId is RM_INVALID_TS_SESSION: Linux has no
    Terminal Services sessions."""

    Process: RM_UNIQUE_PROCESS
    strAppName: str
    strServiceShortName: str
    ApplicationType: RmAppType
    AppStatus: RM_APP_STATUS
    TSSessionId: int
    bRestartable: bool

    @classmethod
    def like(cls, application: Application) -> Self:
        """The application as Windows describes it; one without a process has RM_INVALID_PROCESS."""
        main, service = application.main_process, application.service
        nobody = RM_UNIQUE_PROCESS(RM_INVALID_PROCESS, FILETIME())
        name = service.description or service.name if service else application.name
        return cls(
            Process=RM_UNIQUE_PROCESS.like(main.identity) if main else nobody,
            strAppName=name[:CCH_RM_MAX_APP_NAME],
            strServiceShortName=service.name[:CCH_RM_MAX_SVC_NAME] if service else "",
            ApplicationType=APP_TYPE_CODES[application.type],
            AppStatus=RM_APP_STATUS(application.status),
            TSSessionId=RM_INVALID_TS_SESSION,
            bRestartable=application.restartable,
        )


@dataclass(frozen=True, slots=True)
class RM_FILTER_INFO:
    """A filter. FilterTrigger says which of the last three is set, a union in C."""

    FilterAction: RM_FILTER_ACTION
    FilterTrigger: RM_FILTER_TRIGGER
    cbNextOffset: int
    strFilename: str | None = None
    Process: RM_UNIQUE_PROCESS | None = None
    strServiceShortName: str | None = None

    @classmethod
    def like(cls, item: Filter, *, last: bool) -> Self:
        """The filter as Windows describes it. The records of a list lie one after the other."""
        target = item.target
        trigger = RM_FILTER_TRIGGER(item.trigger)
        process = RM_UNIQUE_PROCESS.like(target) if isinstance(target, UniqueProcess) else None
        text = target if isinstance(target, str) else None
        return cls(
            RM_FILTER_ACTION(item.action),
            trigger,
            0 if last else _SIZEOF_FILTER_INFO,
            text if trigger is RmFilterTriggerFile else None,
            process,
            text if trigger is RmFilterTriggerService else None,
        )


def filters_size(filters: Sequence[Filter]) -> int:
    """The bytes that these filters take in C: the records, then their strings in UTF-16, each
    with its terminating zero."""
    texts = [item.target for item in filters if isinstance(item.target, str)]
    units = sum(len(text.encode("utf-16-le", "surrogatepass")) // 2 + 1 for text in texts)
    return _SIZEOF_FILTER_INFO * len(filters) + 2 * units
