"""Structures of ``restartmanager.h``. As in C, they can be made empty, and assigned to.

::

    >>> process = RM_UNIQUE_PROCESS()
    >>> process.dwProcessId = -1
    >>> process == RM_UNIQUE_PROCESS(RM_INVALID_PROCESS, FILETIME(0, 0))
    True

Without values they are all zeros. A wide character of C is a character here. Two structures are
equal when their members are; one that is in a set or a dictionary must not be assigned to.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from restartmanager.errors import UsageError
from restartmanager.model.identity import UniqueProcess
from restartmanager.rstrtmgr.codes import (
    APP_TYPE_CODES,
    CCH_RM_MAX_APP_NAME,
    CCH_RM_MAX_SVC_NAME,
    RM_APP_STATUS,
    RM_FILTER_ACTION,
    RM_FILTER_TRIGGER,
    RM_INVALID_PROCESS,
    RM_INVALID_TS_SESSION,
    RmAppType,
)
from restartmanager.rstrtmgr.dwords import ALL_ONES, dword

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from restartmanager.model import Application, Filter

_SIZEOF_FILTER_INFO = 32  # on 64 bits: three DWORDs, padding, and a union with a pointer in it


class _Structure:
    """A structure as in C: assigning another one to a member copies it, and the number -1 becomes
    the DWORD of which all bits are set."""

    __slots__ = ()

    if not TYPE_CHECKING:  # with it, any attribute would count as one

        def __setattr__(self, name: str, value: object) -> None:
            if isinstance(value, _Structure):
                value = replace(value)
            elif value == ALL_ONES:
                value = ALL_ONES
            object.__setattr__(self, name, value)


@dataclass(slots=True, unsafe_hash=True)
class FILETIME(_Structure):
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


@dataclass(slots=True, unsafe_hash=True)
class RM_UNIQUE_PROCESS(_Structure):
    """A process by its number and the instant of its start, so that a later one with the same
    number is not taken for it."""

    dwProcessId: int = 0
    ProcessStartTime: FILETIME = field(default_factory=FILETIME)

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

        Raises UsageError for numbers that are no DWORDs, and where there is no start.
        """
        start = self.ProcessStartTime
        if not isinstance(start, FILETIME):
            raise UsageError(f"{start!r} is no FILETIME.")
        for number in (start.dwLowDateTime, start.dwHighDateTime):
            dword(number)
        return UniqueProcess.from_filetime(dword(self.dwProcessId), start.value)


@dataclass(slots=True, unsafe_hash=True)
class RM_PROCESS_INFO(_Structure):
    """An application or service of the list. TSSessionId is RM_INVALID_TS_SESSION: Linux has no
    Terminal Services sessions."""

    Process: RM_UNIQUE_PROCESS = field(default_factory=RM_UNIQUE_PROCESS)
    strAppName: str = ""
    strServiceShortName: str = ""
    ApplicationType: RmAppType = RmAppType.RmUnknownApp
    AppStatus: RM_APP_STATUS = RM_APP_STATUS.RmStatusUnknown
    TSSessionId: int = 0
    bRestartable: bool = False

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


@dataclass(slots=True, unsafe_hash=True)
class RM_FILTER_INFO(_Structure):
    """A filter. FilterTrigger says which of the last three is set, a union in C."""

    FilterAction: RM_FILTER_ACTION = RM_FILTER_ACTION.RmInvalidFilterAction
    FilterTrigger: RM_FILTER_TRIGGER = RM_FILTER_TRIGGER.RmFilterTriggerInvalid
    cbNextOffset: int = 0
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
            text if trigger is RM_FILTER_TRIGGER.RmFilterTriggerFile else None,
            process,
            text if trigger is RM_FILTER_TRIGGER.RmFilterTriggerService else None,
        )


def filters_size(filters: Sequence[Filter]) -> int:
    """The bytes that these filters take in C: the records, then their strings in UTF-16, each
    with its terminating zero."""
    texts = [item.target for item in filters if isinstance(item.target, str)]
    units = sum(len(text.encode("utf-16-le", "surrogatepass")) // 2 + 1 for text in texts)
    return _SIZEOF_FILTER_INFO * len(filters) + 2 * units
