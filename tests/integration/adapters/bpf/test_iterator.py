"""What the kernel says of real processes that hold files in every way there is."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from restartmanager.adapters.bpf import kernel_layout as kernel_facts
from restartmanager.adapters.bpf import loader, program_parts
from restartmanager.adapters.bpf.instructions import Instruction
from restartmanager.adapters.bpf.iterator import KernelIterator, why_unavailable
from restartmanager.adapters.bpf.loader import Answer, Hit
from restartmanager.errors import UnsupportedError
from restartmanager.model import How
from support.paths import PROGRAMS

REFUSAL = why_unavailable()
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(REFUSAL is not None, reason=str(REFUSAL)),
]

HOLDER = str(PROGRAMS / "kernel_holder.py")
PYTHON = [sys.executable, "-I", "-S"]
Target = tuple[int, int]
Use = tuple[int, How]


class Holders:
    """Child processes that hold files; all are gone when the test is over, however it ends."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def start(self, *actions: str) -> subprocess.Popen[bytes]:
        """Start one; it may not hold anything yet."""
        return self._start([*PYTHON, HOLDER, *actions])

    def ready(self, *actions: str) -> int:
        """Start one and wait until it holds everything; its number."""
        child = self.start(*actions)
        return self.wait_for(child)

    def wait_for(self, child: subprocess.Popen[bytes]) -> int:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        return child.pid

    def run_copy_of_cat(self, path: str, folder: str) -> int:
        """Run a program that repeats its input, which tells that it runs."""
        child = self._start([path], folder)
        assert child.stdin is not None
        child.stdin.write(b"ready\n")
        child.stdin.flush()
        return self.wait_for(child)

    def _start(self, command: list[str], folder: str | None = None) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        child = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=folder)
        self._stack.callback(self._finish, child)
        return child

    def _finish(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.close()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        finally:
            child.stdout.close()


@pytest.fixture
def holders() -> Iterator[Holders]:
    with ExitStack() as stack:
        yield Holders(stack)


@pytest.fixture
def folder() -> Iterator[str]:
    """On tmpfs: a disk's file system could be one that the kernel is not to be asked about."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        yield path


@pytest.fixture
def target(folder: str) -> str:
    return make_file(folder, "target")


@pytest.fixture
def kernel() -> Iterator[KernelIterator]:
    with KernelIterator() as loaded_iterator:
        yield loaded_iterator


def make_file(folder: str, name: str) -> str:
    path = os.path.join(folder, name)
    Path(path).write_bytes(b"x" * 8192)
    return path


def identity(path: str) -> Target:
    about = os.stat(path)
    return about.st_dev, about.st_ino


def uses(kernel: KernelIterator, path: str) -> set[Use]:
    return {(hit.pid, hit.kind) for hit in kernel.find([identity(path)]).hits}


# -- every way to hold a file ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actions", "kinds"),
    [
        (["open"], {How.OPEN}),
        (["map"], {How.MAPPED}),
        (["open", "map"], {How.OPEN, How.MAPPED}),
        (["open", "open", "map", "map"], {How.OPEN, How.MAPPED}),
        (["thread-open"], {How.OPEN}),
        (["zombie-leader"], {How.OPEN, How.MAPPED}),
    ],
)
def test_a_holder_is_found_with_its_kinds_of_use(
    kernel: KernelIterator, holders: Holders, target: str, actions: list[str], kinds: set[How]
) -> None:
    pid = holders.ready(*(f"{action}={target}" for action in actions))
    assert uses(kernel, target) == {(pid, kind) for kind in kinds}


@pytest.mark.parametrize(
    ("action", "kind"), [("cwd", How.CWD), ("thread-cwd", How.CWD), ("chroot", How.ROOT)]
)
def test_a_directory_in_use_is_found(
    kernel: KernelIterator, holders: Holders, folder: str, action: str, kind: How
) -> None:
    if kind not in kernel._demand().kinds:
        pytest.skip(f"{kind} cannot be proven on the file system of this machine's root")
    pid = holders.ready(f"{action}={folder}")
    assert uses(kernel, folder) == {(pid, kind)}


def test_a_zombie_leader_is_one(holders: Holders, target: str) -> None:
    pid = holders.ready(f"zombie-leader={target}")
    assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_running_program_on_a_disk_is_found(
    kernel: KernelIterator, holders: Holders, tmp_path: Path
) -> None:
    if not os.major(tmp_path.stat().st_dev):
        pytest.skip("the temporary folder is on a file system without a disk of its own")
    path = shutil.copy(shutil.which("cat") or "/bin/cat", tmp_path / "program")
    pid = holders.run_copy_of_cat(str(path), str(tmp_path))
    assert uses(kernel, str(path)) == {(pid, kind) for kind in (How.EXECUTABLE, How.MAPPED)}
    assert uses(kernel, str(tmp_path)) == {(pid, How.CWD)}


def test_identity_decides_not_the_path(
    kernel: KernelIterator, holders: Holders, target: str
) -> None:
    old = identity(target)
    pid = holders.ready(f"map={target}")
    os.link(target, f"{target}.link")
    assert uses(kernel, f"{target}.link") == {(pid, How.MAPPED)}
    Path(f"{target}.new").write_bytes(b"new")
    os.replace(f"{target}.new", target)
    os.unlink(f"{target}.link")
    assert uses(kernel, target) == set()
    assert kernel.find([old]).hits == {Hit(*old, pid, How.MAPPED)}


def test_nobody_is_found_when_nobody_holds_it(
    kernel: KernelIterator, holders: Holders, folder: str, target: str
) -> None:
    holders.ready(f"open={make_file(folder, 'another')}")
    assert uses(kernel, target) == set()


def test_our_own_process_is_found_as_well(kernel: KernelIterator, target: str) -> None:
    with open(target, "rb"):
        assert uses(kernel, target) == {(os.getpid(), How.OPEN)}
    assert uses(kernel, target) == set()


def test_one_question_serves_many_files(
    kernel: KernelIterator, holders: Holders, folder: str
) -> None:
    files = [make_file(folder, str(number)) for number in range(10)]
    pids = [holders.ready(f"open={path}") for path in files[:3]]
    found = kernel.find([identity(path) for path in files]).hits
    assert found == {
        Hit(*identity(path), pid, How.OPEN) for path, pid in zip(files, pids, strict=False)
    }


def test_questions_do_not_disturb_each_other(
    kernel: KernelIterator, holders: Holders, folder: str
) -> None:
    one, two = make_file(folder, "one"), make_file(folder, "two")
    pid = holders.ready(f"open={one}", f"map={two}")
    for _ in range(3):
        assert uses(kernel, one) == {(pid, How.OPEN)}
        assert uses(kernel, two) == {(pid, How.MAPPED)}
        assert kernel.find([]) == Answer()


def test_more_files_than_the_map_holds(
    kernel: KernelIterator, holders: Holders, target: str
) -> None:
    pid = holders.ready(f"open={target}")
    device, inode = identity(target)
    others = [(device, inode + 1000 + number) for number in range(2 * loader.LARGEST_QUESTION)]
    assert kernel.find([*others, (device, inode)]).hits == {Hit(device, inode, pid, How.OPEN)}


def test_nobody_is_lost_among_more_answers_than_the_kernel_buffers(
    kernel: KernelIterator, holders: Holders, target: str
) -> None:
    """Its buffer has room for 2048 records; it stops and goes on within one process's uses."""
    before = [holders.ready(f"open={target}", f"map={target}") for _ in range(4)]
    many = holders.ready(f"open-many={target}", f"map-many={target}")
    after = [holders.ready(f"open={target}", f"map={target}") for _ in range(4)]
    pids = [*before, many, *after]
    assert uses(kernel, target) == {(pid, kind) for pid in pids for kind in (How.OPEN, How.MAPPED)}


def test_several_threads_may_ask(kernel: KernelIterator, holders: Holders, folder: str) -> None:
    files = [make_file(folder, str(number)) for number in range(4)]
    pids = [holders.ready(f"open={path}") for path in files]
    answers: dict[str, set[Use]] = {}

    def ask(path: str) -> None:
        for _ in range(5):
            answers[path] = uses(kernel, path)

    threads = [threading.Thread(target=ask, args=(path,)) for path in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answers[path] for path in files] == [{(pid, How.OPEN)} for pid in pids]


def test_the_proof_does_not_depend_on_the_thread(holders: Holders, target: str) -> None:
    pid = holders.ready(f"open={target}")
    answers: list[set[Use]] = []

    def ask() -> None:
        with KernelIterator() as kernel:
            answers.append(uses(kernel, target))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert answers == [{(pid, How.OPEN)}]


# -- against reading /proc ---------------------------------------------------------------------


def proc_answer(pid: int, targets: set[Target]) -> set[Hit]:
    """The same question, answered the long way: every task of one process."""
    found: set[Hit] = set()
    for task in os.listdir(f"/proc/{pid}/task"):
        base = f"/proc/{pid}/task/{task}"
        links = {f"{base}/exe": How.EXECUTABLE, f"{base}/cwd": How.CWD, f"{base}/root": How.ROOT}
        with suppress(OSError):
            links |= {f"{base}/fd/{number}": How.OPEN for number in os.listdir(f"{base}/fd")}
        for link, kind in links.items():
            with suppress(OSError):
                found.add(Hit(*identity(link), pid, kind))
        with suppress(OSError):
            found |= {Hit(*file, pid, How.MAPPED) for file in mapped_files(f"{base}/maps")}
    return {hit for hit in found if (hit.device, hit.inode) in targets}


def mapped_files(path: str) -> Iterator[Target]:
    with open(path, "rb") as file:
        for line in file:
            _, _, _, device, inode, *_ = line.split()
            major, minor = (int(part, 16) for part in device.split(b":"))
            yield os.makedev(major, minor), int(inode)


def random_actions(choose: random.Random, files: list[str], folders: list[str]) -> list[str]:
    on_files = choose.choices(["open", "map", "thread-open"], k=choose.randrange(6))
    actions = [f"{action}={choose.choice(files)}" for action in on_files]
    on_folders = choose.sample(["cwd", "thread-cwd"], k=choose.randrange(3))
    actions += [f"{action}={choose.choice(folders)}" for action in on_folders]
    last = choose.choice(["chroot", "zombie-leader", "open", "open"])
    actions.append(f"{last}={choose.choice(folders if last == 'chroot' else files)}")
    return actions


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_both_ways_give_the_same_answer(
    kernel: KernelIterator, holders: Holders, folder: str, seed: int
) -> None:
    choose = random.Random(seed)  # noqa: S311 - the same population at every run
    files = [make_file(folder, f"file{number}") for number in range(6)]
    folders = [os.path.join(folder, f"folder{number}") for number in range(3)]
    for path in folders:
        os.mkdir(path)
    children = [holders.start(*random_actions(choose, files, folders)) for _ in range(30)]
    pids = {holders.wait_for(child) for child in children}
    targets = {identity(path) for path in [*files, *folders, "/dev/null"]}
    expected = {hit for pid in pids for hit in proc_answer(pid, targets)}
    found = {hit for hit in kernel.find(targets).hits if hit.pid in pids}
    assert found == {hit for hit in expected if hit.kind in kernel._demand().kinds}
    assert {hit.kind for hit in found} >= {How.OPEN, How.MAPPED}


# -- loading, keeping, letting go --------------------------------------------------------------


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_nothing_stays_open(target: str) -> None:
    before = open_descriptors()
    for _ in range(3):
        with KernelIterator() as kernel:
            kernel.find([identity(target)])
    assert open_descriptors() == before


def test_nothing_stays_open_after_a_refusal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lying(tmp_path, lambda facts: facts.update(inode_number=facts["inode_number"] + 8))
    true_facts = kernel_facts.facts_to_try

    def only_kept(folder: str | None) -> Iterator[object]:
        yield next(true_facts(folder))

    monkeypatch.setattr("restartmanager.adapters.bpf.iterator.facts_to_try", only_kept)
    before = open_descriptors()
    with pytest.raises(UnsupportedError), KernelIterator(str(tmp_path)):
        pass
    assert open_descriptors() == before


def test_a_program_that_the_verifier_refuses_is_explained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    no_exit = Instruction(0xB7)
    monkeypatch.setattr(program_parts, "EXIT", no_exit)
    before = open_descriptors()
    with pytest.raises(UnsupportedError, match="refused to load the program rm_open") as caught:
        KernelIterator().__enter__()
    assert "not an exit" in caught.value.detail
    assert len(caught.value.detail) <= 1000
    assert open_descriptors() == before


def lying(folder: Path, change: Callable[[dict[str, int]], object]) -> Path:
    """Have the numbers kept, and change them."""
    with KernelIterator(str(folder)):
        pass
    [kept] = folder.iterdir()
    content = json.loads(kept.read_text())
    change(content["facts"])
    kept.write_text(json.dumps(content))
    return kept


@pytest.mark.parametrize(
    ("name", "by"),
    [
        ("task_file_iterator", 1),
        ("task_vma_iterator", -1),
        ("meta_seq", 8),
        ("task_pid", -8),
        ("task_tgid", 4),
        ("file_inode", 8),
        ("vma_file", -8),
        ("inode_number", 8),
        ("inode_super_block", -8),
        ("super_block_device", 4),
    ],
)
def test_kept_numbers_that_lie_are_found_out_and_replaced(
    holders: Holders, target: str, tmp_path: Path, name: str, by: int
) -> None:
    kept = lying(tmp_path, lambda facts: facts.update({name: facts[name] + by}))
    lie = kept.read_text()
    pid = holders.ready(f"open={target}")
    with KernelIterator(str(tmp_path)) as kernel:
        assert uses(kernel, target) == {(pid, How.OPEN)}
    assert kept.read_text() != lie


def test_kinds_that_lie_are_not_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keep = tmp_path / "keep"
    keep.mkdir()

    def swap(facts: dict[str, int]) -> None:
        facts["fs_pwd_dentry"], facts["fs_root_dentry"] = (
            facts["fs_root_dentry"],
            facts["fs_pwd_dentry"],
        )

    lying(keep, swap)
    with KernelIterator(str(keep)) as kernel:
        assert not kernel._demand().kinds & {How.CWD, How.ROOT}


# -- where it cannot be ------------------------------------------------------------------------

WHY = """
import os, sys
sys.path[:0] = sys.argv[1].split(os.pathsep)
from restartmanager.adapters.bpf import iterator
{first}
print(iterator.why_unavailable())
"""


def why_in_a_child(*before: str, first: str = "") -> str:
    """What why_unavailable() says in a process that first executes a line."""
    program_text = WHY.format(first=first)
    command = [*before, sys.executable, "-I", "-c", program_text, os.pathsep.join(sys.path)]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


IN_A_PID_NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc")


def test_a_child_can() -> None:
    assert why_in_a_child() == "None"


def test_another_user_cannot() -> None:
    answer = why_in_a_child(first="os.setresuid(65534, 65534, 65534)")
    assert "CAP_BPF and CAP_PERFMON" in answer


@pytest.mark.skipif(not shutil.which("unshare"), reason="unshare(1) is not there")
def test_a_pid_namespace_of_its_own_cannot() -> None:
    assert "pid namespace of its own" in why_in_a_child(*IN_A_PID_NAMESPACE)


@pytest.mark.skipif(not shutil.which("unshare"), reason="unshare(1) is not there")
def test_the_proof_alone_finds_out_a_pid_namespace() -> None:
    unaware = "iterator.in_first_pid_namespace = lambda: True"
    assert "self-test failed" in why_in_a_child(*IN_A_PID_NAMESPACE, first=unaware)
