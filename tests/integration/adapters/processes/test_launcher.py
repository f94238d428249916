from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.proc.procfs import ProcDirectory
from restartmanager.adapters.processes import launcher, starting
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.adapters.processes.recipes import parse_status
from restartmanager.errors import ProcessAccessError, ProcessError, UnsupportedError
from restartmanager.model import Recipe, Signal
from restartmanager.model.identity import UniqueProcess
from support.spawning import TO_NOWHERE, settled_descriptors_of

if TYPE_CHECKING:
    from integration.conftest import Children

PROCESSES = LinuxProcesses()
PLAIN = Recipe(
    executable="/bin/sleep",
    arguments=("sleep", "1000"),
    directory="/",
    environment=(("A", "1"),),
    uid=os.getuid(),
    gid=os.getgid(),
    groups=tuple(os.getgroups()),
    umask=0o022,
    nice=os.getpriority(os.PRIO_PROCESS, 0),
    limits=(),
)


def touching(path: Path) -> Recipe:
    """A program that leaves a file behind, and is done."""
    return replace(PLAIN, executable="/usr/bin/touch", arguments=("touch", str(path)))


def status_of(pid: int) -> dict[bytes, bytes]:
    return parse_status(Path(f"/proc/{pid}/status").read_bytes())


def proc_stat(pid: int) -> list[bytes]:
    """The fields of ``stat`` from the third on."""
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()


def environment_of(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")[:-1]


def never(identity: UniqueProcess) -> None:
    """What must not be called."""
    raise AssertionError(f"process {identity} was created")


def soon() -> float:
    return time.monotonic() + 20


def await_end(identity: UniqueProcess) -> None:
    with PROCESSES.open(identity) as handle:
        assert PROCESSES.wait([handle], soon()) == {identity}


# -- the same again ----------------------------------------------------------------------------


def test_a_process_comes_back_as_it_was(children: Children, tmp_path: Path) -> None:
    directory = tmp_path / os.fsdecode(b"d\xff\n d")
    directory.mkdir()
    environment = {b"PLAIN": b"value", b"EMPTY": b"", b"B\xff": b"= \n\xfe", b"C": b"=="}

    def prepare() -> None:
        os.nice(4)
        resource.setrlimit(resource.RLIMIT_NOFILE, (50, 60))
        resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))

    old = children.spawn(
        "/bin/sleep", "1000", env=environment, cwd=directory, umask=0o137, preexec_fn=prepare
    )
    recipe = PROCESSES.recipe(children.describe(old.pid), None)
    old.kill()
    old.wait()
    new = children.start(recipe)
    pid = new.pid
    assert new == UniqueProcess.of(pid)
    mark = b"RESTARTMANAGER_RESTARTED=%d:%d" % (pid, new.start_ticks)
    expected = [name + b"=" + value for name, value in environment.items()]
    assert environment_of(pid) == [*expected, mark]
    again = PROCESSES.recipe(children.describe(pid), None)
    assert again == replace(recipe, environment=again.environment)
    assert_of_its_own(pid)


def test_who_was_started_can_be_looked_at(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launcher's last word comes in the middle of the execve(2)."""
    answers = iter([True, True, False])
    monkeypatch.setattr(ProcDirectory, "in_execve", lambda _: next(answers))
    children.start(PLAIN)
    assert list(answers) == []


LIBRARY_SIGNALS = 1 << 31 | 1 << 32
"""Signals 32 and 33, which belong to the C library (signal(7)): no program can set them, and how
they are depends on what the tests themselves were started from."""


def assert_of_its_own(pid: int) -> None:
    """Nothing of ours: session, group, parent, terminal, descriptors, signal handling."""
    state, parent, group, session, terminal = proc_stat(pid)[:5]
    assert state in {b"S", b"R", b"D"}
    assert int(parent) != os.getpid()
    assert (int(group), int(session), int(terminal)) == (pid, pid, 0)
    assert settled_descriptors_of(pid, TO_NOWHERE) == TO_NOWHERE
    status = status_of(pid)
    blocked, ignored = int(status[b"SigBlk"], 16), int(status[b"SigIgn"], 16)
    assert (blocked & ~LIBRARY_SIGNALS, ignored & ~LIBRARY_SIGNALS) == (0, 0)


def test_root_starts_a_users_program_with_nothing_of_roots(
    children: Children, as_nobody: Any, tmp_path: Path
) -> None:
    inherited = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(inherited, True)
    os.environ["OF_ROOT"] = "geheim"
    try:
        recipe = replace(PLAIN, uid=65534, gid=65533, groups=(7, 1000), umask=0o077)
        pid = children.start(recipe).pid
    finally:
        os.close(inherited)
        del os.environ["OF_ROOT"]
    status = status_of(pid)
    assert status[b"Uid"].split() == [b"65534"] * 4
    assert status[b"Gid"].split() == [b"65533"] * 4
    assert status[b"Groups"].split() == [b"7", b"1000"]
    for name in (b"CapPrm", b"CapEff", b"CapAmb", b"CapInh"):
        assert int(status[name], 16) == 0
    assert status[b"Umask"] == b"0077"
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert [line.split(b"=")[0] for line in environment_of(pid)] == [
        b"A",
        b"RESTARTMANAGER_RESTARTED",
    ]
    assert_of_its_own(pid)


SESSION_KEYRING = """
import ctypes, os, sys
keyctl = ctypes.CDLL(None).syscall
print(keyctl(int(sys.argv[1]), 0, -3, 0), file=open(sys.argv[2], "w"))
"""


def test_the_program_gets_keys_of_its_own(
    children: Children, as_nobody: Any, tmp_path: Path
) -> None:
    """Whoever possesses root's session keyring may use root's keys (session-keyring(7))."""
    import ctypes

    number = launcher._KEYCTL.get(os.uname().machine)
    python = "/usr/bin/python3"
    if number is None or not os.access(python, os.X_OK):
        pytest.skip("no keyrings, or no Python that everybody may run")
    roots = ctypes.CDLL(None).syscall(number, launcher._KEYCTL_JOIN_SESSION_KEYRING, None)
    if roots < 0:
        pytest.skip("this machine has no keyrings")
    told = []
    for uid in (0, 65534):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)  # noqa: S103 - the user must get at it
            fifo = os.path.join(folder, "fifo")
            os.mkfifo(fifo)
            os.chmod(fifo, 0o622)  # noqa: S103 - likewise
            arguments = ("python", "-Ic", SESSION_KEYRING, str(number), fifo)
            recipe = replace(PLAIN, executable=python, arguments=arguments)
            children.start(replace(recipe, uid=uid, gid=uid, groups=()))
            told.append(int(Path(fifo).read_text()))
    assert told[0] == roots  # root's own program keeps root's keys
    assert told[1] not in {roots, -1}


def test_signals_are_as_at_the_start_of_every_program(children: Children) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
    try:
        identity = children.start(PLAIN)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGHUP, before)
    assert_of_its_own(identity.pid)


def test_a_registered_script_knows_that_it_was_restarted(
    children: Children, tmp_path: Path
) -> None:
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    old = children.python("echoes_self.py", fifo, "first")
    first = json.loads(Path(fifo).read_text())
    assert (first["restarted"], first["arguments"]) == (False, [fifo, "first"])
    process = children.describe(old.pid)
    recipe = PROCESSES.recipe(process, PROCESSES.registration(process))
    old.kill()
    old.wait()
    for _ in range(2):  # what was brought back can be brought back again
        new = children.start(recipe)
        told = json.loads(Path(fifo).read_text())
        assert told["pid"] == new.pid
        assert told["arguments"] == [fifo, "again"]
        assert told["restarted"]
        assert not told["restarted_in_child"]
        process = children.describe(new.pid)
        recipe = PROCESSES.recipe(process, PROCESSES.registration(process))


# -- the gate ----------------------------------------------------------------------------------


