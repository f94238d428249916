"""Bound sockets: which processes have a socket that is registered by its path (unix(7)).

A socket file shows nobody: the process holds a socket whose inode has nothing to do with the
file's. ``/proc/PID/net/unix`` has the inodes by path, for the network namespace of that process.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from restartmanager.adapters.proc.texts import contents, link_text

if TYPE_CHECKING:
    from collections.abc import Mapping


def parse_unix(text: bytes) -> dict[int, str]:
    """The path of each bound socket in the contents of a ``net/unix`` file (proc_pid_net(5)), by
    its inode; abstract names are left out.

    A path may hold line feeds, which the kernel does not escape, and so forge a line for somebody
    else's socket. That socket has a line of its own as well: what stands there twice is left out.
    """
    found: dict[int, str] = {}
    seen: set[int] = set()
    for line in text.split(b"\n"):
        fields = line.split(None, 6)
        if len(fields) < 7 or not fields[0].endswith(b":"):
            continue
        number, _, path = fields[6].partition(b" ")
        if not number.isdigit() or len(number) > 20:
            continue
        inode = int(number)
        if inode in seen:
            found.pop(inode, None)
        elif path and not path.startswith(b"@"):
            found[inode] = os.fsdecode(path)
        seen.add(inode)
    return found


class BoundSockets:
    """The registered paths that sockets are bound to, by network namespace; each read once."""

    def __init__(self, paths: frozenset[str]) -> None:
        self._names = frozenset(os.path.basename(path) for path in paths)
        self._by_namespace: dict[str, Mapping[int, str]] = {}

    def of(self, base: str) -> Mapping[int, str]:
        """The path of each socket that could be a registered one, by its inode, as the process in
        the folder ``base`` can have it: paths are as they were bound, relative ones as well."""
        if not self._names:
            return {}
        namespace = link_text(base + "ns/net")
        if not namespace:
            return {}
        if namespace not in self._by_namespace:
            self._by_namespace[namespace] = self._read(base)
        return self._by_namespace[namespace]

    def _read(self, base: str) -> Mapping[int, str]:
        found = parse_unix(contents(base + "net/unix"))
        return {
            inode: path for inode, path in found.items() if os.path.basename(path) in self._names
        }
