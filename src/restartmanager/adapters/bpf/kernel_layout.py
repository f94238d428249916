"""The numbers about the running kernel, read once for each of its builds and kept.

Reading them takes a tenth of a second in plain Python, most of what asking the kernel would save,
so they are kept in a folder that the caller gives. They are not trusted for that: whoever uses
them proves them first (``iterator``), and goes on to the next of ``facts_to_try`` when they fail.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from typing import TYPE_CHECKING

from restartmanager.adapters.bpf.btf import BtfError, KernelFacts, parse_facts

if TYPE_CHECKING:
    from collections.abc import Iterator


BTF_PATH = "/sys/kernel/btf/vmlinux"
"""The file in which the kernel shows its own types, since Linux 5.4, when built with
CONFIG_DEBUG_INFO_BTF."""

_NOTES_PATH = "/sys/kernel/notes"
# Counted up when the numbers are other ones: two versions of this on one machine would else read
# the kernel's types at each question, each putting its own numbers in place of the other's.
_CACHE_NAME = "kernel-facts-2.json"
_NOTES_LIMIT = 4096  # a build id takes some tens of bytes
_CACHE_LIMIT = 64 * 1024  # the numbers take one kilobyte
_BTF_LIMIT = 64 * 1024 * 1024  # kernels have some five to ten megabytes of it


def facts_to_try(cache_folder: str | None = None) -> Iterator[KernelFacts]:
    """The numbers, likeliest first: those kept for this kernel, if any, then those it says itself.

    The second are kept in place of the first when they are asked for, so numbers that did not
    prove right are gone for good. A folder that cannot be written to only costs time. Raises
    BtfError when the kernel's type information cannot be used.
    """
    key = kernel_key()
    path = os.path.join(cache_folder, _CACHE_NAME) if cache_folder else None
    kept = _read_kept(path, key) if path else None
    if kept:
        yield kept
    facts = parse_facts(_read_btf())
    if path:
        _keep(path, key, facts)
    yield facts


def kernel_key() -> str:
    """The text that tells one build of a kernel from another.

    Release and version (uname(2)) are equal for two reproducible builds with different options, so
    the size of the type information and the linker's build id in ``/sys/kernel/notes`` join them.
    """
    system = os.uname()
    parts = [system.release, system.version, system.machine]
    with contextlib.suppress(OSError):
        parts.append(str(os.stat(BTF_PATH).st_size))
    with contextlib.suppress(OSError):
        parts.append(_read(_NOTES_PATH, _NOTES_LIMIT).hex())
    return " ".join(parts)


def _read_btf() -> bytes:
    try:
        data = _read(BTF_PATH, _BTF_LIMIT + 1)
    except OSError as error:
        raise BtfError(f"{BTF_PATH} cannot be read ({error.strerror})") from error
    if len(data) > _BTF_LIMIT:
        raise BtfError(f"{BTF_PATH} is too large")
    return data


def _read(path: str, limit: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(limit)


def _read_kept(path: str, key: str) -> KernelFacts | None:
    """The facts that were kept; None for none, and for something damaged, foreign or of a
    stranger."""
    try:
        kept = json.loads(_read_own(path))
        return KernelFacts(**kept["facts"]).checked() if kept["kernel"] == key else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _read_own(path: str) -> bytes:
    """The contents of a file that nobody else could have written; PermissionError otherwise."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        about = os.fstat(descriptor)
        writable = about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or writable:
            raise PermissionError(errno.EPERM, "it may be a stranger's", path)
        return os.read(descriptor, _CACHE_LIMIT)
    finally:
        os.close(descriptor)


def _keep(path: str, key: str, facts: KernelFacts) -> None:
    """Write in one step, so that a reader finds the old or the new and nothing between."""
    import tempfile  # seldom needed, and slow to import

    with contextlib.suppress(OSError):
        # mkstemp(3) makes it for the owner only.
        descriptor, temporary = tempfile.mkstemp(
            prefix=f".{_CACHE_NAME}.", dir=os.path.dirname(path)
        )
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump({"kernel": key, "facts": facts._asdict()}, file, indent=1)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise
