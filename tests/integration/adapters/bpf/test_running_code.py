"""Which code runs, as the kernel tells it, and who has to be read because of it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, TypeVar

import pytest

from restartmanager.adapters.bpf import kernel_layout as kernel_facts
from restartmanager.adapters.bpf.iterator import running_code, why_unavailable
from restartmanager.adapters.proc.mounts import Mounts
from restartmanager.adapters.scan.stale_candidates import (
    candidates,
    doubtful_files,
    root_is_a_layer,
)
from restartmanager.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from restartmanager.adapters.bpf.running_code import CodeFile, RunningCode
    from support.spawning import Spawn

_Test = TypeVar("_Test", bound="Callable[..., None]")


_REFUSAL = why_unavailable()


def asks_the_kernel(test: _Test) -> _Test:
    skip = pytest.mark.skipif(_REFUSAL is not None, reason=str(_REFUSAL))
    marked: _Test = pytest.mark.root(skip(test))
    return marked


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "libcode.so"
    path.write_bytes(b"x" * 5000)
    return path


def at(path: Path, code: RunningCode) -> list[CodeFile]:
    return [file for file in code.files if file.path.removesuffix(" (deleted)") == str(path)]


def doubtful(path: Path) -> list[CodeFile]:
    code = running_code()
    return [file for file in doubtful_files(code, Mounts(())) if file in at(path, code)]


@asks_the_kernel
@pytest.mark.parametrize("length", [1, 200])
def test_code_is_told_with_its_file_and_first_process(
    spawn: Spawn, tmp_path: Path, length: int
) -> None:
    library = tmp_path / ("x" * length)
    library.write_bytes(b"x" * 5000)
    first, second = (spawn.holding("map-code", str(library)) for _ in range(2))
    code = running_code()
    facts = library.stat()
    file = min(at(library, code), key=lambda file: file.start_ns)
    assert (file.device, file.inode, file.removed) == (facts.st_dev, facts.st_ino, False)
    assert file.pid == first.pid
    assert file.start_ns == code.processes[first.pid].start_ns
    assert code.processes[second.pid].start_ns > file.start_ns


@asks_the_kernel
@pytest.mark.parametrize("length", [1, 200])
def test_removed_code_is_told_for_each_process(spawn: Spawn, tmp_path: Path, length: int) -> None:
    library = tmp_path / ("x" * length)
    library.write_bytes(b"x" * 5000)
    children = [spawn.holding("map-code", str(library)) for _ in range(3)]
    library.unlink()
    found = at(library, running_code())
    assert sorted((file.pid, file.removed) for file in found) == sorted(
        (child.pid, True) for child in children
    )


@asks_the_kernel
def test_an_endless_answer_is_not_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restartmanager.adapters.bpf.running_code._ANSWER_LIMIT", 1000)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(UnsupportedError, match="too much"):
        running_code()
    assert set(os.listdir("/proc/self/fd")) == before


@asks_the_kernel
@pytest.mark.parametrize("how", ["map", "open"])
def test_data_is_not_told(spawn: Spawn, library: Path, how: str) -> None:
    spawn.holding(how, str(library))
    assert at(library, running_code()) == []


@asks_the_kernel
def test_what_is_as_it_was_leaves_none(spawn: Spawn, library: Path) -> None:
    spawn.holding("open", str(library))  # time passes: the file is older than the next one
    spawn.holding("map-code", str(library))
    assert doubtful(library) == []


@asks_the_kernel
def test_what_was_written_over_does(spawn: Spawn, library: Path) -> None:
    spawn.holding("map-code", str(library))
    library.write_bytes(b"y" * 5000)
    assert len(doubtful(library)) == 1


@asks_the_kernel
def test_what_was_moved_aside_and_replaced_does(spawn: Spawn, library: Path) -> None:
    spawn.holding("map-code", str(library))
    os.link(library, library.with_name("kept"))
    library.unlink()
    library.write_bytes(b"y")
    (file,) = doubtful(library)
    assert file.removed


@asks_the_kernel
def test_who_sees_another_root_is_always_read(spawn: Spawn) -> None:
    inside = spawn.holding("open", "/dev/null", before=("unshare", "-m"))
    beside = spawn.holding("open", "/dev/null")
    found = candidates(running_code(), [])
    assert inside.pid in found.to_read
    assert beside.pid in found.others


@asks_the_kernel
@pytest.mark.parametrize(
    "name", ["vma_flags", "file_path", "file_dentry", "task_group_leader", "task_start"]
)
def test_numbers_that_lie_are_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    running_code(str(tmp_path))
    (kept,) = tmp_path.iterdir()
    content = json.loads(kept.read_text())
    content["facts"][name] += 8
    kept.write_text(json.dumps(content))
    true_facts = kernel_facts.facts_to_try

    def only_kept(folder: str | None) -> Iterator[object]:
        yield next(true_facts(folder))

    monkeypatch.setattr("restartmanager.adapters.bpf.iterator.facts_to_try", only_kept)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(UnsupportedError):
        running_code(str(tmp_path))
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("options", "layer"),
    [
        ("rw,lowerdir=/a:/b,upperdir=/c,workdir=/d", False),
        ("rw,lowerdir=/,upperdir=/c,workdir=/d", True),
        ("rw,lowerdir=/a:/proc/self/root,upperdir=/c", True),
        ("rw,lowerdir+=/a,datadir+=/", True),
        ("rw,lowerdir=l/AAA:l/BBB", True),
        ("rw,lowerdir=/nowhere,upperdir=/nowhere", False),
    ],
)
def test_a_root_that_may_be_a_layer_of_an_overlayfs(options: str, layer: bool) -> None:
    line = f"9 1 0:50 / /merged rw,relatime shared:1 - overlay overlay {options}"
    assert root_is_a_layer(f"1 0 8:1 / / rw - ext4 /dev/sda rw\n{line}\n".encode()) is layer
    assert not root_is_a_layer(line.replace(" overlay overlay ", " ext4 /dev/sda ").encode())
