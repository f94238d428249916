"""The Windows API for programs that are ported: its eleven functions under their own names.

    from restartmanager import rstrtmgr as rm

    dwErrCode, dwSessionHandle, sessKey = rm.RmStartSession(0)

Parameters have the names and the order of ``restartmanager.h``. Out-parameters are left out and
returned after the result code, in that order. Errors are codes, and Microsoft's page of each
function says what they mean; only errors of other origin, such as a bug, are raised. All functions
return these:

    6            the handle is unknown or ended; this is checked before anything else
    1219         the handle is a secondary's, and the function the primary's
    160          an argument makes no sense; reserved flags must be 0
    14, 29, 121  out of memory; the session memory is unusable; it, or the session, is busy

A handle is a small number, from 0 on, and is valid only in the process that got it, not in its
children. No number is given out twice, so that a stale handle cannot hit another session.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
from typing import TYPE_CHECKING

from restartmanager.api import sessions
from restartmanager.api.primary import PrimarySession
from restartmanager.errors import (
    NoSuchSessionError,
    RestartManagerError,
    SessionEndedError,
    SessionRoleError,
)
from restartmanager.rstrtmgr import arguments, types
from restartmanager.rstrtmgr.codes import code_of
from restartmanager.rstrtmgr.types import *  # noqa: F403 - all that the C header declares
from restartmanager.rstrtmgr.types import (
    ERROR_INVALID_HANDLE,
    ERROR_MORE_DATA,
    ERROR_SUCCESS,
    RM_FILTER_INFO,
    RM_PROCESS_INFO,
    RM_REBOOT_REASON,
    RM_UNIQUE_PROCESS,
    RmRebootReasonNone,
    WinError,
    filters_size,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from restartmanager.api.secondary import JoinedSession

__all__ = [  # noqa: RUF022 - in the order of their use
    "RmStartSession",
    "RmJoinSession",
    "RmEndSession",
    "RmRegisterResources",
    "RmGetList",
    "RmShutdown",
    "RmRestart",
    "RmCancelCurrentTask",
    "RmAddFilter",
    "RmRemoveFilter",
    "RmGetFilterList",
]
__all__ += types.__all__

_log = logging.getLogger(__name__)

_NO_HANDLE = 0xFFFFFFFF
_FAILURES = (RestartManagerError, MemoryError)


class _Handles:
    """The sessions of this process by their handles; any thread may use it."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self.forget_all()

    def forget_all(self) -> None:
        """Forget all sessions, as in a forked child, which does not have its parent's."""
        self._lock = threading.Lock()
        self._sessions: dict[int, PrimarySession | JoinedSession] = {}

    def add(self, session: PrimarySession | JoinedSession) -> int:
        with self._lock:
            handle = next(self._numbers)
            self._sessions[handle] = session
        return handle

    def session(self, handle: int) -> PrimarySession | JoinedSession:
        found = self._sessions.get(handle) if isinstance(handle, int) else None
        if found is None:
            raise SessionEndedError
        return found

    def primary(self, handle: int, operation: str) -> PrimarySession:
        session = self.session(handle)
        if not isinstance(session, PrimarySession):
            raise SessionRoleError(operation)
        return session

    def remove(self, handle: int) -> None:
        self._sessions.pop(handle, None)


_handles = _Handles()
os.register_at_fork(after_in_child=_handles.forget_all)

# -- sessions ----------------------------------------------------------------------------------


def RmStartSession(dwSessionFlags: int = 0) -> tuple[WinError, int, str]:
    """Start a session as its primary: ``(code, pSessionHandle, strSessionKey)``.

    The key, 32 hexadecimal digits, is for secondaries of the same user. What a dead installer left
    stopped is brought back first. Codes: 0, 14, 29, 121, 160, 353 at the 65th session of the user.
    On failure the handle is 0xFFFFFFFF. Source: Microsoft, RmStartSession.
    """
    try:
        arguments.reserved(dwSessionFlags)
        session = sessions.start_session()
    except _FAILURES as error:
        return _code(error), _NO_HANDLE, ""
    return ERROR_SUCCESS, _handles.add(session), session.key


