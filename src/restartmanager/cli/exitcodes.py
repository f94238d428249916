"""What the exit status says: one table, error class → status."""

from __future__ import annotations

from enum import IntEnum
from functools import cache


class ExitCode(IntEnum):
    """The exit statuses of restartctl; scripts depend on them."""

    DONE = 0
    """Done, or yes."""
    NO = 1
    """No: nobody uses it, something runs replaced code, there is no such filter, something
    essential is missing."""
    USAGE = 2
    """Wrong usage, wrong order, or a configuration file that cannot be used; nothing was done."""
    INCOMPLETE = 3
    """Something did not stop, or did not come back."""
    REBOOT_NEEDED = 4
    """Stopping applications would not be enough; nothing was touched."""
    PERMISSION = 5
    """The caller has no right to do this."""
    NO_SESSION = 6
    """There is no such session, or it has ended."""
    CANCELLED = 7
    """The shutdown or restart was called off."""
    UNUSABLE = 8
    """Restart Manager cannot work here or now: its memory is damaged, busy, full or unsafe, there
    are too many sessions, the platform lacks something, or there is a fault in it."""
    LEFT_CLOSED = 123
    """``run``: the command ran well, and something stays closed that nobody has agreed to."""
    NOT_ALL_BACK = 124
    """``run``: the command ran, and something did not come back."""
    NOT_RUN = 125
    """``run``: the command was not run."""
    NOT_EXECUTABLE = 126
    """``run``: the command cannot be executed, as env(1) says it."""
    NOT_FOUND = 127
    """``run``: there is no such command, as env(1) says it."""
    INTERRUPTED = 130
    """Interrupted from the keyboard while there was nothing to call off."""
    BROKEN_PIPE = 141
    """Nobody reads the output any more, as a shell says it."""


@cache
def _codes() -> tuple[tuple[type[BaseException], ExitCode], ...]:
    """The first that fits counts; a test sees to it that no class of ours falls through to the
    root. Errors are loaded when there is one."""
    from restartmanager import errors

    return (
        (errors.FilterNotFoundError, ExitCode.NO),
        (errors.UsageError, ExitCode.USAGE),
        (errors.ConfigurationError, ExitCode.USAGE),
        (errors.NoSuchSessionError, ExitCode.NO_SESSION),
        (errors.SessionEndedError, ExitCode.NO_SESSION),
        (errors.SessionRoleError, ExitCode.PERMISSION),
        (errors.SessionError, ExitCode.UNUSABLE),
        (errors.StoreError, ExitCode.UNUSABLE),
        (errors.ProcessAccessError, ExitCode.PERMISSION),
        (errors.ProcessGoneError, ExitCode.USAGE),
        (errors.PathAccessError, ExitCode.PERMISSION),
        (errors.ProcessError, ExitCode.INCOMPLETE),
        (errors.RebootNeededError, ExitCode.REBOOT_NEEDED),
        (errors.ActionError, ExitCode.INCOMPLETE),
        (errors.OperationCancelledError, ExitCode.CANCELLED),
        (errors.UnsupportedError, ExitCode.UNUSABLE),
        (errors.RestartManagerError, ExitCode.UNUSABLE),
        (BrokenPipeError, ExitCode.BROKEN_PIPE),
        (PermissionError, ExitCode.PERMISSION),
        (KeyboardInterrupt, ExitCode.INTERRUPTED),
    )


def code_of(error: BaseException) -> ExitCode:
    """The exit status for an error; UNUSABLE for what nobody expected."""
    fits = (code for kind, code in _codes() if isinstance(error, kind))
    return next(fits, ExitCode.UNUSABLE)
