"""When a file was made: statx(2), which Python does not offer.

A module of its own, for ctypes takes milliseconds to load and most questions do not need it.
"""

from __future__ import annotations

import ctypes
import os
import struct

_AT_FDCWD = -100
_STATX_BTIME = 0x800
_SIZE = 256
_MASK = struct.Struct("=I")
_BTIME = struct.Struct("=qI")
_BTIME_OFFSET = 0x50
"""Of ``stx_btime`` in ``struct statx`` (linux/stat.h), the same on every architecture."""


def birth_time(path: str) -> float | None:
    """When the file at this path was made, in seconds since 1970; None where nobody knows: there
    is no file, the file system does not remember, or the C library is too old (glibc before 2.28).
    """
    buffer = ctypes.create_string_buffer(_SIZE)
    try:
        statx = ctypes.CDLL(None).statx
        failed = statx(_AT_FDCWD, os.fsencode(path), 0, _STATX_BTIME, buffer)
    except (AttributeError, OSError, ValueError):
        return None
    (mask,) = _MASK.unpack_from(buffer, 0)
    if failed or not mask & _STATX_BTIME:
        return None
    seconds, nanoseconds = _BTIME.unpack_from(buffer, _BTIME_OFFSET)
    return float(seconds + nanoseconds / 1e9)
