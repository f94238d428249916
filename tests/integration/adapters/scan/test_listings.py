"""What the listing of a folder tells about its files, on real file systems; when it is not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.proc import listings
from restartmanager.adapters.proc.listings import Leads, directories_among
from restartmanager.adapters.proc.mounts import LISTED, Mounts
from support.laboratory import IN_NAMESPACES, PACKAGES
from support.paths import PROGRAMS, TESTS

if TYPE_CHECKING:
    from pathlib import Path

CASES = [
    *("plain", "by a link", "covered", "one folder of two", "mostly others"),
    *("711 to nobody", "744 to nobody", "700 to nobody"),
]
NOT_LISTED = ("btrfs", "overlay")


def answers(kind: str) -> dict[str, Any]:
    package = PACKAGES.get(kind)
    if package is not None and shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"mkfs.{kind} is not installed: package {package}")
    path = f"{TESTS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path: nobody shall reach it
        done = subprocess.run(
            [*IN_NAMESPACES, sys.executable, str(PROGRAMS / "lists.py"), kind, folder],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            timeout=45,
            check=False,
        )
    message = done.stderr.decode()
    if message.startswith("unshare: "):
        pytest.skip(f"no namespaces here: {message}")
    assert done.returncode == 0, message
    found: dict[str, Any] = json.loads(done.stdout)
    if "not possible" in found:
        pytest.skip(f"{kind}: {found['not possible']}")
    return found


@pytest.mark.root
@pytest.mark.parametrize("kind", [*sorted(LISTED), *NOT_LISTED])
def test_a_listing_tells_what_a_look_at_each_tells(kind: str) -> None:
    found = answers(kind)
    assert {case: found[case]["wrong"] for case in CASES} == {case: [] for case in CASES}
    looks = {case: found[case]["looks"] for case in CASES}
    if kind in LISTED:  # links, folders, what is no file or not there: the rest was listed
        assert max(looks[case] for case in ("plain", "by a link", "covered")) < 15
        assert looks["covered"] == looks["plain"] + 1
        assert looks["one folder of two"] < 30
    else:
        assert looks["plain"] == found["plain"]["paths"]
    # Who may not list a folder has no listing; who may not look into it is told no more by one.
    assert looks["711 to nobody"] == looks["744 to nobody"] == found["plain"]["paths"]


def test_few_files_are_looked_at_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing of a large folder would cost more."""
    monkeypatch.delattr(os, "scandir")
    paths = [tmp_path / f"file{number}" for number in range(listings._MANY - 1)]
    for path in paths:
        path.touch()
    leads = Leads()
    leads.look_up(map(str, paths), Mounts.read("/proc"))
    assert leads.keys == {str(p): (p.stat().st_dev, p.stat().st_ino) for p in paths}
    assert directories_among(map(str, paths)) == set()


def test_where_the_mounts_cannot_be_read_no_listing_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"file{number}" for number in range(listings._MANY)]
    for path in paths:
        path.touch()
    looks: list[str] = []
    monkeypatch.setattr(Leads, "_look_at", lambda _, path: looks.append(path))
    Leads().look_up(map(str, paths), Mounts(()))
    assert sorted(looks) == sorted(map(str, paths))
