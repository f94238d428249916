"""Errors of the package, but for those that carry outcomes (``action_errors``) and those about
names that cannot be registered (``resource_errors``).

Each class builds its own sentence from typed arguments, which stay readable as attributes, and
derives from the built-in error that it resembles, so that ``except PermissionError`` works as
people expect. ``hint`` says what to do next. All errors survive pickling.
"""

from __future__ import annotations

from typing import Any

from restartmanager.model.escaping import escape


class RestartManagerError(Exception):
    """The base of all errors of this package: catch it to go on without Restart Manager.

    ``message`` is one clear sentence, ``detail`` what is known beyond it (or empty), ``hint`` what
    the caller can do about it (or empty). All three are escaped and fit for a terminal, whatever
    they name.
    """

    def __init__(self, message: str, *, detail: str = "", hint: str = "") -> None:
        message = escape(message)  # it may name a process, or a path
        super().__init__(message)
        self.message = message
        self.detail = escape(detail)
        self.hint = escape(hint)

    def __str__(self) -> str:
        return " ".join(part for part in (self.message, self.detail, self.hint) if part)

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), self.args, self.__dict__)


def rebuild(
    kind: type[RestartManagerError], arguments: tuple[Any, ...], state: dict[str, Any]
) -> RestartManagerError:
    """Unpickle without calling ``__init__``, whose arguments differ from class to class."""
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    error.__dict__.update(state)
    return error


# -- wrong use ---------------------------------------------------------------------------------


class UsageError(RestartManagerError, ValueError):
    """An argument makes no sense; nothing was done."""


class DirectoryAmongFilesError(UsageError):
    """A directory stands among ``files``; nothing of that call was registered."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path!r} is a directory.",
            hint="Register directories as trees: register(trees=[...]), or --tree on the "
            "command line.",
        )
        self.path = path


class OutOfSequenceError(UsageError):
    """An operation was called before the one that it depends on, such as restart before any
    shutdown."""

    def __init__(self, operation: str, needed: str) -> None:
        super().__init__(
            f"{operation} is only possible after {needed}.",
            hint=f"Call {needed} first, also when there may be nothing to do.",
        )
        self.operation = operation
        self.needed = needed


class ConfigurationError(RestartManagerError, ValueError):
    """A configuration file cannot be used; the message names the file, the line and the reason."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"The configuration file {path!r} cannot be used: {reason}.",
            hint="Mend the file, or move it away to go on without it.",
        )
        self.path = path
        self.reason = reason


# -- sessions ----------------------------------------------------------------------------------


class SessionError(RestartManagerError):
    """Something is wrong with the session itself."""


class NoSuchSessionError(SessionError, LookupError):
    """No session of this user has that key."""

    def __init__(self, why: str = "") -> None:
        super().__init__(
            "This user has no session with that key.",
            detail=why,
            hint="A session can only be joined by the user who started it, until it is ended; "
            "'restartctl session ls' lists the open ones.",
        )


class SessionEndedError(SessionError):
    """The session, or this handle on it, was ended."""

    def __init__(self) -> None:
        super().__init__("The session has ended.", hint="Start a new one.")