def test_it_is_announced_before_it_runs(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    seen: list[tuple[UniqueProcess, bool, bool]] = []

    def on_created(identity: UniqueProcess) -> None:
        seen.append((identity, PROCESSES.is_alive(identity), mark.exists()))

    identity = PROCESSES.start(touching(mark), on_created)
    assert seen == [(identity, True, False)]
    await_end_if_there(identity)
    assert mark.exists()


def await_end_if_there(identity: UniqueProcess) -> None:
    with contextlib.suppress(ProcessError):
        await_end(identity)


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_when_the_announcement_fails_nothing_is_run(
    tmp_path: Path, kind: type[BaseException]
) -> None:
    mark = tmp_path / "ran"
    seen: list[UniqueProcess] = []

    def on_created(identity: UniqueProcess) -> None:
        seen.append(identity)
        raise kind("the journal is full")

    with pytest.raises(kind, match="the journal is full"):
        PROCESSES.start(touching(mark), on_created)
    assert not PROCESSES.is_alive(seen[0])
    assert not mark.exists()


@pytest.mark.parametrize("behaviour", ["waits", "forks"])
def test_when_the_installer_dies_at_the_gate_nothing_is_run(
    children: Children, tmp_path: Path, behaviour: str
) -> None:
    """Also when a child of the installer, made by another thread, holds the gate open."""
    mark = tmp_path / "ran"
    installer = children.python("installs.py", behaviour, "/usr/bin/touch", str(mark))
    assert installer.stdout is not None
    pid, holder = map(int, installer.stdout.readline().split())
    if holder:
        children.adopt(UniqueProcess.of(holder))
    with PROCESSES.open(UniqueProcess.of(pid)) as handle:
        assert PROCESSES.wait([handle], 0) == frozenset()
        installer.kill()
        installer.wait()
        assert PROCESSES.wait([handle], soon()) == {handle.identity}
    assert not mark.exists()


def test_when_it_is_killed_at_the_gate_it_was_not_started(tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    def kill(identity: UniqueProcess) -> None:
        with PROCESSES.open(identity) as handle:
            handle.send(Signal.KILL)
            PROCESSES.wait([handle], soon())

    with pytest.raises(ProcessError, match="killed before it could run"):
        PROCESSES.start(touching(mark), kill)
    assert not mark.exists()


# -- what can go wrong -------------------------------------------------------------------------


def refused(recipe: Recipe) -> ProcessError:
    """The error of a start that fails; whether anything was created or not, nothing is left."""
    seen: list[UniqueProcess] = []
    with pytest.raises(ProcessError) as caught:
        PROCESSES.start(recipe, seen.append)
    for identity in seen:
        await_end_if_there(identity)
    return caught.value


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"executable": "/nonexistent/program"}, "No such file or directory"),
        ({"executable": "/etc/passwd"}, "Permission denied"),
        ({"executable": "/"}, "Permission denied"),
        ({"directory": "/nonexistent"}, "working directory cannot be entered: No such file"),
        ({"directory": "/etc/passwd"}, "working directory cannot be entered: Not a directory"),
        ({"arguments": ("x" * (1 << 20),)}, "Argument list too long"),
        ({"arguments": ()}, "must not be empty"),
        ({"environment": (("", "x"),)}, "illegal environment variable"),
        ({"uid": -7}, "rights cannot be taken on"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_the_reason_is_told_when_it_cannot_be_run(change: dict[str, Any], reason: str) -> None:
    error = refused(replace(PLAIN, **change))
    assert reason in str(error)
    assert change.get("executable", "/bin/sleep") in str(error)


def test_a_file_that_is_no_program_is_told_apart(tmp_path: Path) -> None:
    program = tmp_path / "text"
    program.write_bytes(b"neither ELF nor script")
    program.chmod(0o755)
    assert "Exec format error" in str(refused(replace(PLAIN, executable=str(program))))


def test_a_directory_only_root_may_enter_is_not_entered_for_a_user(
    as_nobody: Any, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    recipe = replace(PLAIN, uid=65534, gid=65534, groups=(), directory=str(tmp_path))
    assert "Permission denied" in str(refused(recipe))


def test_a_user_can_start_nothing_for_others(as_nobody: Any, monkeypatch: Any) -> None:
    python = "/usr/bin/python3"
    if not os.access(python, os.X_OK) or not readable_for_all(starting._LAUNCHER):
        pytest.skip("no Python and no launcher that everybody may run")
    monkeypatch.setattr(starting, "_interpreter", lambda: python)
    mine = replace(PLAIN, uid=65534, gid=65534, groups=tuple(os.getgroups()))
    others = (
        replace(mine, uid=0),
        replace(mine, uid=1000),
        replace(mine, gid=0),
        replace(mine, groups=(0, 7)),
    )
    with as_nobody():
        for recipe in others:
            with pytest.raises(ProcessAccessError):
                PROCESSES.start(recipe, never)
        identity = PROCESSES.start(mine, lambda _: None)
    assert status_of(identity.pid)[b"Uid"].split() == [b"65534"] * 4
    end(identity)


def readable_for_all(path: str) -> bool:
    return all(os.stat(p).st_mode & stat.S_IXOTH for p in Path(path).parents) and bool(
        os.stat(path).st_mode & stat.S_IROTH
    )


def end(identity: UniqueProcess) -> None:
    with PROCESSES.open(identity) as handle:
        handle.send(Signal.KILL)
        PROCESSES.wait([handle], soon())


def test_limits_that_are_out_of_reach_are_as_near_as_may_be(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    recipe = replace(
        PLAIN,
        limits=(
            (int(resource.RLIMIT_NOFILE), 40, 1 << 40),
            (int(resource.RLIMIT_CORE), -1, 0),
            (int(resource.RLIMIT_FSIZE), -1, -1),
        ),
    )
    pid = children.start(recipe).pid
    soft_now, hard_now = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    assert (soft_now, hard_now >= hard) == (40, True)
    assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)


def test_a_launcher_that_hangs_is_given_up(tmp_path: Path, monkeypatch: Any) -> None:
    hanging = tmp_path / "launcher.py"
    hanging.write_text("import time\ntime.sleep(1000)\n")
    monkeypatch.setattr(starting, "_LAUNCHER", str(hanging))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ProcessError, match="did not begin within"):
        starting.start(PLAIN, never, timeout_s=0.2)
    assert len(os.listdir("/proc/self/fd")) == before
    assert_no_children()


def test_a_process_that_hangs_behind_the_gate_is_killed(tmp_path: Path, monkeypatch: Any) -> None:
    """Such as one that loads its program from a network mount that does not answer."""
    source = Path(launcher.__file__).read_text()
    hanging = tmp_path / "launcher.py"
    assert source.count("        os.execve(") == 1
    hanging.write_text(source.replace("        os.execve(", "        signal.pause(), os.execve("))
    monkeypatch.setattr(starting, "_LAUNCHER", str(hanging))
    seen: list[UniqueProcess] = []
    with pytest.raises(ProcessError, match="did not begin within"):
        starting.start(PLAIN, seen.append, timeout_s=0.5)
    await_end_if_there(seen[0])
    assert not PROCESSES.is_alive(seen[0])


def test_a_program_that_is_put_in_place_for_ever_is_killed(monkeypatch: Any) -> None:
    """Also behind the last word of the launcher a mount may not answer."""
    monkeypatch.setattr(ProcDirectory, "in_execve", lambda _: True)
    seen: list[UniqueProcess] = []
    with pytest.raises(ProcessError, match="did not begin within"):
        starting.start(PLAIN, seen.append, timeout_s=0.5)
    await_end_if_there(seen[0])
    assert not PROCESSES.is_alive(seen[0])


@pytest.mark.parametrize("code", ["", "raise SystemExit(3)", "syntax error"])
def test_a_launcher_that_says_nothing_is_an_error(
    tmp_path: Path, monkeypatch: Any, code: str
) -> None:
    mute = tmp_path / "launcher.py"
    mute.write_text(code)
    monkeypatch.setattr(starting, "_LAUNCHER", str(mute))
    with pytest.raises(ProcessError, match="without a word"):
        PROCESSES.start(PLAIN, never)


def test_a_frozen_program_says_that_it_has_no_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(UnsupportedError):
        PROCESSES.start(PLAIN, never)
    monkeypatch.undo()
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(ProcessError, match="Python cannot be run"):
        PROCESSES.start(PLAIN, never)


# -- nothing is left behind --------------------------------------------------------------------


def assert_no_children() -> None:
    for task in os.listdir("/proc/self/task"):
        assert Path(f"/proc/self/task/{task}/children").read_bytes() == b""


def test_many_threads_start_programs_and_leave_nothing_behind() -> None:
    before = len(os.listdir("/proc/self/fd"))
    stop = threading.Event()
    busy = [threading.Thread(target=allocate_until, args=(stop,)) for _ in range(2)]
    recipe = replace(PLAIN, executable="/bin/true", arguments=("true",))
    failures: list[BaseException] = []

    def start_some() -> None:
        try:
            for _ in range(4):
                PROCESSES.start(recipe, lambda _: None)
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=start_some) for _ in range(4)]
    for thread in (*busy, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    for thread in busy:
        thread.join()
    assert failures == []
    assert len(os.listdir("/proc/self/fd")) == before
    assert_no_children()


def allocate_until(stop: threading.Event) -> None:
    while not stop.wait(0.0001):
        json.loads(json.dumps([{}] * 100))


# -- the launcher's own rules ------------------------------------------------------------------


def test_it_needs_nothing_but_the_standard_library() -> None:
    code = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='launcher')"
    subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", code, launcher.__file__], check=True, env={}
    )


