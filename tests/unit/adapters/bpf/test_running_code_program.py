"""The programs that tell which code runs do what they should, run here by an interpreter."""

import pytest

from restartmanager.adapters.bpf.running_code_program import CODE, PROCESS, code_programs
from support.kernel_machine import FACTS, ROOM, TGID, TOLD, Machine

CODE_PROGRAM, PROCESS_PROGRAM = (p.code for p in code_programs(FACTS, TOLD, ROOM))
EXECUTABLE, DATA = 0x75, 0x73
MOUNT, CHAINED = 0xAAAA, 0xBBBB


@pytest.fixture
def machine() -> Machine:
    return Machine()


def mapping(
    machine: Machine, path: str, *, flags: int = EXECUTABLE, chain: int = CHAINED, entry: int = 0
) -> int:
    """A mapping of a file at this path, and of the directory entry if one is given."""
    file = machine.file(11, 0x800001)
    entry = entry or machine.structure({FACTS.dentry_hash: chain})
    machine.memory |= {file + FACTS.file_mount: MOUNT, file + FACTS.file_dentry: entry}
    machine.paths[file + FACTS.file_path] = path
    return machine.structure({FACTS.vma_flags: flags, FACTS.vma_file: file})


def run(machine: Machine, vma: int) -> None:
    assert machine.run(CODE_PROGRAM, machine.context(task=machine.task(), vma=vma)) == 0


def test_each_program_belongs_to_its_iterator() -> None:
    assert [(p.name, p.function_id) for p in code_programs(FACTS, TOLD, ROOM)] == [
        ("rm_code", FACTS.task_vma_iterator),
        ("rm_process", FACTS.task_iterator),
    ]


def test_the_records_have_no_hole() -> None:
    assert (CODE.size, PROCESS.size) == (32, 32)


def test_code_is_told_with_its_path(machine: Machine) -> None:
    run(machine, mapping(machine, "/lib/a"))
    assert machine.files == [(700, 11, 0x800001, 0, TGID, "/lib/a")]


def test_data_is_passed_over(machine: Machine) -> None:
    run(machine, mapping(machine, "/lib/a", flags=DATA))
    run(machine, machine.structure({FACTS.vma_flags: EXECUTABLE, FACTS.vma_file: 0}))
    assert machine.files == []


def test_a_file_is_told_once(machine: Machine) -> None:
    vma = mapping(machine, "/lib/a")
    run(machine, vma)
    run(machine, vma)
    assert len(machine.files) == 1


def test_it_is_told_again_for_a_process_that_was_started_earlier(machine: Machine) -> None:
    vma = mapping(machine, "/lib/a")
    run(machine, vma)
    for start, count in ((701, 1), (699, 2), (700, 2)):
        task = machine.task()
        leader = machine.structure({FACTS.task_start: start})
        machine.memory[task + FACTS.task_group_leader] = leader
        assert machine.run(CODE_PROGRAM, machine.context(task=task, vma=vma)) == 0
        assert len(machine.files) == count


def test_a_removed_file_is_told_for_each_process(machine: Machine) -> None:
    vma = mapping(machine, "/lib/a (deleted)", chain=0)
    run(machine, vma)
    run(machine, vma)
    other = machine.task()
    machine.memory[other + FACTS.task_tgid] = 99
    assert machine.run(CODE_PROGRAM, machine.context(task=other, vma=vma)) == 0
    assert [(removed, pid) for _, _, _, removed, pid, _ in machine.files] == [(1, TGID), (1, 99)]


def test_what_found_no_room_is_not_taken_for_told(machine: Machine) -> None:
    vma = mapping(machine, "/lib/a")
    machine.room = False
    run(machine, vma)
    machine.room = True
    run(machine, vma)
    assert len(machine.files) == 1


def test_a_path_that_is_too_long_is_left_empty(machine: Machine) -> None:
    run(machine, mapping(machine, ""))
    assert [path for *_, path in machine.files] == [""]


def test_a_process_is_told_with_its_root(machine: Machine) -> None:
    fs = machine.structure({FACTS.fs_root_mount: MOUNT, FACTS.fs_root_dentry: 0xDDDD})
    task = machine.task(mm=1, fs=fs)
    assert machine.run(PROCESS_PROGRAM, machine.context(task=task)) == 0
    assert machine.processes == [(700, MOUNT, 0xDDDD, TGID)]


@pytest.mark.parametrize("other", [{"mm": 0}, {"flags": 0x0020_0000}, {"pid": 4322}, {"fs": 0}])
def test_what_is_no_process_is_not(machine: Machine, other: dict[str, int]) -> None:
    task = machine.task(**{"mm": 1, "fs": 1, **other})
    assert machine.run(PROCESS_PROGRAM, machine.context(task=task)) == 0
    assert machine.processes == []


@pytest.mark.parametrize("code", [CODE_PROGRAM, PROCESS_PROGRAM])
def test_the_last_call_comes_without_a_task(machine: Machine, code: bytes) -> None:
    assert machine.run(code, machine.context(task=0)) == 0
    assert (machine.files, machine.processes) == ([], [])
