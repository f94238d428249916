"""Init scripts, pid files and managers' commands: what is believed, and what is not."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.adapters.services.commands import Command
from restartmanager.adapters.services.detection import init_system
from restartmanager.adapters.services.initscripts.openrc import OpenRC
from restartmanager.adapters.services.initscripts.script_facts import process_in
from restartmanager.adapters.services.initscripts.script_files import named_pid_files, script_names
from restartmanager.adapters.services.members import processes_with
from restartmanager.adapters.services.parallel import CalledOffError, ServiceTroubleError
from restartmanager.model.progress import CancelToken
from support.spawning import PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.spawning import Spawn

NOBODY, STRANGER, GROUP = 65534, 65002, 65050


# -- pid files -----------------------------------------------------------------------------------


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    path = tmp_path / "daemon.pid"
    path.touch(mode=0o644)
    return path


def named_in(path: Path) -> int | None:
    process = process_in(str(path), LinuxProcesses())
    return None if process is None else process.pid


@pytest.mark.parametrize("text", ["{}", "{}\n", " {} \n", "{}\nmore\n"])
def test_a_daemon_is_known_by_its_pid_file(spawn: Spawn, pid_file: Path, text: str) -> None:
    child = spawn.holding()
    pid_file.write_text(text.format(child.pid))
    assert named_in(pid_file) == child.pid


@pytest.mark.parametrize("text", ["", "1", "0", "-5", "x", "12 13", "9" * 60, "\0", "٣"])
def test_what_is_no_number_names_nobody(pid_file: Path, text: str) -> None:
    pid_file.write_text(text, encoding="utf-8")
    assert named_in(pid_file) is None


def test_a_younger_process_with_the_number_is_not_meant(spawn: Spawn, pid_file: Path) -> None:
    child = spawn.holding()
    pid_file.write_text(str(child.pid))
    before = time.time() - 60
    os.utime(pid_file, (before, before))
    assert named_in(pid_file) is None


@pytest.mark.root
def test_a_user_cannot_name_a_process_of_somebody_else(spawn: Spawn, pid_file: Path) -> None:
    """Else who may write the pid file of one service has any process of root killed."""
    ours, theirs = spawn.holding(), spawn.running("/bin/sleep", "600", user=NOBODY)
    os.chown(pid_file, NOBODY, NOBODY)
    pid_file.write_text(str(ours.pid))
    assert named_in(pid_file) is None
    pid_file.write_text(str(theirs.pid))
    assert named_in(pid_file) == theirs.pid
    os.chown(pid_file, 0, 0)
    pid_file.chmod(0o666)
    assert named_in(pid_file) is None


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder of root's that everybody can reach, with a pid file in a folder of its own."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        place.chmod(0o755)
        (place / "run").mkdir(mode=0o755)
        (place / "run/daemon.pid").touch(mode=0o644)
        yield place


@pytest.mark.root
@pytest.mark.parametrize("mode", [0o664, 0o620])
@pytest.mark.parametrize("user", [0, NOBODY])
def test_a_pid_file_that_a_group_can_write_names_nobody(
    spawn: Spawn, shared: Path, mode: int, user: int
) -> None:
    child = spawn.running("/bin/sleep", "600", user=user)
    path = shared / "run/daemon.pid"
    path.write_text(str(child.pid))
    assert named_in(path) == child.pid
    os.chown(path, -1, GROUP)
    path.chmod(mode)
    assert named_in(path) is None


@pytest.mark.root
@pytest.mark.parametrize(
    ("mode", "owner", "group"),
    [(0o757, 0, 0), (0o775, 0, GROUP), (0o755, STRANGER, 0), (0o1775, STRANGER, 0)],
    ids=["everybody's", "a group's", "a user's", "a user's, sticky"],
)
@pytest.mark.parametrize("above", [False, True], ids=["its folder", "one above"])
def test_a_pid_file_that_somebody_could_exchange_names_nobody(
    spawn: Spawn, shared: Path, mode: int, owner: int, group: int, *, above: bool
) -> None:
    """Who can rename it can put that of another daemon in its place."""
    child = spawn.running("/bin/sleep", "600", user=NOBODY)
    path = shared / "run/daemon.pid"
    path.write_text(str(child.pid))
    assert named_in(path) == child.pid
    folder = shared if above else shared / "run"
    os.chown(folder, owner, group)
    folder.chmod(mode)
    assert named_in(path) is None


@pytest.mark.root
def test_a_pid_file_of_a_daemon_in_a_folder_of_its_own_user(spawn: Spawn, shared: Path) -> None:
    """As daemons without root's rights have them; it names no process of somebody else."""
    theirs, other = (
        spawn.running("/bin/sleep", "600", user=NOBODY),
        spawn.running("/bin/sleep", "9"),
    )
    path = shared / "run/daemon.pid"
    for each in (shared / "run", path):
        os.chown(each, NOBODY, 0)
    path.write_text(str(theirs.pid))
    assert named_in(path) == theirs.pid
    path.write_text(str(other.pid))
    os.chown(path, 0, 0)
    assert named_in(path) is None