@pytest.mark.parametrize(
    ("one", "other", "greater"),
    [(5, 4, True), (4, 5, False), (-1, 5, True), (5, -1, False), (-1, -1, False), (5, 5, False)],
)
def test_no_limit_is_higher_than_any(one: int, other: int, greater: bool) -> None:
    assert launcher._greater(one, other) is greater


def test_rights_that_were_not_given_up_are_noticed(as_nobody: Any) -> None:
    """The proof itself is proved: as root, claiming to be somebody else."""
    with pytest.raises(launcher._Failure) as caught:
        launcher._verify_rights(65534, 65534, [], privileged=True)
    assert caught.value.number == errno.EPERM
    code = (
        "import os, runpy, sys\n"
        "names = runpy.run_path(sys.argv[1], run_name='launcher')\n"
        "os.setgroups([]); os.setresgid(9, 9, 9); os.setresuid(9, 9, 0)\n"
        "os.getresuid = lambda: (9, 9, 9)\n"
        "try: names['_verify_rights'](9, 9, [], privileged=True)\n"
        "except names['_Failure'] as failure: print(failure.step, os.geteuid())\n"
    )
    out = subprocess.run(
        [sys.executable, "-I", "-c", code, launcher.__file__], check=True, capture_output=True
    ).stdout
    assert out == b"rights 0\n"


