"""Arguments as C programs give them, checked: a wrong one is a UsageError, code 160."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from restartmanager.errors import UsageError
from restartmanager.model import FilterAction
from restartmanager.rstrtmgr.codes import RmShutdownType
from restartmanager.rstrtmgr.dwords import dword, is_null
from restartmanager.rstrtmgr.structures import RM_UNIQUE_PROCESS

if TYPE_CHECKING:
    from typing import Literal, TypeAlias, TypedDict

    from restartmanager.model.identity import UniqueProcess

    class Target(TypedDict, total=False):
        """The one target of a filter, as the session's methods take it."""

        executable: str
        process: UniqueProcess
        service: str

    Null: TypeAlias = Literal[0] | None


_T = TypeVar("_T")


def reserved(flags: int) -> None:
    """Reserved flags, which must be 0: a set bit could mean something that is not done here."""
    _need(_is_count(flags) and flags == 0, "A reserved parameter is not 0.")


def text(value: object) -> str:
    """A string that must be given."""
    if not isinstance(value, str):
        raise UsageError(f"{value!r} is no string.")
    return value


def capacity(number: int) -> int:
    """A size or count."""
    _need(_is_count(number), f"{number!r} is no size or count.")
    return number


def callback(function: Callable[[int], object] | Null) -> Callable[[int], object] | None:
    """A callback, or none where it is NULL."""
    if is_null(function):
        return None
    if not callable(function):
        raise UsageError(f"{function!r} cannot be called.")
    return function


def action_flags(flags: int) -> tuple[bool, bool]:
    """Whether RmForceShutdown and RmShutdownOnlyRegistered are set.

    Other bits ask for nothing: Microsoft's page has no code for them.
    """
    _need(_is_count(flags), f"{flags!r} are no shutdown flags.")
    options = RmShutdownType(dword(flags))
    return (
        RmShutdownType.RmForceShutdown in options,
        RmShutdownType.RmShutdownOnlyRegistered in options,
    )


def elements(count: int, values: Sequence[_T] | None, kind: type[_T]) -> Sequence[_T]:
    """The first ``count`` elements of a list, which is an array in C and may be None for 0."""
    if capacity(count) == 0:
        return ()
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        raise UsageError(f"{values!r} is no list.")
    found = values[:count]
    _need(len(found) == count, f"The list has {len(found)} elements and not {count}.")
    for element in found:
        _need(isinstance(element, kind), f"{element!r} is no {kind.__name__}.")
    return found


def living(processes: Sequence[RM_UNIQUE_PROCESS]) -> list[UniqueProcess]:
    """The processes that may exist; an impossible one is accepted, and never touched."""
    identities = [process.identity() for process in processes]
    return [identity for identity in identities if identity is not None]


def filter_action(number: int) -> FilterAction:
    """The action that a filter forbids."""
    _need(_is_count(number) and number in set(FilterAction), f"{number!r} is no filter action.")
    return FilterAction(number)


def filter_target(
    executable: str | Null,
    process: RM_UNIQUE_PROCESS | Null,
    service: str | Null,
    full_name: Callable[[str], str],
) -> Target:
    """The one target of a filter; the others are NULL. ``full_name`` gives that of a service.

    A process that cannot exist is none: the filter would seem to protect something.
    """
    given = [target for target in (executable, process, service) if not is_null(target)]
    _need(len(given) == 1 and given[0] != "", "A filter has exactly one target.")
    if not is_null(executable):
        return {"executable": text(executable)}
    if not is_null(service):
        return {"service": full_name(text(service))}
    identity = process.identity() if isinstance(process, RM_UNIQUE_PROCESS) else None
    if identity is None:
        raise UsageError(f"{process!r} is no process that can exist.")
    return {"process": identity}


def _is_count(number: object) -> bool:
    return isinstance(number, int) and number >= 0


def _need(condition: object, complaint: str) -> None:
    if not condition:
        raise UsageError(complaint)