@pytest.mark.root
def test_a_pid_file_behind_a_strangers_link_names_nobody(spawn: Spawn, shared: Path) -> None:
    child = spawn.running("/bin/sleep", "600")
    (shared / "run/daemon.pid").write_text(str(child.pid))
    (shared / "link").symlink_to("run")
    assert named_in(shared / "link/daemon.pid") == child.pid
    shared.chmod(0o1777)
    os.chown(shared / "link", STRANGER, STRANGER, follow_symlinks=False)
    assert named_in(shared / "link/daemon.pid") is None
    assert named_in(shared / "run/daemon.pid") == child.pid


def test_links_and_other_files_name_nobody(spawn: Spawn, pid_file: Path) -> None:
    pid_file.write_text(str(spawn.holding().pid))
    link, fifo = pid_file.with_name("link"), pid_file.with_name("fifo")
    link.symlink_to(pid_file)
    os.mkfifo(fifo)
    assert [named_in(path) for path in (link, fifo, pid_file.parent)] == [None, None, None]


# -- scripts -------------------------------------------------------------------------------------


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    folder = tmp_path / "init.d"
    folder.mkdir(mode=0o755)
    return folder


def add(folder: Path, name: str, mode: int = 0o755) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


@pytest.mark.root
def test_only_what_root_alone_can_write_is_a_script(scripts: Path) -> None:
    good = add(scripts, "good")
    (scripts / "good.eth0").symlink_to(good)
    add(scripts, "writable", 0o777)
    add(scripts, "of-a-group", 0o775)
    add(scripts, "data", 0o644)
    os.chown(add(scripts, "theirs"), NOBODY, NOBODY)
    (scripts / "outside").symlink_to(add(scripts.parent, "elsewhere"))
    (scripts / "folder").mkdir()
    for odd in ("-option", ".hidden", "a b", "a\nb", "README", "good.dpkg-old", "x" * 200):
        add(scripts, odd)
    assert script_names(str(scripts)) == {"good", "good.eth0"}
    scripts.chmod(0o777)
    assert script_names(str(scripts)) == set()
    assert script_names(str(scripts / "none")) == set()
    scripts.chmod(0o755)
    os.chown(scripts.parent, 0, GROUP)
    scripts.parent.chmod(0o775)
    assert script_names(str(scripts)) == set()


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("PIDFILE=/run/a.pid", ["/run/a.pid"]),
        ('  PIDFILE="/var/run/a/b.pid"', ["/var/run/a/b.pid"]),
        ("# pidfile: /run/a.pid", ["/run/a.pid"]),
        ("start-stop-daemon --start --pidfile /run/a.pid --exec /bin/a", ["/run/a.pid"]),
        ("killproc -p /run/a.pid /bin/a", ["/run/a.pid"]),
        ("PIDFILE=/run/$NAME.pid", []),
        ("PIDFILE=/run/../etc/a", []),
        ("PIDFILE=/home/a.pid", []),
        ("echo /run/a.pid", []),
    ],
)
def test_pid_files_that_a_script_names(scripts: Path, line: str, named: list[str]) -> None:
    add(scripts, "daemon").write_text(f"#!/bin/sh\n{line}\n")
    assert list(named_pid_files("daemon", str(scripts))) == named
    assert named_pid_files("none", str(scripts)) == ()


@pytest.mark.parametrize(
    ("cgroup", "service"),
    [
        ("/openrc.nginx", "nginx"),
        ("/openrc/nginx/worker", "nginx"),
        ("/nginx", "nginx"),
        (None, ""),
    ],
)
def test_control_groups_of_openrc(cgroup: str | None, service: str) -> None:
    assert OpenRC().by_cgroup(cgroup) == service


def test_somebody_runs_this_machine() -> None:
    assert init_system() in {"systemd", "openrc", "sysv", ""}
    assert (init_system() == "systemd") == os.path.isdir("/run/systemd/system")


# -- commands ------------------------------------------------------------------------------------

ENDLESS = "import sys\nwhile True: sys.stdout.write('x' * 4096)"
TELLS = "import os, sys; print(sorted(os.environ), os.getcwd(), sys.stdin.read()); sys.exit(7)"
LEAVES = "import os, time\nif os.fork() or True: time.sleep(600)"


def command(text: str, *, keep: bool = False) -> Command:
    return Command([PYTHON, "-I", "-S", "-c", text], LinuxProcesses(), keep=keep)


def test_a_command_has_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/nonexistent/library.so")
    ended = command(TELLS, keep=True).ended_by(time.monotonic() + 20)
    assert ended.status == 7
    assert ended.output == "['HOME', 'LC_ALL', 'PATH', 'TERM'] / \n"


def test_what_a_command_writes_is_bounded() -> None:
    ended = command(ENDLESS, keep=True).ended_by(time.monotonic() + 20)
    assert ended.status != 0
    assert 0 < len(ended.output) <= 64 * 1024


def test_a_command_that_does_not_end_is_killed_with_its_children() -> None:
    running = command(LEAVES)
    session = frozenset({running.pid})
    with pytest.raises(ServiceTroubleError, match="did not end in time"):
        running.ended_by(time.monotonic() + 0.5)
    assert list(processes_with(LinuxProcesses(), os.getsid, session)) == []


def test_a_command_that_was_called_off_goes_on(tmp_path: Path) -> None:
    """Half of a stop is worse than a stop."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    running = command(f"open({str(fifo)!r}, 'w').write('done')")
    with CancelToken() as cancel:
        cancel.cancel()
        with pytest.raises(CalledOffError):
            running.await_end(time.monotonic() + 20, cancel)
    assert fifo.read_text() == "done"