class SessionLimitError(SessionError):
    """The user already has the greatest number of open sessions (64)."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"This user already has {limit} open sessions, the highest number there may be.",
            hint="End those that are no longer needed: 'restartctl session ls' lists them.",
        )
        self.limit = limit


class SessionRoleError(SessionError, PermissionError):
    """A secondary, or a process outside the session, tried what only the primary may do."""

    def __init__(self, operation: str) -> None:
        super().__init__(
            f"Only the installer that started the session may {operation}.",
            hint="Who has joined a session may register resources and leave it, nothing else.",
        )
        self.operation = operation


class SessionBusyError(SessionError):
    """Another operation of the same session is still running."""

    def __init__(self, operation: str) -> None:
        super().__init__(
            f"The session is busy: {operation} is still running.",
            hint="Wait for it to end, or cancel it from another thread.",
        )
        self.operation = operation


class FilterNotFoundError(SessionError, LookupError):
    """There is no filter on that target."""

    def __init__(self, target: str) -> None:
        super().__init__(
            f"The session has no filter on {target}.", hint="List the filters to see which it has."
        )
        self.target = target


# -- memory ------------------------------------------------------------------------------------


class StoreError(RestartManagerError):
    """The session memory cannot be used; nothing of the call was recorded."""

    def __init__(self, path: str, why: str, *, hint: str = "") -> None:
        super().__init__(
            f"The session memory {path!r} cannot be used: {why}.",
            hint=hint or "'restartctl doctor' shows where it is kept and what is wrong with it.",
        )
        self.path = path
        self.why = why


class StoreBusyError(StoreError, TimeoutError):
    """Another process kept the session memory locked for too long."""

    def __init__(self, path: str, waited_s: float) -> None:
        super().__init__(
            path,
            f"another process has kept it locked for {waited_s:.0f} seconds",
            hint="Try again; if it stays locked, look for a hanging installer.",
        )
        self.waited_s = waited_s


class StoreDamagedError(StoreError):
    """The session memory is damaged; it was set aside under the name ``aside``."""

    def __init__(self, path: str, aside: str, why: str) -> None:
        super().__init__(
            path,
            f"it is damaged ({why})",
            hint=f"It was set aside as {aside!r}; the next call starts with an empty one. "
            "Applications that a session had stopped must be started by hand.",
        )
        self.aside = aside


class StoreVersionError(StoreError):
    """The session memory was written by a newer version of this package; it is left as it is."""

    def __init__(self, path: str, found: int, known: int) -> None:
        super().__init__(
            path,
            f"it has format {found}, and this version knows formats up to {known}",
            hint="Update restartmanager, or end the sessions with the version that started them.",
        )
        self.found = found
        self.known = known


class StoreFullError(StoreError, OSError):
    """The disk or quota is full; nothing of the call was recorded."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "the disk is full", hint="Make room and try again.")


class StoreUnsafeError(StoreError, PermissionError):
    """The state folder could have been tampered with by others."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            path,
            why,
            hint="The state folder must belong to you alone (chown it, chmod 700 it), and nobody "
            "but you and root may rename what is above it.",
        )


# -- processes ---------------------------------------------------------------------------------


class ProcessError(RestartManagerError):
    """Something is wrong with a process."""


class ProcessGoneError(ProcessError, ProcessLookupError):
    """The process has exited, or its number now belongs to another one."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"Process {pid} no longer exists.")
        self.pid = pid


class ProcessAccessError(ProcessError, PermissionError):
    """The caller has no right to look at, signal or start this process."""

    def __init__(self, pid: int, what: str) -> None:
        super().__init__(
            f"Process {pid}: no permission to {what}.", hint="Run as its owner or as root."
        )
        self.pid = pid
        self.what = what


class NotStartedError(ProcessError):
    """A program could not be run. ``passing`` says whether what was in the way may pass by itself:
    the file is being written, or something has run out."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message, hint="Try 'restartctl recover' when that is mended.")
        self.passing = passing


class NotRestartableError(ProcessError):
    """The process cannot be started again as it is; ``why`` says in words what stands against it,
    without a full stop."""

    def __init__(self, pid: int, why: str) -> None:
        super().__init__(
            f"Process {pid} cannot be started again: {why}.",
            hint="Close it by hand, and start it again by hand afterwards.",
        )
        self.pid = pid
        self.why = why


# -- the machine -------------------------------------------------------------------------------


class PathUnresponsiveError(RestartManagerError, TimeoutError):
    """A file cannot be looked at, because its file system does not answer; nothing was done."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path!r} cannot be looked at: its file system does not answer.",
            hint="See whether the server or the program behind its mount still runs; "
            "'umount -l' takes a dead mount away.",
        )
        self.path = path


class UnsupportedError(RestartManagerError, NotImplementedError):
    """This platform, kernel or machine lacks something; ``what`` and ``why`` name it."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(
            f"{what} is not possible here: {why}.",
            hint="'restartctl doctor' shows what this machine can do.",
        )
        self.what = what
        self.why = why
