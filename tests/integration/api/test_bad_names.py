"""Names that nothing has, or that the caller may not look at: an error, nothing is registered."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import restartmanager as rm
from restartmanager.adapters.packages import SystemPackages
from restartmanager.errors import (
    DeviceAmongFilesError,
    MissingResourceError,
    PathAccessError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restartmanager.api.primary import PrimarySession
    from support.spawning import Spawn


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrimarySession]:
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))
    with rm.start_session() as started:
        yield started


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user may enter, with a file in it."""
    with tempfile.TemporaryDirectory(prefix="names-") as path:
        folder = Path(path)
        folder.chmod(0o755)
        (folder / "file").touch()
        yield folder
        for inner in folder.iterdir():
            if inner.is_dir() and not inner.is_symlink():
                inner.chmod(0o700)


def names_of(session: PrimarySession) -> list[str]:
    found = session.resources()
    return [file.path for file in found.files] + [tree.path for tree in found.trees]


# -- what is not there -----------------------------------------------------------------------------


def test_one_bad_name_among_ten_thousand_is_named_and_nothing_is_registered(
    session: PrimarySession, tmp_path: Path
) -> None:
    good = [tmp_path / f"{number}" for number in range(10_000)]
    for path in good:
        path.touch()
    with pytest.raises(MissingResourceError) as caught:
        session.register(files=[*good[:7000], tmp_path / "typo", *good[7000:]], trees=[tmp_path])
    assert caught.value.message == f"No file '{tmp_path}/typo' exists."
    assert names_of(session) == []
    session.register(files=good)
    assert len(names_of(session)) == 10_000


def test_a_file_that_is_gone_since_it_was_registered_is_no_concern(
    session: PrimarySession, tmp_path: Path, spawn: Spawn
) -> None:
    data = tmp_path / "data"
    data.touch()
    session.register(files=[data])
    child = spawn.holding("open", str(data))
    data.unlink()
    (application,) = session.affected().applications
    assert [item.pid for item in application.evidence] == [child.pid]
    with pytest.raises(MissingResourceError):
        session.register(files=[data])


def test_who_uses_files_that_came_with_the_change_is_found(
    session: PrimarySession, tmp_path: Path, spawn: Spawn
) -> None:
    new, tree = tmp_path / "new", tmp_path / "tree"
    session.register(files=[new], trees=[tree], allow_missing=True)
    assert session.affected().applications == ()
    tree.mkdir()
    for path in (new, tree / "inside"):
        path.touch()
    pids = {spawn.holding("open", str(path)).pid for path in (new, tree / "inside")}
    found = session.affected().applications
    assert {item.pid for application in found for item in application.evidence} == pids


