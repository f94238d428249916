"""A primary installer on the Windows API: Microsoft's example program, step for step.

    python primary_installer.py FILE... --replace OLD NEW --secondary-file FILE

It registers the files, has a secondary installer register those of --secondary-file, closes what
uses them, puts the content of NEW in the place of OLD, and brings back what it closed. It returns 0
only when all of this went well. primary_installer_pythonic.py does the same in a third of the code.
"""
# ruff: noqa: N806 - the variables have the names of the C program

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys

from restartmanager import KEY_VARIABLE
from restartmanager import rstrtmgr as rm

HERE = os.path.dirname(os.path.abspath(__file__))


def wmain(options: argparse.Namespace) -> int:  # noqa: C901, PLR0911, PLR0912 - like the original
    dwErrCode: int = rm.ERROR_SUCCESS
    dwSessionHandle = 0xFFFFFFFF  # Stands for "no session": 0 is a valid handle.

    # The files to be registered, and how many they are.
    rgsFiles: list[str] = options.files
    dwFiles = len(rgsFiles)

    nRetry = 0
    nAffectedApps = 0
    nProcInfoNeeded = 0
    dwRebootReasons = rm.RmRebootReasonNone
    rgAffectedApps: list[rm.RM_PROCESS_INFO] = []

    # In C, the way out is "goto RM_CLEANUP"; here it is to return, and the "finally" below.
    try:
        #
        # Start a session.
        #
        dwErrCode, dwSessionHandle, sessKey = rm.RmStartSession(0)
        if dwErrCode != rm.ERROR_SUCCESS:
            return dwErrCode
        print(f"started session {dwSessionHandle}")

        #
        # Hand the key to the secondary installer, which joins and registers files of its own. The
        # example leaves this to the text around it (steps 2 to 4).
        #
        if options.secondary_file and not run_secondary(options, sessKey):
            return rm.ERROR_BAD_ARGUMENTS

        #
        # Register what is going to change: files, as here, or processes, or services.
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

        #
        # Get the list of what is affected. How much room it needs is known only after a first call
        # without any, and the list is made anew by every call: it may have grown when the second
        # one comes. So there is a loop, which gives up after the fourth call.
        #
        while True:
            room = nAffectedApps
            dwErrCode, nProcInfoNeeded, nAffectedApps, rgAffectedApps, dwRebootReasons = (
                rm.RmGetList(dwSessionHandle, room)
            )
            if dwErrCode == rm.ERROR_SUCCESS:
                break

            if dwErrCode != rm.ERROR_MORE_DATA:
                # It failed for another reason than the lack of room.
                return dwErrCode

            # Make room. In C, the array is allocated here.
            nAffectedApps = nProcInfoNeeded

            if nRetry >= 3:
                return dwErrCode
            nRetry += 1

        if dwRebootReasons != rm.RmRebootReasonNone:
            #
            # Closing applications would not be enough, so nothing is closed. An installer would
            # ask its user here.
            #
            print(f"a reboot is needed: {dwRebootReasons!r}")
            return rm.ERROR_FAIL_NOACTION_REBOOT

        #
        # Here are the applications and services, to show them to the user, say.
        #
        for info in rgAffectedApps[:nAffectedApps]:
            print(f"affected: {info.strAppName} (process {info.Process.dwProcessId})")

        #
        # Close them all.
        #
        dwErrCode = rm.RmShutdown(
            dwSessionHandle, rm.RmForceShutdown if options.force else 0, print_closed
        )
        if dwErrCode != rm.ERROR_SUCCESS:
            rm.RmRestart(dwSessionHandle, 0, None)  # Not in the example: some may be closed by now.
            return dwErrCode

        #
        # Now the files can be replaced. Whether this goes well or not, what was closed comes back.
        #
        replaced = replace_files(options.replace)

        #
        # Bring back what was closed.
        #
        dwErrCode = rm.RmRestart(dwSessionHandle, 0, print_back)
        if dwErrCode != rm.ERROR_SUCCESS:
            return dwErrCode
        return rm.ERROR_SUCCESS if replaced else rm.ERROR_WRITE_FAULT

    finally:  # RM_CLEANUP
        if dwSessionHandle != 0xFFFFFFFF:
            #
            # End the session, for the secondary as well.
            #
            rm.RmEndSession(dwSessionHandle)
            dwSessionHandle = 0xFFFFFFFF


def run_secondary(options: argparse.Namespace, sessKey: str) -> bool:  # noqa: N803
    """Start the secondary installer with the key in its environment, and wait for it."""
    command = [sys.executable, options.secondary, *options.secondary_file]
    environment = {**os.environ, KEY_VARIABLE: sessKey}
    return subprocess.run(command, env=environment, check=False).returncode == 0


def replace_files(pairs: list[tuple[str, str]]) -> bool:
    """Put the new files in the place of the old ones, each at one stroke."""
    try:
        for old, new in pairs:
            shutil.copy(new, f"{old}.new")
            os.replace(f"{old}.new", old)
            print(f"replaced {old}")
    except OSError as error:
        print(f"not replaced: {error}", file=sys.stderr)
        return False
    return True


def print_closed(nPercentComplete: int) -> None:  # noqa: N803
    print(f"closed: {nPercentComplete} %")


def print_back(nPercentComplete: int) -> None:  # noqa: N803
    print(f"back: {nPercentComplete} %")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A primary installer, on the Windows API.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="what is going to change")
    parser.add_argument(
        "--replace", nargs=2, action="append", default=[], metavar=("OLD", "NEW"),
        help="put the content of NEW in the place of OLD",
    )  # fmt: skip
    parser.add_argument(
        "--secondary-file", action="append", default=[], metavar="FILE",
        help="what the secondary installer registers; without any, none is started",
    )  # fmt: skip
    parser.add_argument(
        "--secondary", default=os.path.join(HERE, "secondary_installer.py"), metavar="PROGRAM",
        help="the secondary installer, a Python program (default: the one beside this)",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="kill what does not exit in time")
    return parser.parse_args()


def main() -> int:
    code = wmain(parse())
    if code != rm.ERROR_SUCCESS:
        print(f"failed: {rm.WinError(code)!r}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
