"""The numbers are kept for one build of the kernel, and dropped at the least doubt."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from restartmanager.adapters.bpf import kernel_layout as module
from restartmanager.adapters.bpf.btf import BtfError, KernelFacts
from restartmanager.adapters.bpf.kernel_layout import facts_to_try, kernel_key

RIGHT = KernelFacts(*range(len(KernelFacts._fields)))


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Stands in for the real one; the list grows by one at each reading."""
    readings: list[int] = []

    def parse(data: bytes) -> KernelFacts:
        readings.append(len(data))
        return RIGHT

    monkeypatch.setattr(module, "_read_btf", lambda: b"types")
    monkeypatch.setattr(module, "parse_facts", parse)
    return readings


def kept(folder: Path) -> Path:
    return folder / "kernel-facts-2.json"


def test_they_are_read_once_and_kept(tmp_path: Path, kernel: list[int]) -> None:
    assert list(facts_to_try(str(tmp_path))) == [RIGHT]
    assert next(facts_to_try(str(tmp_path))) == RIGHT
    assert len(kernel) == 1
    assert [path.name for path in tmp_path.iterdir()] == [kept(tmp_path).name]
    assert stat.S_IMODE(kept(tmp_path).stat().st_mode) == 0o600


def test_without_a_folder_nothing_is_kept(kernel: list[int]) -> None:
    assert list(facts_to_try()) == [RIGHT]
    assert list(facts_to_try()) == [RIGHT]
    assert len(kernel) == 2


def test_kept_ones_that_did_not_prove_right_are_replaced(tmp_path: Path) -> None:
    list(facts_to_try(str(tmp_path)))
    content = json.loads(kept(tmp_path).read_text())
    content["facts"]["task_mm"] = 999
    kept(tmp_path).write_text(json.dumps(content))
    first, second = facts_to_try(str(tmp_path))
    assert (first.task_mm, second) == (999, RIGHT)
    assert next(facts_to_try(str(tmp_path))) == RIGHT


def _without_a_number(content: dict[str, dict[str, object]]) -> None:
    del content["facts"]["task_mm"]


def _with_one_more(content: dict[str, dict[str, object]]) -> None:
    content["facts"]["more"] = 1


def _with_an_impossible_one(content: dict[str, dict[str, object]]) -> None:
    content["facts"]["task_mm"] = -8


def _of_another_kernel(content: dict[str, object]) -> None:
    content["kernel"] = "2.6.32"


@pytest.mark.parametrize(
    "damage", [_without_a_number, _with_one_more, _with_an_impossible_one, _of_another_kernel]
)
def test_kept_ones_that_do_not_fit_are_passed_over(
    tmp_path: Path, kernel: list[int], damage: Callable[[object], None]
) -> None:
    list(facts_to_try(str(tmp_path)))
    content = json.loads(kept(tmp_path).read_text())
    damage(content)
    kept(tmp_path).write_text(json.dumps(content))
    assert list(facts_to_try(str(tmp_path))) == [RIGHT]
    assert len(kernel) == 2


@pytest.mark.parametrize(
    "junk", [b"", b"{", b"[]", b"null", b"7", b'{"kernel": 1}', b"\xff", b"[" * 60_000]
)
def test_a_damaged_file_is_passed_over(tmp_path: Path, junk: bytes) -> None:
    kept(tmp_path).write_bytes(junk)
    assert list(facts_to_try(str(tmp_path))) == [RIGHT]
    assert next(facts_to_try(str(tmp_path))) == RIGHT


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    list(facts_to_try(str(tmp_path)))
    elsewhere = kept(tmp_path).rename(tmp_path / "elsewhere")
    kept(tmp_path).symlink_to(elsewhere)
    assert list(facts_to_try(str(tmp_path))) == [RIGHT]
    assert not kept(tmp_path).is_symlink()


def test_a_file_that_others_may_write_is_passed_over(tmp_path: Path, kernel: list[int]) -> None:
    list(facts_to_try(str(tmp_path)))
    kept(tmp_path).chmod(0o666)
    assert list(facts_to_try(str(tmp_path))) == [RIGHT]
    assert len(kernel) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_passed_over(tmp_path: Path, kernel: list[int]) -> None:
    list(facts_to_try(str(tmp_path)))
    os.chown(kept(tmp_path), 65534, 65534)
    assert list(facts_to_try(str(tmp_path))) == [RIGHT]
    assert len(kernel) == 2


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_passed_over(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(kept(tmp_path))
    assert next(facts_to_try(str(tmp_path))) == RIGHT
    assert [path.name for path in tmp_path.iterdir()] in ([kept(tmp_path).name], [])


def test_a_folder_that_is_not_there_only_costs_time(tmp_path: Path) -> None:
    assert list(facts_to_try(str(tmp_path / "missing"))) == [RIGHT]
    assert list(tmp_path.iterdir()) == []


def test_builds_are_told_apart_by_more_than_their_version() -> None:
    system = os.uname()
    assert kernel_key().startswith(f"{system.release} {system.version} {system.machine}")
    if os.path.exists("/sys/kernel/notes"):
        assert Path("/sys/kernel/notes").read_bytes().hex() in kernel_key()


def test_types_that_cannot_be_read_are_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(module, "BTF_PATH", str(tmp_path / "vmlinux"))
    with pytest.raises(BtfError, match="cannot be read"):
        list(facts_to_try())
    (tmp_path / "vmlinux").write_bytes(bytes(10))
    monkeypatch.setattr(module, "_BTF_LIMIT", 9)
    with pytest.raises(BtfError, match="too large"):
        list(facts_to_try())
