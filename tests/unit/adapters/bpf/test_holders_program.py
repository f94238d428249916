"""The programs do what they should, run here by an interpreter of their few instructions."""

import struct

import pytest

from restartmanager.adapters.bpf.holders_program import KEY, RECORD, VALUE, programs
from restartmanager.adapters.bpf.instructions import Instruction, Label, assemble
from restartmanager.model import How
from support.kernel_machine import FACTS, MAP, Machine

EXIT = Instruction(0x95)


def test_instructions_are_laid_out_as_the_kernel_has_them() -> None:
    code = assemble([Instruction(0x79, 7, 6, 8), Instruction(0xB7, 3, immediate=-2), EXIT])
    assert code == bytes.fromhex("79670800 00000000  b7030000 feffffff  95000000 00000000")


def test_jumps_count_from_the_next_instruction() -> None:
    jump = Instruction(0x15, 1, target="end")
    code = assemble([jump, Instruction(0xB7), jump, Label("end"), EXIT])
    assert [struct.unpack_from("<h", code, at + 2)[0] for at in (0, 16)] == [2, 0]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([Instruction(0x15, target="nowhere"), EXIT], "no label 'nowhere'"),
        ([Label("start"), EXIT, Instruction(0x15, target="start")], "no label 'start'"),
        ([Label("twice"), EXIT, Label("twice")], "there twice"),
    ],
)
def test_wrong_labels_are_refused(lines: list[Instruction | Label], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        assemble(lines)


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(struct.error):
        assemble([Instruction(0x79, 1, 2, 0x8000)])


@pytest.fixture
def machine() -> Machine:
    return Machine(targets={KEY.pack(11, 0x800001): 5, KEY.pack(12, 0x800001): 6})


OPEN, MAPPED, TASK = (program.code for program in programs(FACTS, MAP))


def test_each_program_belongs_to_its_iterator() -> None:
    assert [(p.name, p.function_id) for p in programs(FACTS, MAP)] == [
        ("rm_open", FACTS.task_file_iterator),
        ("rm_mapped", FACTS.task_vma_iterator),
        ("rm_task", FACTS.task_iterator),
    ]


def test_the_records_have_no_hole_and_divide_the_kernels_buffer() -> None:
    assert (KEY.size, VALUE.size, RECORD.size) == (16, 4, 16)


def test_an_open_target_is_reported(machine: Machine) -> None:
    file = machine.file(11, 0x800001)
    assert machine.run(OPEN, machine.context(task=machine.task(), file=file)) == 0
    assert machine.records == [(5, 4321, How.OPEN)]


@pytest.mark.parametrize(("number", "device"), [(13, 0x800001), (11, 0x800002)])
def test_another_open_file_is_not(machine: Machine, number: int, device: int) -> None:
    file = machine.file(number, device)
    assert machine.run(OPEN, machine.context(task=machine.task(), file=file)) == 0
    assert machine.records == []


def test_a_mapped_target_is_reported(machine: Machine) -> None:
    vma = machine.structure({FACTS.vma_file: machine.file(12, 0x800001)})
    assert machine.run(MAPPED, machine.context(task=machine.task(), vma=vma)) == 0
    assert machine.records == [(6, 4321, How.MAPPED)]


def test_an_anonymous_mapping_is_passed_over(machine: Machine) -> None:
    vma = machine.structure({FACTS.vma_file: 0})
    assert machine.run(MAPPED, machine.context(task=machine.task(), vma=vma)) == 0


def test_a_task_is_reported_with_executable_and_directories(machine: Machine) -> None:
    mm = machine.structure({FACTS.mm_exe_file: machine.file(11, 0x800001)})
    fs = machine.structure(
        {
            FACTS.fs_pwd_dentry: machine.dentry(12, 0x800001),
            FACTS.fs_root_dentry: machine.dentry(11, 0x800001),
        }
    )
    assert machine.run(TASK, machine.context(task=machine.task(mm=mm, fs=fs))) == 0
    assert machine.records == [(5, 4321, How.EXECUTABLE), (6, 4321, How.CWD), (5, 4321, How.ROOT)]
    assert machine.running == [4321]


def test_a_thread_is_not_reported_as_another_process(machine: Machine) -> None:
    mm = machine.structure({FACTS.mm_exe_file: machine.file(11, 0x800001)})
    assert machine.run(TASK, machine.context(task=machine.task(mm=mm, pid=4322))) == 0
    assert machine.records == [(5, 4321, How.EXECUTABLE)]
    assert machine.running == []


def test_a_task_without_memory_still_has_directories(machine: Machine) -> None:
    root = machine.dentry(11, 0x800001)
    fs = machine.structure({FACTS.fs_pwd_dentry: 0, FACTS.fs_root_dentry: root})
    assert machine.run(TASK, machine.context(task=machine.task(fs=fs))) == 0
    assert machine.records == [(5, 4321, How.ROOT)]
    assert machine.running == []


def test_a_zombie_has_nothing(machine: Machine) -> None:
    assert machine.run(TASK, machine.context(task=machine.task())) == 0
    assert (machine.records, machine.running) == ([], [])


def test_a_kernel_thread_that_borrows_memory_is_passed_over(machine: Machine) -> None:
    mm = machine.structure({FACTS.mm_exe_file: machine.file(11, 0x800001)})
    task = machine.task(mm=mm, flags=0x0020_0000)
    assert machine.run(TASK, machine.context(task=task)) == 0
    assert (machine.records, machine.running) == ([], [])


@pytest.mark.parametrize("code", [OPEN, MAPPED, TASK])
def test_the_last_call_comes_without_a_task(machine: Machine, code: bytes) -> None:
    assert machine.run(code, machine.context(task=0)) == 0
    assert machine.records == []


@pytest.mark.parametrize(("code", "argument"), [(OPEN, "file"), (MAPPED, "vma")])
def test_a_missing_object_is_passed_over(machine: Machine, code: bytes, argument: str) -> None:
    context = machine.context(task=machine.task(), **{argument: 0})
    assert machine.run(code, context) == 0
    assert machine.records == []
