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

from restartmanager.rstrtmgr import types
from restartmanager.rstrtmgr.applications import (
    RmCancelCurrentTask,
    RmGetList,
    RmRestart,
    RmShutdown,
)
from restartmanager.rstrtmgr.filters import RmAddFilter, RmGetFilterList, RmRemoveFilter
from restartmanager.rstrtmgr.sessions import (
    RmEndSession,
    RmJoinSession,
    RmRegisterResources,
    RmStartSession,
)
from restartmanager.rstrtmgr.types import *  # noqa: F403 - all that the C header declares

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
