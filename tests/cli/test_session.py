"""restartctl session: the whole transaction by hand, in sh, and called off from elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.machinery import PATIENCE_S, RESTARTCTL, Machine, assert_valid
from restartmanager import start_session

SCRIPT = r"""
set -eu
RESTARTMANAGER_SESSION_KEY=$(restartctl session start --expires 1h)
export RESTARTMANAGER_SESSION_KEY
restartctl session join
printf '%s\n' "$1" | restartctl session register --files-from -
restartctl session list
restartctl session shutdown --only-registered
printf 'version 2' > "$1.new"
mv "$1.new" "$1"
restartctl session restart
restartctl session list
restartctl session end
restartctl session ls
"""


def test_the_whole_transaction_in_a_shell_script(machine: Machine) -> None:
    holder = machine.hold("register")
    commands = machine.folder / "commands"
    commands.mkdir()
    words = " ".join(f"'{word}'" for word in RESTARTCTL)
    (commands / "restartctl").write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    (commands / "restartctl").chmod(0o755)
    path = f"{commands}:{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-c", SCRIPT, "sh", machine.file],
        env={**machine.environment, "PATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    (new,) = machine.holders()
    assert new != holder.pid
    for line in (
        f"editor  pid {holder.pid}, user ",
        "  comes back by the command it registered",
        "1 application; nothing stands in the way.",
        f"+ editor: closed (was process {holder.pid})",
        f"+ editor: back as process {new}",
        "No open sessions.",
    ):
        assert line in done.stdout.replace("✓", "+")


def test_start_prints_the_key_alone(machine: Machine) -> None:
    key = machine.ok("session", "start")
    assert len(key) == 33
    assert int(key, 16) >= 0


def test_the_key_of_the_argument_counts_more_than_that_of_the_environment(
    machine: Machine, session: str
) -> None:
    machine.ok("session", "join", session, RESTARTMANAGER_SESSION_KEY="0" * 32)
    machine.ok("session", "join", RESTARTMANAGER_SESSION_KEY=session)
    assert machine.run("session", "join", RESTARTMANAGER_SESSION_KEY="0" * 32).returncode == 6


def test_without_any_key(machine: Machine) -> None:
    done = machine.run("session", "list")
    assert done.returncode == 2
    assert "There is no session key: give it, or set RESTARTMANAGER_SESSION_KEY." in done.stderr


@pytest.mark.parametrize("key", ["0" * 32, "nonsense", "x\x1b[2J"])
def test_an_unknown_key(machine: Machine, key: str) -> None:
    done = machine.run("session", "list", key)
    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr.startswith("restartctl: This user has no session with that key.\n")
    assert "\x1b" not in done.stderr


def test_an_ended_session(machine: Machine, session: str) -> None:
    machine.ok("session", "end", session)
    for verb in ("join", "register", "list", "shutdown", "restart", "end", "cancel", "show"):
        more = ["--file", machine.file] if verb == "register" else []
        assert machine.run("session", verb, session, *more).returncode == 6, verb


def test_list_and_outcomes_as_json(machine: Machine, session: str) -> None:
    machine.hold("register")
    listed = machine.json("session", "list", session)
    assert_valid("affected", listed)
    assert [app["restart_by"] for app in listed["applications"]] == ["registered"]
    for verb in ("shutdown", "restart"):
        document = machine.json("session", verb, session)
        assert_valid("outcomes", document)
        assert (document["operation"], document["complete"]) == (verb, True)
        assert [outcome["result"] for outcome in document["outcomes"]] == ["done"]


def test_a_failed_shutdown_as_json(machine: Machine, session: str) -> None:
    machine.hold()
    done = machine.run("session", "shutdown", session, "--only-registered", "--json")
    assert done.returncode == 3
    assert '"kind": "ShutdownError"' in done.stdout
    assert "Not everything could be shut down." in done.stderr
    assert len(machine.holders()) == 1


def test_restart_before_shutdown(machine: Machine, session: str) -> None:
    done = machine.run("session", "restart", session)
    assert done.returncode == 2
    assert "only possible after shutdown" in done.stderr


def test_end_brings_back_what_is_still_closed(machine: Machine, session: str) -> None:
    holder = machine.hold("register")
    machine.ok("session", "shutdown", session)
    assert not machine.holders()
    assert "back as process" in machine.ok("session", "end", session)
    assert machine.holders() != [holder.pid]
    assert len(machine.holders()) == 1


def test_end_leaves_closed_what_it_is_told_to(machine: Machine, session: str) -> None:
    machine.hold("register")
    machine.ok("session", "shutdown", session)
    machine.ok("session", "end", session, "--leave-stopped")
    assert not machine.holders()


def test_what_does_not_come_back(machine: Machine, session: str) -> None:
    machine.hold("register", "crash-on-return")
    machine.ok("session", "shutdown", session)
    done = machine.run("session", "restart", session)
    assert done.returncode == 3
    assert "editor: it exited right after its start" in done.stdout
    assert "Not everything came back." in done.stderr


def test_what_is_left_closed_says_why(machine: Machine, session: str) -> None:
    machine.hold()
    listed = machine.ok("session", "list", session)
    assert "  stays closed: it registered nothing to come back by\n" in listed
    machine.ok("session", "shutdown", session)
    assert "stays closed" in machine.ok("session", "restart", session)


def test_relaunch_all(machine: Machine, session: str) -> None:
    machine.hold()
    machine.ok("session", "shutdown", session, "--relaunch", "all")
    assert "back as process" in machine.ok("session", "restart", session)
    assert len(machine.holders()) == 1


# -- registering -------------------------------------------------------------------------------


def test_register_lists_with_nul(machine: Machine, session: str) -> None:
    names = [str(machine.folder / name) for name in ("a\nb", "c")]
    for name in names:
        Path(name).touch()
    machine.run(
        "session", "register", session, "-0", "--files-from", "-", given="\0".join([*names, "/tmp"])
    )
    assert machine.json("session", "show", session)["resources"]["files"] == 3


def test_an_empty_list_registers_nothing_and_is_no_error(machine: Machine, session: str) -> None:
    assert machine.run("session", "register", session, "--files-from", "-").returncode == 0


def test_register_from_a_file_tree_and_process(machine: Machine, session: str) -> None:
    holder = machine.hold()
    listing = machine.folder / "list"
    (machine.folder / "other").touch()
    listing.write_text(f"{machine.folder}/other\n\n")
    machine.ok(
        *("session", "register", session, "--allow-missing", "--service", "x.service"),
    )
    machine.ok(
        *("session", "register", session, "--files-from", str(listing)),
        *(
            "--tree",
            str(machine.folder / "bin"),
            "--pid",
            str(holder.pid),
        ),
    )
    resources = machine.json("session", "show", session)["resources"]
    assert resources == {"files": 2, "trees": 1, "services": 1, "processes": 1}


def test_register_a_package(machine: Machine) -> None:
    key = machine.ok("session", "start").strip()
    register = ("session", "register", key, "--package", "widget")
    done = machine.run_with(machine.package(), *register, "--package", "widget")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert machine.json("session", "show", key)["resources"]["files"] == 1
    holder = machine.hold()
    assert f"editor  pid {holder.pid}" in machine.ok("session", "list", key)


def test_register_a_directory_among_files(machine: Machine, session: str) -> None:
    done = machine.run("session", "register", session, "--file", str(machine.folder))
    assert done.returncode == 2
    assert "is a directory" in done.stderr
    assert "--tree" in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        *([], ["--pid", "0"], ["--pid", "x\x1b"], ["--pid", "4194304"], ["--pid", "9" * 40]),
        *(["--tree", "/nowhere"], ["--files-from", "/no"], ["--package", "no-such-package"]),
    ],
)
def test_register_what_makes_no_sense(machine: Machine, session: str, wrong: list[str]) -> None:
    done = machine.run("session", "register", session, *wrong)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert "this should not happen" not in done.stderr
    assert done.stderr.startswith("restartctl")


def test_register_serves_the_secondary_of_a_running_installer(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(machine.state))
    with start_session() as primary:
        machine.ok("session", "register", "--file", machine.file, **primary.environ())
        assert [item.path for item in primary.resources().files] == [machine.file]
        for verb in ("list", "shutdown", "restart", "end", "cancel"):
            done = machine.run("session", verb, primary.key)
            assert done.returncode == 5, verb
            assert "Only the installer that started the session" in done.stderr
        assert f"process {os.getpid()}" in machine.ok("session", "ls")


# -- filters -----------------------------------------------------------------------------------


def test_filters(machine: Machine, session: str) -> None:
    holder = machine.hold("register")
    target = ["--pid", str(holder.pid)]
    machine.ok("session", "filter", "add", session, "--no-shutdown", *target)
    machine.ok("session", "filter", "add", session, "--no-restart", "-x", "/usr/bin/x\x1b")
    assert_valid("filters", machine.json("session", "filter", "list", session))
    listed = machine.ok("session", "filter", "list", session)
    assert "process     " in listed
    assert "\x1b" not in listed
    assert "is left alone: a filter excludes it" in machine.ok("session", "list", session)
    assert "left alone" in machine.ok("session", "shutdown", session)
    assert holder.lives
    machine.ok("session", "filter", "remove", session, *target)
    assert machine.run("session", "filter", "remove", session, *target).returncode == 1


@pytest.mark.parametrize(
    "wrong", [["--no-restart"], ["-s", "x"], ["--no-restart", "-s", "x", "-p", "1"]]
)
def test_a_filter_has_one_target_and_one_action(
    machine: Machine, session: str, wrong: list[str]
) -> None:
    assert machine.run("session", "filter", "add", session, *wrong).returncode == 2


# -- looking -----------------------------------------------------------------------------------


def test_ls_and_show(machine: Machine, session: str) -> None:
    machine.hold("register")
    machine.ok("session", "shutdown", session)
    assert f"{session}  just now  no process  shut down\n" in machine.ok("session", "ls")
    shown = machine.ok("session", "show", session)
    assert "registered  1 file\n" in shown
    assert "stopped" in shown.splitlines()[-1]
    assert_valid("sessions", machine.json("session", "ls"))
    assert_valid("session", machine.json("session", "show", session))


def test_show_tells_no_secrets(machine: Machine, session: str) -> None:
    machine.environment["MAGIC_WORD"] = "swordfish"
    machine.hold("register")
    machine.ok("session", "shutdown", session)
    for verb in (["show"], ["show", "--json"]):
        assert "swordfish" not in machine.ok("session", *verb, session)


# -- calling off -------------------------------------------------------------------------------


def test_cancel_from_another_process(machine: Machine, session: str) -> None:
    deaf = machine.hold("deaf")
    work = machine.begin("session", "shutdown", session)
    deaf.await_word("asked")
    called = machine.ok("session", "cancel", session)
    assert called == f"Process {work.pid} was asked to call off its shutdown.\n"
    _, complaint = work.communicate(timeout=PATIENCE_S)
    assert work.returncode == 7
    assert b"Shutdown was cancelled." in complaint
    assert deaf.lives


def test_cancel_reaches_a_job_in_the_background_of_a_script(machine: Machine, session: str) -> None:
    """There, the shell has SIGINT ignored."""
    deaf = machine.hold("deaf")
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    work = subprocess.Popen(
        [sys.executable, "-c", ignoring, *RESTARTCTL, "session", "shutdown", session],
        env=machine.environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    machine.started.append(work)
    deaf.await_word("asked")
    machine.ok("session", "cancel", session)
    assert work.wait(PATIENCE_S) == 7


def test_cancel_when_nothing_runs(machine: Machine, session: str) -> None:
    assert machine.ok("session", "cancel", session) == "Nothing is running.\n"


def test_two_shutdowns_at_once(machine: Machine, session: str) -> None:
    deaf = machine.hold("deaf")
    work = machine.begin("session", "shutdown", session)
    deaf.await_word("asked")
    done = machine.run("session", "shutdown", session)
    assert done.returncode == 8
    assert "busy" in done.stderr
    machine.ok("session", "cancel", session)
    assert work.wait(PATIENCE_S) == 7


# -- durations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "24", "1w", "0s", "-1h", "9999d", "1h\x1b", "99999999999s"])
def test_no_length_of_time(machine: Machine, text: str) -> None:
    done = machine.run("session", "start", "--expires", text)
    assert (done.returncode, done.stdout) == (2, "")
    assert "\x1b" not in done.stderr


def test_an_expired_session_is_gone(machine: Machine) -> None:
    key = machine.ok("session", "start", "--expires", "1h30m").strip()
    record = machine.json("session", "show", key)
    assert record["expires_at"] - record["created_at"] == pytest.approx(5400)
