# ruff: noqa: T201 - it talks to the test that runs it
"""Holds a memfd that is nearly a restart registration; which way it is not is the argument."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys

from restartmanager.app.registration import MEMFD_NAME
from restartmanager.model.identity import UniqueProcess

SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def content(kind: str) -> bytes:
    whose = UniqueProcess.of(1) if kind == "another-process" else UniqueProcess.current()
    claim = {
        "format": 1,
        "pid": whose.pid,
        "start_ticks": whose.start_ticks,
        "boot_id": whose.boot_id,
        "command": ["evil"],
        "flags": 0,
    }
    if kind == "garbage":
        return b"\xff\x00{" * 100
    if kind == "empty":
        return b""
    padding = b" " * (64 * 1024) if kind == "huge" else b""
    return json.dumps(claim).encode() + padding


def main() -> None:
    kind = sys.argv[1]
    if kind == "stranger":
        os.seteuid(65534)
    name = "other-name" if kind == "misnamed" else MEMFD_NAME
    fd = os.memfd_create(name, os.MFD_ALLOW_SEALING)
    if kind == "stranger":
        os.seteuid(0)
    os.write(fd, content(kind))
    if kind == "vast":
        os.ftruncate(fd, 1 << 40)
    if kind != "unsealed":
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    print("ready", flush=True)
    signal.pause()


main()
