"""Who is in a control group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.processes.processes import members_of, oldest_process

if TYPE_CHECKING:
    from pathlib import Path

    from integration.conftest import Children


def group(mount: Path, *numbers: int) -> None:
    """A control group at /app with these processes."""
    (mount / "app").mkdir()
    (mount / "app" / "cgroup.procs").write_text("".join(f"{number}\n" for number in numbers))


def test_the_oldest_process_is_the_one_that_was_started_first(
    children: Children, tmp_path: Path
) -> None:
    first, second = children.sleeper(), children.sleeper()
    gone = children.sleeper()
    gone.kill()
    gone.wait()
    group(tmp_path, second.pid, gone.pid, 0, first.pid)  # 0: of another pid namespace
    found = oldest_process("/app", str(tmp_path))
    assert found is not None
    assert found.pid == first.pid


def test_an_empty_group_has_none(tmp_path: Path) -> None:
    group(tmp_path)
    assert oldest_process("/app", str(tmp_path)) is None


@pytest.mark.parametrize("path", ["/missing", "/../app", "/app/../app", "/a\0b"])
def test_what_is_no_group_has_none(children: Children, tmp_path: Path, path: str) -> None:
    group(tmp_path, children.sleeper().pid)
    assert oldest_process(path, str(tmp_path)) is None


def test_the_members_of_a_group_are_those_below_it_too(tmp_path: Path, children: Children) -> None:
    first, second = children.sleeper(), children.sleeper()
    group = tmp_path / "app"
    (group / "below").mkdir(parents=True)
    (group / "cgroup.procs").write_text(f"{first.pid}\n0\n")
    (group / "below" / "cgroup.procs").write_text(f"{second.pid}\n")
    known = children.describe(first.pid)
    found = members_of("/app", {known.identity: known}, str(tmp_path))
    assert {process.pid for process in found} == {first.pid, second.pid}
    assert any(process is known for process in found)


@pytest.mark.parametrize("path", ["/none", "/app/../app"])
def test_no_group_has_no_members(tmp_path: Path, path: str) -> None:
    assert members_of(path, {}, str(tmp_path)) == ()