def test_restrictions_that_systemd_has_not_are_not_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, confined = tmp_path / "free", tmp_path / "confined"
    free.write_text("Name:\tx\nNoNewPrivs:\t0\nSeccomp:\t0\n")
    confined.write_text("Name:\tx\nNoNewPrivs:\t1\nSeccomp:\t2\n")
    monkeypatch.setattr(starting, "_SYSTEMD", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert starting.is_confined(str(confined), str(free))
    assert not starting.is_confined(str(free), str(free))
    assert not starting.is_confined(str(confined), str(confined))  # as in a container
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not starting.is_confined(str(confined), str(free))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(starting, "_SYSTEMD", "/nowhere")
    assert not starting.is_confined(str(confined), str(free))


def test_the_launcher_knows_its_installer_by_number_and_start() -> None:
    """So it is told where systemd runs it, which passes three descriptors and no more."""
    me = UniqueProcess.current()
    opened = launcher._descriptors("1", "2", f"{me.pid}:{me.start_ticks}")
    try:
        assert all(number > 2 for number in opened)
        assert f"Pid:\t{me.pid}\n" in Path(f"/proc/self/fdinfo/{opened[2]}").read_text()
    finally:
        for number in opened:
            os.close(number)
    another = [sys.executable, "-I", "-S", "-B", starting._LAUNCHER, "1", "2", f"{me.pid}:1"]
    done = subprocess.run(another, input=b"{}", capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
