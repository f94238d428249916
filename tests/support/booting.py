"""The unit that recovers at boot, and what a process shows of the restrictions it is under."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from support.paths import ROOT

__all__ = ["UNIT", "restrictions", "unit_text"]

UNIT = "restartmanager-recover.service"
_FILE = ROOT / "data" / "systemd" / "system" / UNIT


def unit_text(command: str = "") -> str:
    """The unit as it is shipped, but that restartctl is ours, or another command in its place."""
    command = command or f"{Path(sys.executable).with_name('restartctl')} recover"
    text = _FILE.read_text(encoding="utf-8")
    assert text.count("=/usr/bin/restartctl recover\n") == 1
    return text.replace("=/usr/bin/restartctl recover\n", f"={command}\n")


def restrictions(pid: int) -> dict[str, str]:
    """What a process cannot get rid of, and its children neither."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    facts = {name: lines[name] for name in ("NoNewPrivs", "Seccomp", "CapBnd", "CapEff", "CapAmb")}
    for name in ("mnt", "net", "uts", "ipc", "user", "cgroup", "pid", "time"):
        facts[name] = os.readlink(f"/proc/{pid}/ns/{name}")
    return facts
