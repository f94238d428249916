"""What is registered: paths made absolute, identities taken."""

from __future__ import annotations

import errno
import os
import socket
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.adapters.proc import files as files_module
from restartmanager.adapters.proc.files import absolute, identify
from restartmanager.errors import (
    DeviceAmongFilesError,
    DirectoryAmongFilesError,
    MissingResourceError,
    UsageError,
)
from restartmanager.model import FileIdentity, TreeResource

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


@pytest.mark.parametrize("path", ["nothing", "file/below", "link/nothing", "loop/below"])
def test_what_is_not_there_is_missing_unless_it_is_allowed(here: str, path: str) -> None:
    os.symlink("loop", "loop")
    with pytest.raises(MissingResourceError) as caught:
        identify(["file", path], [])
    assert caught.value.missing == {"files": (f"{here}/{path}",)}
    (file,) = identify([path], [], allow_missing=True).files
    assert (file.path, file.identity) == (f"{here}/{path}", None)


@pytest.mark.parametrize("path", ["nothing", "file/below", "dangling/below"])
def test_a_tree_that_is_not_there_is_missing_unless_it_is_allowed(here: str, path: str) -> None:
    os.symlink("nothing", "dangling")
    with pytest.raises(MissingResourceError) as caught:
        identify([], ["far", path])
    assert caught.value.missing == {"trees": (f"{here}/{path}",)}
    (tree,) = identify([], [path + "/"], allow_missing=True).trees
    assert tree == TreeResource(f"{here}/{path}")


@pytest.mark.parametrize("target", ["nothing", "loop", "file/below", "x" * 250 + "/y"])
def test_a_link_that_leads_nowhere_is_there_and_no_tree(here: str, target: str) -> None:
    os.symlink(target, "loop")
    (file,) = identify(["loop"], []).files
    assert (file.path, file.identity) == (f"{here}/loop", None)
    for allow_missing in (False, True):
        with pytest.raises(UsageError, match="is not a directory"):
            identify([], ["loop"], allow_missing=allow_missing)


@pytest.mark.parametrize("path", ["x" * 300, "/x" * 3000, "x" * 5000])
@pytest.mark.parametrize("allow_missing", [False, True])
def test_what_no_file_can_be_called_is_refused(
    here: str, path: str, *, allow_missing: bool
) -> None:
    with pytest.raises(UsageError, match="is too long to be a path") as caught:
        identify(["file", path], [], allow_missing=allow_missing)
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("path", ["file/", "file/.", "nothing/", "new/."])
@pytest.mark.parametrize("allow_missing", [False, True])
def test_only_a_directory_ends_like_one(here: str, path: str, *, allow_missing: bool) -> None:
    with pytest.raises(UsageError, match="ends as only the path of a directory does"):
        identify([path], [], allow_missing=allow_missing)
    for folder in ("far/", "link/", "far/.", "far/.."):
        with pytest.raises(DirectoryAmongFilesError):
            identify([folder], [], allow_missing=allow_missing)


@pytest.mark.parametrize("allow_missing", [False, True])
def test_a_device_is_no_file_also_behind_a_link(here: str, *, allow_missing: bool) -> None:
    os.symlink("/dev/null", "masked")
    with pytest.raises(DeviceAmongFilesError) as caught:
        identify(["file", "masked", "/dev/zero"], [], allow_missing=allow_missing)
    assert caught.value.paths == (f"{here}/masked", "/dev/zero")


def test_fifos_and_sockets_are_used_like_files(here: str) -> None:
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        files = identify(["fifo", "socket"], []).files
    assert all(file.identity is not None for file in files)


def test_what_a_package_owns_may_be_anything(here: str) -> None:
    os.symlink("/dev/null", "masked")
    os.symlink("nothing", "dangling")
    found = identify(["file"], [], owned=["nothing", "masked", "far", "dangling", "file"])
    assert [(file.path, file.identity is None) for file in found.files] == [
        (f"{here}/file", False),
        (f"{here}/nothing", True),
        (f"{here}/dangling", True),
    ]


def test_an_error_of_the_file_system_is_said(here: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: str, subject: str, **_: object) -> os.stat_result:
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    monkeypatch.setattr(files_module, "patient_stat", broken)
    with pytest.raises(UsageError, match="file' cannot be looked at: Input/output error"):
        identify(["file"], [], allow_missing=True)


@pytest.mark.parametrize("path", ["", "a\0b", "\ud800"])
def test_what_is_no_path_is_refused(path: str) -> None:
    for files, trees in (([path], []), ([], [path])):
        with pytest.raises(UsageError):
            identify(files, trees)


def test_directories_are_trees_and_files_are_not(here: str) -> None:
    with pytest.raises(DirectoryAmongFilesError) as caught:
        identify(["file", "link"], [])
    assert caught.value.path == f"{here}/link"
    with pytest.raises(UsageError, match="is not a directory"):
        identify([], ["file"], allow_missing=True)


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
    assert len(identify(paths, [], allow_missing=True).files) == 100_000
    assert time.process_time() - before < 3  # 0.5 s as a rule; slow machines are no failure


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_every_text_is_a_path_or_refused(text: str) -> None:
    try:
        path = absolute(text)
    except UsageError:
        return
    assert path.startswith("/")
    assert ".." not in path.split("/")
