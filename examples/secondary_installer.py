"""A secondary installer on the Windows API: Microsoft's example program, step for step.

    RESTARTMANAGER_SESSION_KEY=... python secondary_installer.py FILE...

It joins the session of the primary installer that started it, registers its files there and leaves.
"""
# ruff: noqa: N806 - the variables have the names of the C program

from __future__ import annotations

import os
import sys

from restartmanager import KEY_VARIABLE
from restartmanager import rstrtmgr as rm


def wmain(files: list[str]) -> int:
    dwErrCode: int = rm.ERROR_SUCCESS
    dwSessionHandle = 0xFFFFFFFF  # Stands for "no session": 0 is a valid handle.

    # The files to be registered, and how many they are.
    rgsFiles = files
    dwFiles = len(rgsFiles)

    # The primary installer hands over the session key: here, in the environment.
    sessKey = os.environ.get(KEY_VARIABLE, "")

    try:
        dwErrCode, dwSessionHandle = rm.RmJoinSession(sessKey)
        if dwErrCode != rm.ERROR_SUCCESS:
            return dwErrCode

        #
        # Register what is going to change. To list, to close, to bring back and to filter is not
        # for a secondary: all of that would fail.
        #
        dwErrCode = rm.RmRegisterResources(
            dwSessionHandle,
            dwFiles,
            rgsFiles,  # Files
            0,
            None,  # Processes
            0,
            None,  # Services
        )
        if dwErrCode != rm.ERROR_SUCCESS:
            return dwErrCode
        print(f"secondary: registered {dwFiles} file(s)", flush=True)
        return dwErrCode

    finally:  # RM_CLEANUP
        if dwSessionHandle != 0xFFFFFFFF:
            #
            # Leave. The session goes on until the primary installer ends it.
            #
            rm.RmEndSession(dwSessionHandle)
            dwSessionHandle = 0xFFFFFFFF


def main() -> int:
    code = wmain(sys.argv[1:])
    if code != rm.ERROR_SUCCESS:
        print(f"secondary failed: {rm.WinError(code)!r}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
