"""Running somebody's command while its applications are closed, and surviving whatever is sent."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from restartmanager.cli.exitcodes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_TO_PASS_ON = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}
_IGNORED_BY_PYTHON = [signal.SIGPIPE, signal.SIGXFSZ]
_SI_KERNEL = 0x80
"""Who sent a signal (sigaction(2)): the terminal, which has sent it to the command as well."""


def missing(name: str) -> ExitCode | None:
    """Why this command could not be run, as env(1) says it; None when it can be looked forward
    to."""
    folders = [""] if "/" in name else os.get_exec_path()
    found = [path for folder in folders if os.path.exists(path := os.path.join(folder, name))]
    if not found:
        return ExitCode.NOT_FOUND
    usable = any(os.path.isfile(path) and os.access(path, os.X_OK) for path in found)
    return None if usable else ExitCode.NOT_EXECUTABLE


def run_command(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run it to its end and return its exit status; 128 + N where a signal ended it.

    Signals to us are passed on to it, and end the waiting only when they end the command.
    """
    before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would leave no status
    watched = {*_TO_PASS_ON, signal.SIGCHLD}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    try:
        pid = os.posix_spawnp(
            command[0], list(command), environment, setsigmask=mask, setsigdef=_IGNORED_BY_PYTHON
        )
        return _await(pid, watched)
    except FileNotFoundError:
        return ExitCode.NOT_FOUND
    except OSError:
        return ExitCode.NOT_EXECUTABLE
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGCHLD, before)


def _await(pid: int, watched: set[signal.Signals]) -> int:
    child = os.pidfd_open(pid)
    try:
        while True:
            about = signal.sigwaitinfo(watched)
            if about.si_signo == signal.SIGCHLD:
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    code = os.waitstatus_to_exitcode(status)
                    return code if code >= 0 else 128 - code
            elif about.si_code != _SI_KERNEL:
                signal.pidfd_send_signal(child, about.si_signo)
    finally:
        os.close(child)
