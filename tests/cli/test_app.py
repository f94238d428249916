"""The program as a whole: help, laziness, and the last resort for errors."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios

import click
import pytest
from click.testing import CliRunner

from cli.machinery import PATIENCE_S, RESTARTCTL, Machine
from restartmanager import __version__
from restartmanager.cli import app
from restartmanager.cli.commands import COMPLETION_VARIABLE, LazyGroup


def _verbs(group: LazyGroup, *before: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            found.append((*before, name))
            if isinstance(command, LazyGroup):
                found += _verbs(command, *before, name)
    return found


VERBS = _verbs(app.restartctl)


@pytest.mark.parametrize("verb", [(), *VERBS], ids=" ".join)
def test_every_help_has_examples(verb: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app.restartctl, [*verb, "--help"], prog_name="restartctl")
    assert done.exit_code == 0
    assert f"Usage: {' '.join(('restartctl', *verb))}" in done.output
    assert "\nExamples:\n" in done.output
    assert done.output.split("\nExamples:\n")[1].count("restartctl") >= 1


def test_the_verbs() -> None:
    names = {" ".join(verb) for verb in VERBS}
    assert names == {
        *("who", "stale", "run", "ui", "recover", "doctor", "completion", "demo", "session"),
        *(
            f"session {step}"
            for step in (
                *("start", "join", "register", "list", "shutdown", "restart", "refresh", "end"),
                *("filter", "filter add", "filter remove", "filter list", "cancel", "ls", "show"),
            )
        ),
    }


@pytest.mark.parametrize("arguments", [["--help"], ["session", "--help"], ["who", "--help"]])
def test_help_imports_nothing_that_works(arguments: list[str]) -> None:
    program = (
        "import sys; from restartmanager.cli import app\n"
        "try: app.main()\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert not loaded & {
        *(
            "sqlite3",
            "json",
            "logging",
            "restartmanager.model.applications",
            "restartmanager.engine.engine",
        ),
        *(
            "restartmanager.cli.verbs.run",
            "restartmanager.cli.verbs.demo",
            "restartmanager.cli.verbs.session_steps",
        ),
    }


def test_who_imports_nothing_of_other_verbs() -> None:
    program = (
        "import sys; from restartmanager.cli import app\n"
        "try: app.main()\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "who", __file__],
        env={**os.environ, "RESTARTMANAGER_KERNEL_ITERATOR": "0"},  # which needs ctypes
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(done.stderr.split())
    assert not modules & {
        *(
            "ctypes",
            "sqlite3",
            "logging",
            "rich",
            "restartmanager.adapters.store",
            "restartmanager.api.primary",
        ),
        *(
            "restartmanager.engine.engine",
            "restartmanager.engine.shutdown",
            "restartmanager.engine.restart",
        ),
    }
    loaded = {name for name in modules if name.startswith("restartmanager.cli.")}
    assert loaded == {
        f"restartmanager.cli.{name}"
        for name in (
            *("app", "commands", "exitcodes", "options", "output", "output.console"),
            *("output.render", "output.text", "verbs", "verbs.who"),
        )
    }


def test_version(machine: Machine) -> None:
    assert machine.ok("--version") == f"restartctl {__version__}\n"


def test_without_a_verb(machine: Machine) -> None:
    done = machine.run()
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: restartctl")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["frobnicate"], "restartctl: No such command 'frobnicate'."),
        (["who"], "restartctl who: Nothing to ask about: give a PATH or --package."),
        (["who", "--json"], "restartctl who: Nothing to ask about"),
        (["who", "--package"], "restartctl who: Option '--package' requires an argument."),
        (["stale", "x\x1b"], "restartctl stale: Got unexpected extra argument (x\\e)"),
        (["completion", "csh"], "restartctl completion: Invalid value for 'SHELL'"),
        (
            ["run", "--", "true"],
            "restartctl run: Nothing to change: give --file, --tree, --package",
        ),
        (["run", "-p", "0", "--", "x"], "restartctl run: Invalid value for '--pid' / '-p': '0' is"),
        (["who", "--jso"], "restartctl who: No such option"),
        (["session", "start", "--expires", "soon"], "restartctl session start: Invalid value"),
        (["session", "list", "--\x1b[2J"], "restartctl session list: No such option"),
    ],
)
def test_wrong_use(machine: Machine, wrong: list[str], said: str) -> None:
    done = machine.run(*wrong)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(said)
    assert "\n  hint: 'restartctl" in done.stderr
    assert "\x1b" not in done.stderr


def test_an_unknown_verb_or_option_is_not_a_traceback_in_any_locale(machine: Machine) -> None:
    done = machine.run("who", "/nö/漢", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "/n\\xc3\\xb6/\\xe6\\xbc\\xa2 does not exist" in done.stderr


def _fails(machine: Machine, **environment: str) -> subprocess.CompletedProcess[str]:
    patch = (
        "from restartmanager.api import questions\n"
        "def who_uses(*paths, **more): raise ZeroDivisionError('oops\\x1b')\n"
        "questions.who_uses = who_uses"
    )
    return machine.run_with(patch, "who", "x", **environment)


def test_what_nobody_expected(machine: Machine) -> None:
    done = _fails(machine)
    assert (done.returncode, done.stdout) == (8, "")
    assert done.stderr.startswith("restartctl: this should not happen (ZeroDivisionError: oops\\e)")
    assert "Traceback" not in done.stderr


def test_what_nobody_expected_with_its_traceback(machine: Machine) -> None:
    done = _fails(machine, RESTARTMANAGER_DEBUG="1")
    assert done.returncode == 8
    assert "Traceback (most recent call last):" in done.stderr
    assert "\x1b" not in done.stderr


def test_interrupted_while_there_is_nothing_to_call_off(machine: Machine, session: str) -> None:
    listing = machine.folder / "list"
    os.mkfifo(listing)
    waiting = machine.begin("session", "register", session, "--files-from", str(listing))
    with listing.open("wb"):  # which waits until it reads
        waiting.send_signal(signal.SIGINT)
        _, complaint = waiting.communicate(timeout=PATIENCE_S)
    assert (waiting.returncode, complaint) == (130, b"\n")


def test_a_full_disk_is_no_answer(machine: Machine) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*RESTARTCTL, "doctor"],
            env=machine.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 8
    assert done.stderr == b"restartctl: No space left on device\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(machine: Machine, shell: str) -> None:
    done = machine.run("completion", shell)
    assert done.returncode == 0
    assert f"{COMPLETION_VARIABLE}={shell}_complete" in done.stdout


def test_the_completion_knows_the_verbs_and_what_they_do(machine: Machine) -> None:
    words = {"COMP_WORDS": "restartctl st", "COMP_CWORD": "1"}
    done = machine.run(**words, **{COMPLETION_VARIABLE: "zsh_complete"})
    assert done.stdout == "plain\nstale\nWhat runs replaced code, and what would cure it?\n"


# -- terminals ---------------------------------------------------------------------------------


def _on_terminal(
    machine: Machine, *arguments: str, columns: int = 80, **environment: str
) -> tuple[int, str]:
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    child = subprocess.Popen(
        [*RESTARTCTL, *arguments],
        env={**machine.environment, "TERM": "xterm", **environment},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    machine.started.append(child)
    os.close(terminal)
    text = b""
    try:
        while chunk := os.read(controller, 4096):
            text += chunk
    except OSError:  # EIO: nobody has the terminal open any more
        pass
    finally:
        os.close(controller)
    return child.wait(PATIENCE_S), text.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [40, 80])
def test_a_terminal_is_never_overrun(machine: Machine, columns: int) -> None:
    machine.environment["TMPDIR"] = "/tmp"
    status, text = _on_terminal(machine, "doctor", columns=columns, NO_COLOR="1")
    assert status == 0
    long = [line for line in text.splitlines() if len(line) > columns]
    assert all(line.strip().startswith(("/", "✓ State")) or "/" in line for line in long)


@pytest.mark.parametrize("verb", [(), *VERBS], ids=" ".join)
def test_no_help_overruns_a_narrow_terminal(verb: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app.restartctl, [*verb, "--help"], terminal_width=40)
    text = done.output.partition("\nExamples:\n")[0]  # whose lines are to be copied
    assert [line for line in text.splitlines() if len(line) > 40] == []


def test_colours_on_a_terminal_unless_unwanted(machine: Machine) -> None:
    machine.hold()
    assert "\x1b[1meditor\x1b[0m" in _on_terminal(machine, "who", machine.file)[1]
    assert "\x1b" not in _on_terminal(machine, "who", machine.file, NO_COLOR="1")[1]
    assert "\x1b" not in _on_terminal(machine, "who", machine.file, TERM="dumb")[1]


def test_progress_is_shown_on_a_terminal_and_taken_away(machine: Machine, session: str) -> None:
    machine.hold("register")
    _, text = _on_terminal(machine, "session", "shutdown", session, NO_COLOR="1")
    assert "\r\x1b[K[  0%] editor: asked to exit" in text
    assert text.rpartition("\x1b[K")[2].startswith("✓ editor: closed")