def RmJoinSession(strSessionKey: str) -> tuple[WinError, int]:
    """Join the session with this key as a secondary: ``(code, pSessionHandle)``.

    Codes: 0, 14, 29, 121, 160 without a key, 1219 when it is not one of this user's. On failure
    the handle is 0xFFFFFFFF. Source: Microsoft, RmJoinSession.
    """
    try:
        session = sessions.join_session(arguments.text(strSessionKey))
    except _FAILURES as error:
        return _code(error, no_session=types.ERROR_SESSION_CREDENTIAL_CONFLICT), _NO_HANDLE
    return ERROR_SUCCESS, _handles.add(session)


def RmEndSession(dwSessionHandle: int) -> WinError:
    """End the session, or leave it where the handle is a secondary's; what is stopped stays so.

    Codes: 0, 6 also for the second time, 14, 29, 121. After the last three the handle is still
    good, to try again. Source: Microsoft, RmEndSession.
    """
    try:
        session = _handles.session(dwSessionHandle)
        if isinstance(session, PrimarySession):
            session.end(leave_stopped=True)
        else:
            session.end()
        code = ERROR_SUCCESS
    except _FAILURES as error:
        code = _code(error)
    if code in {ERROR_SUCCESS, ERROR_INVALID_HANDLE}:
        _handles.remove(dwSessionHandle)
    return code


# -- resources and the list --------------------------------------------------------------------


def RmRegisterResources(  # noqa: PLR0913, PLR0917 - as in C
    dwSessionHandle: int,
    nFiles: int,
    rgsFileNames: Sequence[str] | None,
    nApplications: int,
    rgApplications: Sequence[RM_UNIQUE_PROCESS] | None,
    nServices: int,
    rgsServiceNames: Sequence[str] | None,
) -> WinError:
    """Register the first so many of each list, all or none; a list may be None where it is 0.

    A process whose start does not match is accepted and never touched, and so are files and
    services that do not exist. Codes: 0, 6, 14, 29, 121, 160 also for a device, and 5 for what the
    caller may not look at and for a directory among the files, of which Windows complains in
    RmGetList only. Source: Microsoft, RmRegisterResources.
    """
    try:
        session = _handles.session(dwSessionHandle)
        processes = arguments.elements(nApplications, rgApplications, RM_UNIQUE_PROCESS)
        session.register(
            files=arguments.elements(nFiles, rgsFileNames, str),
            processes=arguments.living(processes),
            services=arguments.elements(nServices, rgsServiceNames, str),
            allow_missing=True,  # Windows does not look whether anything is there
        )
    except _FAILURES as error:
        return _code(error)
    return ERROR_SUCCESS


def RmGetList(
    dwSessionHandle: int, nProcInfo: int
) -> tuple[WinError, int, int, list[RM_PROCESS_INFO], RM_REBOOT_REASON]:
    """List the applications that use the resources now, or that this session has acted on before:
    ``(code, pnProcInfoNeeded, pnProcInfo, rgAffectedApps, lpdwRebootReasons)``.

    ``nProcInfo`` is for how many there is room: with more, the code is 234 and the list empty. It
    is made anew by every call: loop while it grows. Codes: 0, 5, 6, 14, 29, 121, 160, 234, 1219.
    Source: Microsoft, RmGetList.
    """
    try:
        session = _handles.primary(dwSessionHandle, "list what is affected")
        arguments.capacity(nProcInfo)
        affected = session.affected()
    except _FAILURES as error:
        return _code(error), 0, 0, [], RmRebootReasonNone
    reasons = RM_REBOOT_REASON(affected.reboot_reasons)
    needed = len(affected.applications)
    if needed > nProcInfo:
        return ERROR_MORE_DATA, needed, 0, [], reasons
    infos = [RM_PROCESS_INFO.like(application) for application in affected.applications]
    return ERROR_SUCCESS, needed, needed, infos, reasons


# -- shutdown and restart ----------------------------------------------------------------------


def RmShutdown(
    dwSessionHandle: int, lActionFlags: int, fnStatus: Callable[[int], object] | None = None
) -> WinError:
    """Stop the applications that use the resources now; RmGetList tells the result of each.

    ``lActionFlags`` combines RmForceShutdown and RmShutdownOnlyRegistered. ``fnStatus`` gets
    strictly increasing percentages. Codes: 0, 6, 14, 29, 121, 160, 350 when a reboot is needed
    (nothing was touched), 351 when something did not stop, or would not come back though only the
    registered are to be stopped, 1219, 1223. Source: Microsoft, RmShutdown.
    """
    try:
        session = _handles.primary(dwSessionHandle, "shut down")
        force, only_registered = arguments.action_flags(lActionFlags)
        session.shutdown(
            force=force,
            only_registered=only_registered,
            on_progress=arguments.callback(fnStatus),
        )
    except _FAILURES as error:
        return _code(error)
    return ERROR_SUCCESS


