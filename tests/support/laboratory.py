"""Runs programs/situations.py on one file system after the other, each only once for all tests."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.scan.leases import LeaseProbe, Verdict
from restartmanager.model import FileIdentity, FileResource
from support.paths import PROGRAMS, TESTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGES = {
    "ext2": "e2fsprogs",
    "ext3": "e2fsprogs",
    "ext4": "e2fsprogs",
    "xfs": "xfsprogs",
    "btrfs": "btrfs-progs",
}
IN_NAMESPACES = (
    "unshare",
    "--mount",
    "--propagation=private",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
)
NOBODY = 65534

Answer = dict[str, Any]


def verdict_of(
    path: str, recorded: FileIdentity | None = None, probe: LeaseProbe | None = None
) -> Verdict:
    """What the lease probe says about one file."""
    resource = FileResource(path, recorded)
    return (probe or LeaseProbe()).ask([resource])[resource]


def file_to_ask_about(folder: Path) -> Path:
    """A new file of 5000 bytes; skips where the probe does not trust the file system."""
    path = folder / "data"
    path.write_bytes(b"x" * 5000)
    if verdict_of(str(path)) is Verdict.UNKNOWN:
        pytest.skip(f"{folder} is on a file system that the probe does not trust")
    return path


def answer(kind: str, situation: str, shared: Path) -> Answer:
    """What came out for this file system and situation; skips where that is not possible here."""
    package = PACKAGES.get(kind)
    if package is not None and shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"mkfs.{kind} is not installed: package {package}")
    found = answers(kind, shared)[situation]
    if "not possible" in found:
        pytest.skip(f"{situation} on {kind}: {_last(found['not possible'])}")
    return found


def _last(message: str) -> str:
    """What a command says after its name and that of the file."""
    return str(message).partition("\n")[0].rpartition(": ")[2]


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of the tests, the same for all workers."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@cache
def answers(kind: str, shared: Path) -> dict[str, Answer]:
    """All answers for a file system, by situation; the first worker that asks finds them out."""
    result = shared / f"situations-{kind}.json"
    with open(shared / f"situations-{kind}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            result.write_bytes(_run(kind))
    found: dict[str, Answer] = json.loads(result.read_bytes())
    return found


def _run(kind: str) -> bytes:
    program = str(PROGRAMS / "situations.py")
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [*IN_NAMESPACES, sys.executable, program, kind, folder],
                env={**os.environ, "PYTHONPATH": f"{TESTS}:{os.environ.get('PYTHONPATH', '')}"},
                capture_output=True,
                timeout=45,
                check=False,
            )
        finally:
            _switch_swap_off(folder)
    message = done.stderr.decode()
    if message.startswith("unshare: "):
        pytest.skip(f"no namespaces here: {_last(message)}")
    assert done.returncode == 0, message
    return done.stdout


def _switch_swap_off(folder: str) -> None:
    """Swapping outlives the namespaces: were the program killed, it would go on."""
    with open("/proc/swaps", encoding="utf-8") as file:
        for line in file:
            if line.startswith(folder):
                command = ("swapoff", line.split()[0])
                subprocess.run(command, check=True)


@contextlib.contextmanager
def public_file(owner: int) -> Iterator[str]:
    """A file of this user in a folder that lets everybody in, which those of pytest do not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - others must get there
        path = os.path.join(folder, "data")
        with open(path, "wb") as file:
            file.write(b"x" * 5000)
        os.chmod(path, 0o644)
        os.chown(path, owner, owner)
        yield path


def asked_as_nobody(path: str) -> Any:
    """What a user without rights is told about a file."""
    program = str(PROGRAMS / "asks_as_nobody.py")
    return json.loads(subprocess.check_output([sys.executable, program, path]))
