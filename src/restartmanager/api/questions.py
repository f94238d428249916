"""The Python API of questions: who uses this, who is stale. Nothing is changed or remembered."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from restartmanager.api.wiring import make_identifier, make_inspector
from restartmanager.errors import RestartManagerError
from restartmanager.model.escaping import escape
from restartmanager.rules import arguments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Literal

    from restartmanager.model import Affected, Application
    from restartmanager.model.preview import Preview


_BUSY = frozenset(
    {errno.EBUSY, errno.ETXTBSY, errno.ENOTEMPTY, errno.EAGAIN, errno.EACCES, errno.EPERM}
)
_NAMED_AT_MOST = 5


def who_uses(*paths: str | os.PathLike[str], packages: Iterable[str] = ()) -> Affected:
    """Who uses these files or directories right now.

    A directory stands for everything below it, a package for the files it owns.
    ``not_inspectable`` of the result counts the processes that the caller may not look into. Nobody
    uses what does not exist, unless a process still has a removed file. Raises PathAccessError for
    a path that the caller may not look at, UsageError for what cannot be a path and for a package
    that is not installed.
    """
    resources = make_identifier().resources_at(
        arguments.paths(paths, "paths"), arguments.texts(packages, "packages")
    )
    return _users_only(make_inspector().who_uses(resources))


def stale() -> Affected:
    """Who runs code that was replaced since it was started, and what would cure each.

    Every application has ``required`` (restart, log in again, re-execute the manager, reboot) and
    the evidence; ``ignored`` has what the policy leaves out of account, with the reason.
    """
    return _users_only(make_inspector().stale())


def preview_refresh(*, relaunch: Literal["registered", "all"] = "registered") -> Preview:
    """What ``PrimarySession.refresh(everything=True)`` would do now, in a session without filters.

    ``relaunch`` as there. What would be left alone is among the steps, with the reason.
    """
    from restartmanager.rules.preview import of_refresh

    found = make_inspector().stale(relaunch_all=arguments.relaunch_all(relaunch), obstacles=True)
    return of_refresh(found.applications, ())


def _users_only(affected: Affected) -> Affected:
    """The list without the services that would only be stopped with those that are users."""
    users = tuple(app for app in affected.applications if app.service is None or app.evidence)
    return replace(affected, applications=users)


@contextmanager
def explain_busy(*paths: str | os.PathLike[str]) -> Iterator[None]:
    """Add to an OSError raised inside who uses the file, as a note of the exception.

    For errors that can mean "in use": EBUSY, ETXTBSY, ENOTEMPTY, EAGAIN, EACCES and EPERM.
    ``paths`` are the files to ask about; without them those that the error names. The error itself
    stays what it is, and trouble with the asking never takes its place.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _BUSY:
            named = [name for name in (error.filename, error.filename2) if name is not None]
            note = _in_use_by([os.fspath(path) for path in paths] or named)
            if note:
                error.add_note(note)
        raise


def _in_use_by(paths: Iterable[str | bytes | int]) -> str:
    texts = [os.fsdecode(path) for path in paths if isinstance(path, str | bytes)]
    if not texts:
        return ""
    try:
        found = who_uses(*texts)
    except (RestartManagerError, OSError):
        return ""
    users = [_named(application) for application in found.applications]
    more = len(users) - _NAMED_AT_MOST
    listed = users[:_NAMED_AT_MOST] + ([f"{more} more"] if more > 0 else [])
    unseen = [f"{item.path!r}: {item.reason}" for item in found.unexplained]
    return escape("; ".join([*([f"In use by {', '.join(listed)}"] if listed else []), *unseen]))


def _named(application: Application) -> str:
    how = sorted({way.value for item in application.evidence for way in item.how})
    pid = f"process {application.main_process.pid}" if application.main_process else "service"
    return f"{application.name} ({pid}, {', '.join(how)})"
