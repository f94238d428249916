"""What is registered: paths made absolute, identities taken."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.adapters.proc.files import absolute, identify
from restartmanager.errors import DirectoryAmongFilesError, UsageError
from restartmanager.model import FileIdentity

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "far/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("far/inner")
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "far/file").write_bytes(b"far")
    monkeypatch.chdir(tmp_path)
    return os.getcwd()


@pytest.mark.parametrize(
    ("given_path", "expected"),
    [
        ("file", "file"),
        ("./file", "file"),
        ("far//inner/", "far/inner"),
        ("far/../file", "file"),
        ("link/../file", "far/file"),
        ("link/x", "link/x"),
        ("link/..", "far"),
        ("far/..", ""),
        ("nothing/../file", "file"),
    ],
)
def test_paths_become_absolute_and_stay_recognisable(
    here: str, given_path: str, expected: str
) -> None:
    assert absolute(given_path) == f"{here}/{expected}".rstrip("/")


def test_two_slashes_in_front_are_one() -> None:
    assert absolute("//etc/passwd") == "/etc/passwd"
    assert absolute("/") == "/"
    assert absolute("/..") == "/"


def test_the_identity_is_that_of_the_real_file(here: str) -> None:
    os.symlink("file", "name")
    facts = os.stat("file")
    identity = FileIdentity(facts.st_dev, facts.st_ino, facts.st_ctime_ns, 5, facts.st_mtime_ns)
    files = identify(["name", "file", "name"], []).files
    assert [(file.path, file.identity) for file in files] == [
        (f"{here}/name", identity),
        (f"{here}/file", identity),
    ]


@pytest.mark.parametrize("path", ["nothing", "file/below", "x" * 300, "loop"])
def test_what_is_not_there_has_no_identity(here: str, path: str) -> None:
    os.symlink("loop", "loop")
    (file,) = identify([path], []).files
    assert (file.path, file.identity) == (f"{here}/{path}", None)


@pytest.mark.parametrize("path", ["", "a\0b", "\ud800"])
def test_what_is_no_path_is_refused(path: str) -> None:
    for files, trees in (([path], []), ([], [path])):
        with pytest.raises(UsageError):
            identify(files, trees)


def test_directories_are_trees_and_files_are_not(here: str) -> None:
    with pytest.raises(DirectoryAmongFilesError) as caught:
        identify(["file", "link"], [])
    assert caught.value.path == f"{here}/link"
    for path in ("file", "nothing"):
        with pytest.raises(UsageError):
            identify([], [path])


def test_trees_are_recorded_whole_without_links(here: str) -> None:
    os.mkfifo("far/fifo")
    os.symlink("..", "far/loop")
    (tree,) = identify([], ["far"]).trees
    assert tree.path == f"{here}/far"
    names = sorted(entry.path.removeprefix(here) for entry in tree.entries)
    assert names == ["/far", "/far/fifo", "/far/file", "/far/inner"]
    assert all(entry.identity is not None for entry in tree.entries)


def test_undecodable_names_are_names(here: str) -> None:
    path = os.fsdecode(b"\xff\n (deleted)")
    with open(path, "wb"):
        pass
    (file,) = identify([path], []).files
    assert file.identity is not None


def test_a_hundred_thousand_files_take_no_time(here: str) -> None:
    paths = [f"{here}/far/{number}" for number in range(100_000)]
    before = time.process_time()
    assert len(identify(paths, []).files) == 100_000
    assert time.process_time() - before < 3  # 0.5 s as a rule; slow machines are no failure


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_every_text_is_a_path_or_refused(text: str) -> None:
    try:
        path = absolute(text)
    except UsageError:
        return
    assert path.startswith("/")
    assert ".." not in path.split("/")