def RmRestart(
    dwSessionHandle: int, dwRestartFlags: int = 0, fnStatus: Callable[[int], object] | None = None
) -> WinError:
    """Bring back stopped applications, the last one first; RmGetList tells the result of each.

    Codes: 0, 6, 14, 29, 121, 160, 352 when something did not come back, 776 before any RmShutdown,
    1219, 1223. Source: Microsoft, RmRestart.
    """
    try:
        session = _handles.primary(dwSessionHandle, "restart")
        arguments.reserved(dwRestartFlags)
        session.restart(on_progress=arguments.callback(fnStatus))
    except _FAILURES as error:
        return _code(error)
    return ERROR_SUCCESS


def RmCancelCurrentTask(dwSessionHandle: int) -> WinError:
    """Ask the RmShutdown or RmRestart that runs in another thread to give up; it returns 1223.

    Codes: 0 also when nothing runs, 6, 1219. Source: Microsoft, RmCancelCurrentTask.
    """
    try:
        _handles.primary(dwSessionHandle, "cancel").cancel()
    except _FAILURES as error:
        return _code(error)
    return ERROR_SUCCESS


# -- filters -----------------------------------------------------------------------------------


def RmAddFilter(
    dwSessionHandle: int,
    strModuleName: str | None,
    pProcess: RM_UNIQUE_PROCESS | None,
    strServiceShortName: str | None,
    FilterAction: int,
) -> WinError:
    """Exclude one target from being stopped or brought back, instead of its filter so far.

    Exactly one is given: an executable's path, a process or a service. Codes: 0, 6, 14, 29, 121,
    160, 1219. Source: Microsoft, RmAddFilter.
    """
    try:
        session = _handles.primary(dwSessionHandle, "add filters")
        target = arguments.filter_target(strModuleName, pProcess, strServiceShortName)
        session.add_filter(arguments.filter_action(FilterAction), **target)
    except _FAILURES as error:
        return _code(error)
    return ERROR_SUCCESS


def RmRemoveFilter(
    dwSessionHandle: int,
    strModuleName: str | None,
    pProcess: RM_UNIQUE_PROCESS | None,
    strServiceShortName: str | None,
) -> WinError:
    """Remove the filter on that target, given as in RmAddFilter.

    Codes: 0, 2 when there is none, 6, 14, 29, 121, 160, 1219. Source: Microsoft, RmRemoveFilter.
    """
    try:
        session = _handles.primary(dwSessionHandle, "remove filters")
        target = arguments.filter_target(strModuleName, pProcess, strServiceShortName)
        session.remove_filter(**target)
    except _FAILURES as error:
        return _code(error)
    return ERROR_SUCCESS


def RmGetFilterList(
    dwSessionHandle: int, cbFilterBuf: int
) -> tuple[WinError, int, list[RM_FILTER_INFO]]:
    """List the filters, oldest first: ``(code, cbFilterBufNeeded, pbFilterBuf)``.

    Sizes are those of the C structures on 64 bits: 32 bytes for each filter and, behind them all,
    the paths and names in UTF-16, each with a zero at its end. Codes: 0, 6, 14, 29, 121, 160, 234
    when ``cbFilterBuf`` is too small (the list is empty), 1219. Source: Microsoft, RmGetFilterList.
    """
    try:
        session = _handles.primary(dwSessionHandle, "list filters")
        arguments.capacity(cbFilterBuf)
        filters = session.filters()
    except _FAILURES as error:
        return _code(error), 0, []
    needed = filters_size(filters)
    if needed > cbFilterBuf:
        return ERROR_MORE_DATA, needed, []
    infos = [RM_FILTER_INFO.like(item, last=item is filters[-1]) for item in filters]
    return ERROR_SUCCESS, needed, infos


# -- codes ---------------------------------------------------------------------------------------


def _code(error: Exception, no_session: WinError = ERROR_INVALID_HANDLE) -> WinError:
    """The code of an error, whose text goes to the log; other errors are raised again."""
    code = no_session if isinstance(error, NoSuchSessionError) else code_of(error)
    if code is None:
        raise error
    _log.debug("%s: %s", code.name, error)
    return code
