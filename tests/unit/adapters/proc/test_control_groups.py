"""Which limits of control groups are lost, on hierarchies of both versions that are mere folders:
the real ones of this machine are in ``integration/attacks/test_limits.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.proc.control_groups import lost_limit, parse_groups

if TYPE_CHECKING:
    from pathlib import Path

OURS = "0::/session.scope\n3:memory:/session.scope\n2:cpu,cpuacct:/\n1:name=systemd:/\n"
THEIRS = OURS.replace("/session.scope", "/other.scope")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with the unified hierarchy and two of version 1, and two groups in each."""
    (tmp_path / "self").mkdir()
    (tmp_path / "self/cgroup").write_text(OURS)
    lines = []
    for name, kind, options in (
        ("unified", "cgroup2", "rw,nsdelegate"),
        ("memory", "cgroup", "rw,memory"),
        ("cpu", "cgroup", "rw,cpu,cpuacct"),
        ("systemd", "cgroup", "rw,xattr,name=systemd"),
    ):
        folder = tmp_path / name
        for group in ("session.scope", "other.scope/below"):
            (folder / group).mkdir(parents=True)
        lines.append(f"30 25 0:26 / {folder} rw,relatime - {kind} {kind} {options}\n")
    (tmp_path / "self/mountinfo").write_text("".join(lines))
    return tmp_path


def lost(machine: Path, theirs: str = THEIRS, kept: str = "") -> str:
    return lost_limit(theirs.encode(), kept, str(machine))


def test_without_a_limit_nothing_is_lost(machine: Path) -> None:
    for name, text in {
        "memory.max": "max",
        "memory.low": "4096",  # it protects, and limits nobody
        "pids.max": "max",
        "pids.current": "17",
        "cpu.max": "max 100000",
        "cpu.weight": "100",
        "cpuset.cpus": "",
        "io.max": "",
        "hugetlb.2MB.max": "max",
        "misc.max": "sev max\nsev_es max",
        "rdma.max": "mlx4_0 hca_handle=max hca_object=max",
    }.items():
        (machine / "unified/other.scope" / name).write_text(f"{text}\n")
    (machine / "memory/other.scope/memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert lost(machine) == ""


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("unified/memory.max", "1048576"),
        ("unified/memory.high", "0"),
        ("unified/memory.swap.max", "0"),
        ("unified/pids.max", "10"),
        ("unified/cpu.max", "50000 100000"),
        ("unified/cpu.weight", "1"),
        ("unified/cpu.idle", "1"),
        ("unified/cpuset.cpus", "0"),
        ("unified/io.max", "8:16 rbps=2097152 wbps=max riops=max wiops=120"),
        ("unified/hugetlb.2MB.max", "0"),
        ("unified/misc.max", "sev max\nsev_es 10"),
        ("unified/rdma.max", "mlx4_0 hca_handle=2 hca_object=max"),
        ("memory/memory.limit_in_bytes", "1048576"),
        ("memory/memory.memsw.limit_in_bytes", "1048576"),
    ],
)
@pytest.mark.parametrize("below", ["", "below"])
def test_a_limit_is_lost_and_named(machine: Path, file: str, text: str, below: str) -> None:
    hierarchy, _, name = file.partition("/")
    (machine / hierarchy / "other.scope" / below / name).write_text(f"{text}\n")
    assert name in lost(machine, THEIRS.replace("/other.scope", "/other.scope/below"))
    assert lost(machine, OURS) == ""


def test_what_comes_back_below_a_group_keeps_its_limits(machine: Path) -> None:
    (machine / "unified/other.scope/pids.max").write_text("10\n")
    assert lost(machine, kept="/other.scope") == ""
    below = THEIRS.replace("/other.scope", "/other.scope/below")
    assert lost(machine, below, kept="/other.scope") == ""
    (machine / "unified/other.scope/below/pids.max").write_text("5\n")
    assert "'/other.scope/below' (pids.max)" in lost(machine, below, kept="/other.scope")


def test_what_cannot_be_looked_at_may_have_limits(machine: Path) -> None:
    """A hierarchy that is not mounted here, or a group that this mount does not show."""
    assert "cannot be looked at" in lost(machine, "4:pids:/x\n")
    assert "cannot be looked at" in lost(machine, "0::/gone\n")
    assert lost(machine, "4:name=elogind:/x\n") == ""
    (machine / "self/mountinfo").write_text(
        f"30 25 0:26 /docker/1 {machine}/unified rw - cgroup2 cgroup2 rw\n"
    )
    (machine / "self/cgroup").write_text("0::/docker/1\n")
    assert lost(machine, "0::/docker/1/session.scope\n") == ""
    assert "cannot be looked at" in lost(machine, "0::/docker/2/session.scope\n")


def test_lines_that_are_none_are_left_out() -> None:
    assert parse_groups(b"") == {}
    assert parse_groups(b"0::/a:b\nnonsense\n3:cpu,cpuacct:/c\n") == {
        "": "/a:b",
        "cpu,cpuacct": "/c",
    }
