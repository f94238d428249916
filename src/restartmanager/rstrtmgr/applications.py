"""Functions that act on applications: list, shut down, restart, call off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.rstrtmgr import arguments, handles
from restartmanager.rstrtmgr.structures import RM_PROCESS_INFO
from restartmanager.rstrtmgr.types import (
    ERROR_MORE_DATA,
    ERROR_SUCCESS,
    RM_REBOOT_REASON,
    RmRebootReasonNone,
    WinError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from restartmanager.rstrtmgr.arguments import Null


def RmGetList(
    dwSessionHandle: int, nProcInfo: int
) -> tuple[WinError, int, int, list[RM_PROCESS_INFO], RM_REBOOT_REASON]:
    """List the applications that use the resources now, or that this session has acted on before:
    ``(code, pnProcInfoNeeded, pnProcInfo, rgAffectedApps, lpdwRebootReasons)``.

    ``nProcInfo`` is for how many there is room: with more, the code is 234 and the list empty. It
    is made anew by every call: loop while it grows. A service is called as this handle has called
    it before, else by its full name. Codes: 0, 5, 6, 14, 29, 121, 160, 234, 1219, 1223. Source:
    Microsoft, RmGetList.
    """
    try:
        opened = handles.table.primary(dwSessionHandle, "list what is affected")
        arguments.capacity(nProcInfo)
        affected = opened.tasks.run(opened.session.affected)
    except handles.FAILURES as error:
        return handles.code(error), 0, 0, [], RmRebootReasonNone
    reasons = RM_REBOOT_REASON(affected.reboot_reasons)
    needed = len(affected.applications)
    if needed > nProcInfo:
        return ERROR_MORE_DATA, needed, 0, [], reasons
    infos = []
    for application in affected.applications:
        infos.append(info := RM_PROCESS_INFO.like(application))
        if application.service is not None:
            info.strServiceShortName = opened.names.short(application.service.name)
    return ERROR_SUCCESS, needed, needed, infos, reasons


def RmShutdown(
    dwSessionHandle: int, lActionFlags: int, fnStatus: Callable[[int], object] | Null = None
) -> WinError:
    """Stop the applications that use the resources now; RmGetList tells the result of each.

    ``lActionFlags`` combines RmForceShutdown and RmShutdownOnlyRegistered; other bits ask for
    nothing. ``fnStatus`` gets strictly increasing percentages; 0 is none. Codes: 0, 6, 14, 29, 121,
    160, 350 when a reboot is needed (nothing was touched), 351 when something did not stop, or
    would not come back though only the registered are to be stopped, 1219, 1223. Source: Microsoft,
    RmShutdown.
    """
    try:
        session = handles.table.primary(dwSessionHandle, "shut down").session
        force, only_registered = arguments.action_flags(lActionFlags)
        session.shutdown(
            force=force,
            only_registered=only_registered,
            on_progress=arguments.callback(fnStatus),
        )
    except handles.FAILURES as error:
        return handles.code(error)
    return ERROR_SUCCESS


def RmRestart(
    dwSessionHandle: int, dwRestartFlags: int = 0, fnStatus: Callable[[int], object] | Null = None
) -> WinError:
    """Bring back stopped applications, the last one first; RmGetList tells the result of each.

    Codes: 0, 6, 14, 29, 121, 160, 352 when something did not come back, 776 before any RmShutdown,
    1219, 1223. Source: Microsoft, RmRestart.
    """
    try:
        session = handles.table.primary(dwSessionHandle, "restart").session
        arguments.reserved(dwRestartFlags)
        session.restart(on_progress=arguments.callback(fnStatus))
    except handles.FAILURES as error:
        return handles.code(error)
    return ERROR_SUCCESS


def RmCancelCurrentTask(dwSessionHandle: int) -> WinError:
    """Ask what runs in other threads to give up: RmGetList, RmShutdown, RmRestart return 1223.

    What is almost done may still return 0. Codes: 0 also when nothing runs, 6, 14, 1219. Source:
    Microsoft, RmCancelCurrentTask.
    """
    try:
        opened = handles.table.primary(dwSessionHandle, "cancel")
        opened.tasks.cancel()
        opened.session.cancel()
    except handles.FAILURES as error:
        return handles.code(error)
    return ERROR_SUCCESS
