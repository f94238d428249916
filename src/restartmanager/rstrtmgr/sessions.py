"""Functions of sessions and their resources: start, join, end, register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.api import sessions
from restartmanager.api.primary import PrimarySession
from restartmanager.rstrtmgr import arguments, handles
from restartmanager.rstrtmgr.structures import RM_UNIQUE_PROCESS
from restartmanager.rstrtmgr.types import (
    ERROR_INVALID_HANDLE,
    ERROR_SESSION_CREDENTIAL_CONFLICT,
    ERROR_SUCCESS,
    WinError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def RmStartSession(dwSessionFlags: int = 0) -> tuple[WinError, int, str]:
    """Start a session as its primary: ``(code, pSessionHandle, strSessionKey)``.

    The key, 32 hexadecimal digits, is for secondaries of the same user. What a dead installer left
    stopped is brought back first. Codes: 0, 14, 29, 121, 160, 353 at the 65th session of the user.
    On failure the handle is 0xFFFFFFFF. Source: Microsoft, RmStartSession.
    """
    try:
        arguments.reserved(dwSessionFlags)
        session = sessions.start_session()
    except handles.FAILURES as error:
        return handles.code(error), handles.NO_HANDLE, ""
    return ERROR_SUCCESS, handles.table.add(session), session.key


def RmJoinSession(strSessionKey: str) -> tuple[WinError, int]:
    """Join the session with this key as a secondary: ``(code, pSessionHandle)``.

    Codes: 0, 14, 29, 121, 160 without a key, 1219 when it is not one of this user's. On failure
    the handle is 0xFFFFFFFF. Source: Microsoft, RmJoinSession.
    """
    try:
        session = sessions.join_session(arguments.text(strSessionKey))
    except handles.FAILURES as error:
        return handles.code(error, no_session=ERROR_SESSION_CREDENTIAL_CONFLICT), handles.NO_HANDLE
    return ERROR_SUCCESS, handles.table.add(session)


def RmEndSession(dwSessionHandle: int) -> WinError:
    """End the session, or leave it where the handle is a secondary's; what is stopped stays so.

    Codes: 0, 6 also for the second time, 14, 29, 121. After the last three the handle is still
    good, to try again. Source: Microsoft, RmEndSession.
    """
    try:
        session = handles.table.find(dwSessionHandle).session
        if isinstance(session, PrimarySession):
            session.end(leave_stopped=True)
        else:
            session.end()
        code = ERROR_SUCCESS
    except handles.FAILURES as error:
        code = handles.code(error)
    if code in {ERROR_SUCCESS, ERROR_INVALID_HANDLE}:
        handles.table.remove(dwSessionHandle)
    return code


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
        opened = handles.table.find(dwSessionHandle)
        processes = arguments.elements(nApplications, rgApplications, RM_UNIQUE_PROCESS)
        services = arguments.elements(nServices, rgsServiceNames, str)
        opened.session.register(
            files=arguments.elements(nFiles, rgsFileNames, str),
            processes=arguments.living(processes),
            services=[opened.names.full(name) for name in services],
            allow_missing=True,  # Windows does not look whether anything is there
        )
    except handles.FAILURES as error:
        return handles.code(error)
    return ERROR_SUCCESS
