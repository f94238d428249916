"""restartctl run: whatever happens to the command or to us, nothing is left closed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.machinery import PATIENCE_S, Machine

PROMPTLY = {"RESTARTMANAGER_TIMEOUT_S": "0.5"}


def test_closed_meanwhile_and_back_afterwards(machine: Machine) -> None:
    holder = machine.hold("register")
    asks = (
        "import os, sys, restartmanager as rm\n"
        "users = [p.pid for a in rm.who_uses(sys.argv[1]).applications for p in a.processes]\n"
        "print('during', users)"
    )
    done = machine.run("run", "-f", machine.file, "--", sys.executable, "-c", asks, machine.file)
    assert (done.returncode, done.stdout) == (0, "during []\n")
    assert f"editor: closed (was process {holder.pid})" in done.stderr
    (new,) = machine.holders()
    assert new != holder.pid
    assert f"editor: back as process {new}" in done.stderr
    assert machine.ok("session", "ls") == "No open sessions.\n"


@pytest.mark.parametrize(
    ("wishes", "status"),
    [
        ([], 123),
        (["--yes"], 123),
        (["--relaunch", "registered"], 0),
        (["--leave-closed"], 0),
        (["--relaunch", "all"], 0),
    ],
)
def test_what_stays_closed_and_nobody_agreed_to_is_no_success(
    machine: Machine, wishes: list[str], status: int
) -> None:
    holder = machine.hold()
    done = machine.run("run", *wishes, "-f", machine.file, "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (status, "ran\n")
    assert not holder.lives
    assert ("this stays closed" in done.stderr) == (status == 123)
    assert len(machine.holders()) == (1 if "all" in wishes else 0)


def test_the_status_of_the_command_comes_before_what_stays_closed(machine: Machine) -> None:
    machine.hold()
    assert machine.run("run", "-f", machine.file, "--", "sh", "-c", "exit 3").returncode == 3


def test_the_command_fails(machine: Machine) -> None:
    machine.hold("register")
    assert machine.run("run", "-f", machine.file, "--", "sh", "-c", "exit 3").returncode == 3
    assert len(machine.holders()) == 1


def test_the_command_is_killed(machine: Machine) -> None:
    done = machine.run("run", "-f", machine.file, "--", "sh", "-c", "kill -9 $$")
    assert done.returncode == 137


def test_standard_streams_are_the_commands(machine: Machine) -> None:
    machine.hold("register")
    done = machine.run("run", "-f", machine.file, "cat", "-", given="through\n")
    assert done.stdout == "through\n"


def test_options_of_the_command_are_its_own(machine: Machine) -> None:
    done = machine.run("run", "-f", machine.file, "echo", "-f", "--force")
    assert done.stdout == "-f --force\n"


def test_no_such_command_closes_nothing(machine: Machine) -> None:
    holder = machine.hold("register")
    done = machine.run("run", "-f", machine.file, "--", "no-such-command")
    assert done.returncode == 127
    assert "there is no such command" in done.stderr
    assert machine.holders() == [holder.pid]


def test_a_command_that_cannot_be_executed(machine: Machine) -> None:
    done = machine.run("run", "-f", machine.file, "--", machine.file)
    assert done.returncode == 126


def test_a_command_that_turns_out_not_to_be_executable(machine: Machine) -> None:
    broken = machine.folder / "broken"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    machine.hold("register")
    assert machine.run("run", "-f", machine.file, "--", str(broken)).returncode == 126
    assert len(machine.holders()) == 1


def test_what_does_not_exit_keeps_the_command_from_running(machine: Machine) -> None:
    deaf = machine.hold("deaf", "register")
    obliging = machine.hold("register", name="player")
    done = machine.run("run", "-f", machine.file, "--", "echo", "ran", **PROMPTLY)
    assert (done.returncode, done.stdout) == (125, "")
    assert "did not exit within 0.5 seconds" in done.stderr
    assert deaf.lives
    assert len(machine.holders()) == 2
    assert obliging.pid not in machine.holders()


def test_force_kills_it(machine: Machine) -> None:
    deaf = machine.hold("deaf", "register")
    done = machine.run("run", "--force", "-f", machine.file, "--", "echo", "ran", **PROMPTLY)
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert deaf.child.wait(PATIENCE_S) == -signal.SIGKILL
    assert len(machine.holders()) == 1


def test_what_does_not_come_back(machine: Machine) -> None:
    machine.hold("register", "crash-on-return")
    done = machine.run("run", "-f", machine.file, "--", "sh", "-c", "exit 3")
    assert done.returncode == 124
    assert "editor: it exited right after its start" in done.stderr


def test_only_registered(machine: Machine) -> None:
    holder = machine.hold()
    done = machine.run("run", "--only-registered", "-f", machine.file, "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (125, "")
    assert holder.lives


def test_a_reboot_reason_keeps_the_command_from_running(machine: Machine) -> None:
    """The shell that runs restartctl uses the file itself: it is the caller."""
    script = 'exec 3< "$0"; shift; "$@"; exit $?'
    command = ["run", "-f", machine.file, "--", "echo", "ran"]
    caller = machine.begin_through(["sh", "-c", script, machine.file, "_"], *command)
    out, complaint = caller.communicate(timeout=PATIENCE_S)
    assert (caller.returncode, out) == (125, b"")
    assert b"Nothing was shut down" in complaint
    caller = machine.begin_through(
        ["sh", "-c", script, machine.file, "_"], "run", "--partial", *command[1:]
    )
    out, _ = caller.communicate(timeout=PATIENCE_S)
    assert (caller.returncode, out) == (0, b"ran\n")


def test_dry_run(machine: Machine) -> None:
    holder = machine.hold()
    done = machine.run("run", "--dry-run", "-f", machine.file, "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (0, "")
    assert f"editor  pid {holder.pid}" in done.stderr
    refused = machine.run("run", "-n", "--only-registered", "-f", machine.file, "--", "true")
    assert refused.returncode == 125
    assert holder.lives


def test_a_package_is_what_is_changed(machine: Machine) -> None:
    holder = machine.hold("register")
    package = ["--package", "widget", "--", sys.executable, "-c", "print('ran')"]
    seen = machine.run_with(machine.package(), "run", "--dry-run", *package)
    assert (seen.returncode, seen.stdout) == (0, "")
    assert f"editor  pid {holder.pid}" in seen.stderr
    assert holder.lives
    done = machine.run_with(machine.package(), "run", *package)
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert f"editor: closed (was process {holder.pid})" in done.stderr
    assert len(machine.holders()) == 1


def test_a_package_that_is_not_installed_closes_nothing(machine: Machine) -> None:
    holder = machine.hold("register")
    package = ["--package", "no-such-package-anywhere"]
    done = machine.run("run", "-f", machine.file, *package, "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (2, "")
    assert holder.lives
    assert machine.ok("session", "ls") == "No open sessions.\n"


def test_the_command_may_join(machine: Machine) -> None:
    join = (
        "import restartmanager as rm, sys\n"
        "with rm.join_session() as joined:\n"
        "    joined.register(files=sys.argv[1:], allow_missing=True)"
    )
    done = machine.run("run", "-f", machine.file, "--", sys.executable, "-c", join, "/x")
    assert done.returncode == 0, done


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_command_runs_is_passed_on(machine: Machine, number: int) -> None:
    machine.hold("register")
    work = machine.begin("run", "-f", machine.file, "--", "sh", "-c", "echo in; exec sleep 100")
    assert work.stdout is not None
    assert work.stdout.readline() == b"in\n"
    assert not machine.holders()
    work.send_signal(number)
    assert work.wait(PATIENCE_S) == 128 + number
    assert len(machine.holders()) == 1


def test_a_tree_is_installed_from_within_and_the_log_kept_in_it(
    machine: Machine, tmp_path: Path
) -> None:
    """The shell works in it, and tee(1), the rest of the pipeline, writes to a file of it."""
    tree = tmp_path / "tree"
    tree.mkdir()
    command = f"{sys.executable} -m restartmanager.cli run --yes --tree . -- echo ran | tee ./log"
    done = subprocess.run(
        ["/bin/sh", "-c", f"cd {tree}; {command}"],
        env={**os.environ, **machine.environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr
    assert (tree / "log").read_text() == "ran\n"


def test_a_command_that_ignores_the_signal_may_finish(machine: Machine) -> None:
    machine.hold("register")
    script = "trap '' TERM; echo in; read line; exit 5"
    work = machine.begin("run", "-f", machine.file, "--", "sh", "-c", script)
    assert work.stdout is not None
    assert work.stdin is not None
    assert work.stdout.readline() == b"in\n"
    work.send_signal(signal.SIGTERM)
    work.stdin.write(b"go\n")
    work.stdin.flush()
    assert work.wait(PATIENCE_S) == 5
    assert len(machine.holders()) == 1


@pytest.mark.parametrize(
    "script",
    [
        "echo in; read line; echo out",
        "exec 3<&0; sh -c 'echo in; read line; echo out' <&3 & wait",
        "setsid sleep 30 >/dev/null 2>&1 <&1 & echo in; read line; echo out",
    ],
    ids=["command", "child", "daemon"],
)
def test_nothing_comes_back_while_the_command_of_a_dead_installer_works(
    machine: Machine, script: str
) -> None:
    """It may still replace files. A daemon that it has started keeps nothing from coming back."""
    machine.hold("register")
    work = machine.begin("run", "-f", machine.file, "--", "sh", "-c", script)
    assert work.stdout is not None
    assert work.stdin is not None
    assert work.stdout.readline() == b"in\n"
    work.kill()
    work.wait(PATIENCE_S)
    machine.ok("recover")
    assert machine.holders() == []
    work.stdin.write(b"go\n")
    work.stdin.flush()
    assert work.stdout.read() == b"out\n"
    while not machine.holders():  # the command exits a moment after its last word
        machine.ok("recover")
    assert len(machine.holders()) == 1
    assert machine.ok("session", "ls") == "No open sessions.\n"


def test_a_second_signal_leaves_the_rest_to_recovery(machine: Machine) -> None:
    deaf = machine.hold("register", "deaf")
    machine.environment["RESTARTMANAGER_TIMEOUT_S"] = "1000"
    work = machine.begin("run", "-f", machine.file, "--", "echo", "ran")
    assert work.stderr is not None
    deaf.await_word("asked")
    work.send_signal(signal.SIGINT)
    said = b""
    while b"restartctl recover" not in said:
        said += work.stderr.readline()
    assert b"Waiting for editor" in said
    work.send_signal(signal.SIGINT)  # it may not have begun to wait yet
    assert work.wait(PATIENCE_S) == 125
    assert b"Something may still be closed." in work.stderr.read()
    assert deaf.lives
    deaf.child.kill()
    deaf.child.wait()
    machine.ok("recover")
    assert len(machine.holders()) == 1


def test_a_signal_while_applications_are_closed_calls_it_off(machine: Machine) -> None:
    deaf = machine.hold("deaf")
    machine.environment["RESTARTMANAGER_TIMEOUT_S"] = "4"
    work = machine.begin("run", "-f", machine.file, "--", "echo", "ran")
    deaf.await_word("asked")
    work.send_signal(signal.SIGTERM)
    out, complaint = work.communicate(timeout=PATIENCE_S)
    assert (work.returncode, out) == (125, b"")
    assert b"Shutdown was cancelled." in complaint
    assert b"editor: it was never stopped" in complaint
    assert deaf.lives


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_terminal_leaves_nothing_closed(machine: Machine, unbuffered: str) -> None:
    machine.environment["PYTHONUNBUFFERED"] = unbuffered
    machine.hold("register")
    script = "echo in; read line; exit 0"
    work = machine.begin("run", "-f", machine.file, "--", "sh", "-c", script)
    assert work.stdout is not None
    assert work.stdin is not None
    assert work.stderr is not None
    assert work.stdout.readline() == b"in\n"
    work.stderr.close()  # whatever is said from now on cannot be written
    work.stdin.write(b"go\n")
    work.stdin.flush()
    assert work.wait(PATIENCE_S) == 0
    assert len(machine.holders()) == 1


@pytest.mark.parametrize("wrong", [["--", "true"], ["-f", "x"], ["-f", "/tmp", "--", "true"]])
def test_wrong_use(machine: Machine, wrong: list[str]) -> None:
    done = machine.run("run", *wrong)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_an_unusable_memory_keeps_the_command_from_running(machine: Machine) -> None:
    machine.state.mkdir()
    machine.state.chmod(0o777)
    done = machine.run("run", "-f", machine.file, "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (125, "")
    assert "others have access to it" in done.stderr