def test_a_link_that_leads_nowhere_can_be_replaced(session: PrimarySession, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("nothing")
    session.register(files=[link])
    assert names_of(session) == [str(link)]


def test_a_device_is_refused_whatever_is_allowed(session: PrimarySession, tmp_path: Path) -> None:
    masked = tmp_path / "masked.service"
    masked.symlink_to("/dev/null")
    for path in ("/dev/null", masked):
        with pytest.raises(DeviceAmongFilesError, match="is a device and no file"):
            session.register(files=[path], allow_missing=True)
    assert names_of(session) == []


@pytest.mark.root
def test_so_is_a_disk(session: PrimarySession, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    os.mknod(disk, 0o600 | stat.S_IFBLK, os.makedev(259, 4000))
    with pytest.raises(DeviceAmongFilesError):
        session.register(files=[disk])


def test_who_uses_a_fifo_is_found(session: PrimarySession, tmp_path: Path, spawn: Spawn) -> None:
    os.mkfifo(tmp_path / "fifo")
    end = os.open(tmp_path / "fifo", os.O_RDWR)
    try:
        child = spawn.holding("open", str(tmp_path / "fifo"))
        session.register(files=[tmp_path / "fifo"])
        found = session.affected().applications
        assert child.pid in {item.pid for app in found for item in app.evidence}
    finally:
        os.close(end)


# -- what the caller may not look at ---------------------------------------------------------------


@pytest.mark.parametrize("allow_missing", [False, True])
def test_what_may_not_be_looked_at_is_said_so(
    public: Path, monkeypatch: pytest.MonkeyPatch, as_nobody: Any, *, allow_missing: bool
) -> None:
    """Also behind a link, and for a directory that may be entered but not listed."""
    (public / "private").mkdir(mode=0o700)
    (public / "private/file").touch()
    (public / "dark").mkdir()
    (public / "dark").chmod(0o711)
    (public / "link").symlink_to("private/file")
    (public / "state").mkdir(mode=0o700)
    os.chown(public / "state", 65534, 65534)
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(public / "state"))
    with as_nobody(), rm.start_session() as session:
        for path in ("private/file", "private/nothing", "link"):
            with pytest.raises(PathAccessError) as caught:
                session.register(
                    files=[public / "file", public / path], allow_missing=allow_missing
                )
            assert caught.value.message == f"'{public}/{path}': permission denied."
            with pytest.raises(PathAccessError):
                rm.who_uses(public / "file", public / path)
        for path in ("private", "private/x", "dark"):
            with pytest.raises(PathAccessError):
                session.register(trees=[public / path], allow_missing=allow_missing)
        for path in ("private", "private/x", "dark"):
            with pytest.raises(PermissionError):
                rm.who_uses(public / path)
        assert names_of(session) == []
        session.register(files=[public / "file"])


def test_nor_is_it_overlooked_among_very_many(public: Path, as_nobody: Any) -> None:
    """Of many paths in a folder its listing is read, which is possible without looking further."""
    folder = public / "listed"
    folder.mkdir()
    paths = [folder / str(number) for number in range(100)]
    for path in paths:
        path.touch()
    folder.chmod(0o744)
    with as_nobody(), pytest.raises(PathAccessError) as caught:
        rm.who_uses(*paths)
    assert len(caught.value.paths) == 100
    assert "and 95 more: permission denied" in caught.value.message


def test_an_error_is_not_explained_by_what_may_not_be_looked_at(
    public: Path, as_nobody: Any
) -> None:
    (public / "private").mkdir(mode=0o700)
    with as_nobody(), pytest.raises(PermissionError) as caught, rm.explain_busy():
        os.unlink(public / "private/file")
    assert not getattr(caught.value, "__notes__", [])


# -- packages --------------------------------------------------------------------------------------


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, state: str, *files: str) -> None:
    """A dpkg that knows a package "widget" in this state, with these files."""
    tool = folder / "dpkg-query"
    listing = "\n".join(["/.", *files])
    tool.write_text(
        "#!/bin/sh\n"
        'for name; do :; done; [ "$name" = widget ] || exit 1\n'
        f"case $1 in --show) echo '{state}' ;; *) cat <<'END'\n{listing}\nEND\n;; esac\n"
    )
    tool.chmod(0o755)
    monkeypatch.setattr("restartmanager.adapters.packages._PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize("state", ["config-files", "not-installed", "config-files\nnot-installed"])
def test_a_package_that_was_removed_is_not_installed(
    session: PrimarySession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    installed(tmp_path, monkeypatch, state, "/etc/passwd")
    with pytest.raises(MissingResourceError, match="No package 'widget' is installed"):
        session.register(packages=["widget"])
    with pytest.raises(UsageError, match="No package 'widget' is installed"):
        rm.who_uses(packages=["widget"])
    session.register(packages=["widget"], allow_missing=True)
    assert names_of(session) == []


@pytest.mark.parametrize(
    "state", ["installed", "half-installed", "unpacked", "triggers-pending", ""]
)
def test_a_package_that_is_being_unpacked_can_be_asked_about_by_its_own_scripts(
    session: PrimarySession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    installed(tmp_path, monkeypatch, state, "/etc/passwd", f"{tmp_path}/left out")
    session.register(packages=["widget"])
    assert names_of(session) == ["/etc/passwd", f"{tmp_path}/left out"]


def test_a_masked_service_of_a_package_does_not_stand_for_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.service").symlink_to("/dev/null")
    installed(tmp_path, monkeypatch, "installed", f"{tmp_path}/x.service", "/etc", "/etc/passwd")
    assert SystemPackages().files_of("widget") == ("/etc/passwd",)


def test_a_package_without_files_is_installed(
    session: PrimarySession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, monkeypatch, "installed")
    session.register(packages=["widget"])
    assert names_of(session) == []
    with pytest.raises(MissingResourceError, match="'wigdet', 'b', 'c', 'd', 'e' and 2 more are"):
        session.register(packages=["wigdet", "widget", *"bcdefg"])
