"""Locks that scripts hold while they stop their service, whatever becomes of who ran them.

A script goes on when an installer dies over it. Whoever looks then must not take the service for
running, for it will not run for long. Locks are files in a folder of root's (flock(2)): the script
inherits the open file, and the kernel lets go of it with the last process that has it.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


_FOLDER = "/run/restartmanager/stopping"
_POLL_S = 0.02  # flock(2) waits for ever or not at all
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


@contextmanager
def stop_lock(name: str, until: float) -> Iterator[int]:
    """A descriptor of the lock of the service with this script, for the script to inherit; waits
    for who has it now, until then (monotonic seconds). Raises OSError."""
    for folder in (os.path.dirname(_FOLDER), _FOLDER):  # whatever the caller's umask is
        os.makedirs(folder, mode=0o700, exist_ok=True)
    descriptor = os.open(os.path.join(_FOLDER, name), _FLAGS | os.O_CREAT, 0o600)
    try:
        while not _locked(descriptor, fcntl.LOCK_EX) and time.monotonic() < until:
            time.sleep(_POLL_S)
        yield descriptor
    finally:
        os.close(descriptor)


def is_being_stopped(name: str) -> bool:
    """Whether a script is at work that stops this service, as far as the caller may know."""
    try:
        descriptor = os.open(os.path.join(_FOLDER, name), _FLAGS)
    except OSError:
        return False
    try:
        return not _locked(descriptor, fcntl.LOCK_SH)  # others who ask are not in the way
    finally:
        os.close(descriptor)


def await_stop(name: str, until: float) -> None:
    """Wait for the end of a script that stops this service, until then (monotonic seconds)."""
    while is_being_stopped(name) and time.monotonic() < until:
        time.sleep(_POLL_S)


def _locked(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
