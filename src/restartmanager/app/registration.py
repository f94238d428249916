"""The format of a restart registration, shared by the application and its readers.

The bytes lie in a memfd of the application (``registering`` says why). They name the process that
they belong to, for children inherit descriptors, and strangers can be handed them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from restartmanager.errors import UsageError
from restartmanager.model import RestartFlags, RestartRegistration
from restartmanager.model.identity import UniqueProcess

if TYPE_CHECKING:
    from typing import TypeGuard


MEMFD_NAME = "restartmanager-registration"
"""The name of the memfd (memfd_create(2)), which ``/proc/PID/fd/N`` shows. It proves nothing."""

SIZE_LIMIT = 64 * 1024
"""The greatest number of bytes of a registration."""

ALL_FLAGS = int(
    RestartFlags.NO_CRASH | RestartFlags.NO_HANG | RestartFlags.NO_PATCH | RestartFlags.NO_REBOOT
)
"""Every flag that has a meaning."""

_FORMAT = 1


def pack(process: UniqueProcess, registration: RestartRegistration) -> bytes:
    """The registration of a process as bytes that `unpack` understands.

    Raises UsageError when the bytes would be more than SIZE_LIMIT, or the command could not be run:
    no program, a NUL character, text that is no file name, or flags without a meaning.
    """
    import json

    _check(registration)
    data = json.dumps(
        {
            "format": _FORMAT,
            "pid": process.pid,
            "start_ticks": process.start_ticks,
            "boot_id": process.boot_id,
            "command": registration.command,
            "flags": int(registration.flags),
        }
    ).encode("ascii")
    if len(data) > SIZE_LIMIT:
        raise UsageError(
            f"The restart command takes {len(data)} bytes; {SIZE_LIMIT} is the most there may be.",
            hint="Keep it in a file of your own and register an option that names the file.",
        )
    return data


def unpack(data: bytes) -> tuple[UniqueProcess, RestartRegistration] | None:
    """The process and its registration; None for bytes that `pack` would not have written.

    Never raises: the bytes come from a process that may be hostile.
    """
    if len(data) > SIZE_LIMIT:
        return None
    import json  # most processes register nothing

    try:
        content = json.loads(data.decode("ascii"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not _is_number(content.get("format"), 1, _FORMAT):
        return None
    process = _process(content)
    registration = _registration(content)
    if process is None or registration is None:
        return None
    return process, registration


def _process(content: dict[str, Any]) -> UniqueProcess | None:
    pid, ticks, boot = (content.get(key) for key in ("pid", "start_ticks", "boot_id"))
    if not _is_number(pid, 1, 2**31 - 1) or not _is_number(ticks, 0, 2**63 - 1):
        return None
    if not isinstance(boot, str):
        return None
    return UniqueProcess(pid, ticks, boot)


def _registration(content: dict[str, Any]) -> RestartRegistration | None:
    command, flags = content.get("command"), content.get("flags")
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        return None
    if not _is_number(flags, 0, ALL_FLAGS):
        return None
    registration = RestartRegistration(tuple(command), RestartFlags(flags))
    try:
        _check(registration)
    except UsageError:
        return None
    return registration


def _is_number(value: object, least: int, most: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _check(registration: RestartRegistration) -> None:
    """Raise UsageError for a command that execve(2) would not take."""
    if not registration.command or not registration.command[0]:
        raise UsageError("The restart command names no program.")
    for word in registration.command:
        if "\0" in word:
            raise UsageError("The restart command contains a NUL character.")
        try:
            os.fsencode(word)
        except UnicodeEncodeError:
            raise UsageError(
                f"The restart command contains text that is no argument: {word!a}."
            ) from None
    if int(registration.flags) & ~ALL_FLAGS:
        raise UsageError(f"{int(registration.flags)} has bits that are no restart flags.")
