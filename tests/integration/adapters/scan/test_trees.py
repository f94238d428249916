"""Trees of somebody who exchanges their folders with links, and trees with mounts in them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.proc.files import identify
from restartmanager.adapters.proc.mounts import Mounts
from restartmanager.adapters.scan.targets import Targets
from restartmanager.errors import UsageError
from restartmanager.model import Resources
from support.laboratory import IN_NAMESPACES

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.root
STRANGER = 65002
LOOKS = 150

EXCHANGES = """
import ctypes, os, sys
one, other = map(os.fsencode, sys.argv[1:])
os.setresgid(65002, 65002, 65002); os.setresuid(65002, 65002, 65002)
os.write(1, b'.')
syscall = ctypes.CDLL(None, use_errno=True).renameat2
while True:
    assert syscall(-100, one, -100, other, 2) == 0, ctypes.get_errno()
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A tree of a stranger's, a link of theirs beside it, and what the link leads to."""
    with tempfile.TemporaryDirectory() as made:
        top = Path(made)
        top.chmod(0o755)
        (top / "theirs/tree/folder").mkdir(parents=True)
        (top / "theirs/tree/folder/lib").write_bytes(b"x")
        for number in range(100):
            (top / f"theirs/tree/more{number}").mkdir()
        (top / "outside/folder").mkdir(parents=True)
        for name in ("lib", "folder/lib"):
            (top / "outside" / name).write_bytes(b"x")
        (top / "theirs/link").symlink_to(top / "outside")
        for above, folders, files in os.walk(top / "theirs"):
            for path in (above, *(os.path.join(above, name) for name in (*folders, *files))):
                os.chown(path, STRANGER, STRANGER, follow_symlinks=False)
        yield top


@pytest.mark.parametrize("exchanged", ["tree/folder", "tree", "."])
def test_no_file_from_outside_is_taken_for_part_of_a_strangers_tree(
    place: Path, exchanged: str
) -> None:
    """They exchange a folder in it, its own folder, or one above it, all the time."""
    outside = {
        (facts.st_dev, facts.st_ino) for facts in map(os.stat, (place / "outside").rglob("*"))
    }
    one, other = place / "theirs" / exchanged, place / "theirs/link"
    if exchanged == ".":
        os.chown(place, STRANGER, STRANGER)
        one, other = place / "theirs", place / "link"
        (place / "theirs/link").rename(other)
        (place / "outside/tree").mkdir()
        (place / "outside/tree/lib").write_bytes(b"x")
        outside.add((os.stat(place / "outside").st_dev, os.stat(place / "outside/tree").st_ino))
    command = [sys.executable, "-S", "-I", "-c", EXCHANGES, str(one), str(other)]
    tree, met, seen = str(place / "theirs/tree"), 0, 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        stranger.stdout.read(1)
        try:
            recorded = Resources()
            for _ in range(LOOKS):
                try:
                    recorded = identify([], [tree])
                except UsageError:
                    met += 1
                assert not outside & {
                    (entry.identity.device, entry.identity.inode)
                    for found in recorded.trees
                    for entry in found.entries
                    if entry.identity is not None
                }
                keys = Targets.look_up(recorded, Mounts.read("/proc")).keys
                assert not outside & keys
                seen += bool(keys)
        finally:
            stranger.kill()
    assert seen
    assert stranger.poll() == -9, "it exchanged them to the end"
    assert exchanged == "tree/folder" or met


MOUNTS = """
import os, subprocess, sys
from restartmanager.adapters.proc.files import identify
from restartmanager.adapters.proc.mounts import Mounts
from restartmanager.adapters.scan.targets import Targets
top = sys.argv[1]
for name in ("tree/memory", "tree/bound", "tree/again", "elsewhere"):
    os.makedirs(f"{top}/{name}")
open(f"{top}/elsewhere/file", "w").close()
subprocess.run(["mount", "-t", "tmpfs", "none", f"{top}/tree/memory"], check=True)
open(f"{top}/tree/memory/file", "w").close()
subprocess.run(["mount", "--bind", f"{top}/elsewhere", f"{top}/tree/bound"], check=True)
subprocess.run(["mount", "--bind", f"{top}/tree", f"{top}/tree/again"], check=True)
resources = identify([], [f"{top}/tree"])
(tree,) = resources.trees
print(*sorted(entry.path.removeprefix(top) for entry in tree.entries))
keys = Targets.look_up(resources, Mounts.read("/proc")).keys
for name in ("tree/memory/file", "elsewhere/file"):
    facts = os.stat(f"{top}/{name}")
    print((facts.st_dev, facts.st_ino) in keys)
"""


def test_what_is_mounted_below_a_tree_belongs_to_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [*IN_NAMESPACES, sys.executable, "-c", MOUNTS, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.stderr.startswith("unshare: "):
        pytest.skip(f"no namespaces here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    names, *found = done.stdout.splitlines()
    assert {"/tree/memory/file", "/tree/bound/file", "/tree/again/memory"} <= set(names.split())
    assert found == ["True", "True"]
