"""Arguments of callers, checked and brought into one form; a wrong one is a UsageError.

::

    >>> paths(["/opt/a", "/opt/b"], "files")
    ('/opt/a', '/opt/b')
    >>> paths("/opt/a", "files")
    Traceback (most recent call last):
    restartmanager.model.errors.UsageError: files is '/opt/a', not a list. Put it in brackets.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, TypeAlias

from restartmanager.errors import NoSuchSessionError, UsageError
from restartmanager.model.identity import UniqueProcess

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restartmanager.model import FilterTrigger


PathLike: TypeAlias = "str | os.PathLike[str]"

_KEY = r"[0-9a-f]{32}"


def normalise_key(key: str) -> str:
    """The key as it is stored; NoSuchSessionError when it cannot be one."""
    if not isinstance(key, str) or not key:
        raise UsageError("No session key was given.", hint="It has 32 hexadecimal digits.")
    if not re.fullmatch(_KEY, lower := key.strip().lower()):
        raise NoSuchSessionError("A key has 32 hexadecimal digits.")
    return lower


def paths(values: Iterable[PathLike], what: str) -> tuple[str, ...]:
    """Paths as text, none of them empty."""
    if isinstance(values, str | bytes | os.PathLike):
        raise _one_where_many_belong(values, what)
    try:
        return texts([os.fsdecode(path) for path in values], what)
    except TypeError:
        raise UsageError(f"{what} has an entry that is no path.") from None


def texts(values: Iterable[str], what: str) -> tuple[str, ...]:
    """Names, none of them empty."""
    if isinstance(values, str | bytes):
        raise _one_where_many_belong(values, what)
    names = tuple(values)
    for name in names:
        if not isinstance(name, str) or not name:
            raise UsageError(f"{what} has an entry that is empty or no text.")
        if "\0" in name:
            raise UsageError(f"{what} has an entry with a NUL byte, which no name has: {name!r}.")
    return names


def unique_processes(values: Iterable[UniqueProcess]) -> tuple[UniqueProcess, ...]:
    """Identities of processes; mere numbers are refused, for they are used again."""
    processes = tuple(values)
    for process in processes:
        if not isinstance(process, UniqueProcess):
            raise UsageError(
                f"{process!r} is not a UniqueProcess.", hint="UniqueProcess.of(pid) makes one."
            )
    return processes


def relaunch_all(relaunch: str) -> bool:
    """Whether ``relaunch`` includes programs that registered nothing."""
    if relaunch not in {"registered", "all"}:
        raise UsageError(f"relaunch is {relaunch!r}.", hint="It is 'registered' or 'all'.")
    return relaunch == "all"


def filter_target(
    executable: PathLike | None, process: UniqueProcess | None, service: str | None
) -> tuple[FilterTrigger, str | UniqueProcess]:
    """The one target of a filter."""
    from restartmanager.model import FilterTrigger  # few callers have filters

    if [executable, process, service].count(None) != 2:
        raise UsageError(
            "A filter has exactly one target.", hint="Give an executable, a process or a service."
        )
    if process is not None:
        return FilterTrigger.PROCESS, unique_processes([process])[0]
    if service is not None:
        return FilterTrigger.SERVICE, texts([service], "service")[0]
    (path,) = paths([] if executable is None else [executable], "executable")
    return FilterTrigger.EXECUTABLE, os.path.abspath(path)


def _one_where_many_belong(value: object, what: str) -> UsageError:
    return UsageError(f"{what} is {value!r}, not a list.", hint="Put it in brackets.")
