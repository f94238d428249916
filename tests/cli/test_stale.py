"""restartctl stale: real processes that run what was replaced, and every cure to the letter."""

import unicodedata
from dataclasses import replace

import pytest

from cli.machinery import Machine, assert_valid
from cli.samples import (
    BUS,
    EDITOR,
    HOSTILE,
    IGNORED,
    JOB,
    LOGIN,
    MANAGER,
    NGINX,
    SHELL,
    USERS_MANAGER,
)
from restartmanager.cli.output.console import Look
from restartmanager.cli.output.stale import ignored_lines, stale_lines
from restartmanager.model import Affected, Application, AppType, RebootReason, Required
from restartmanager.rules.applications import pending_kernel

PLAIN = Look()
KERNEL = pending_kernel("6.18.1-1-amd64")
ANSWER = (
    "from restartmanager import model\n"
    "from restartmanager.api import questions\n"
    "questions.stale = lambda: model."
)

# -- real processes ----------------------------------------------------------------------------


def test_a_program_that_was_replaced_while_it_runs(machine: Machine) -> None:
    holder, other = machine.hold(), machine.hold(name="player")
    program = machine.replace_program()
    done = machine.run("stale")
    assert done.returncode == 1
    entry = f"\n  editor  pid {holder.pid}, user "
    assert entry in done.stdout
    below = done.stdout.partition(entry)[2].splitlines()
    assert below[1] == f"    runs the old script {program} (replaced)"
    assert "Restart th" in done.stdout.partition(entry)[0]
    assert done.stdout.splitlines()[-1].startswith("Next: ")
    assert f"pid {other.pid}," not in done.stdout
    assert holder.lives


def test_json(machine: Machine) -> None:
    holder = machine.hold()
    program = machine.replace_program()
    done = machine.run("stale", "--json")
    assert done.returncode == 1
    document = machine.json("stale")
    assert_valid("affected", document)
    (found,) = (
        application
        for application in document["applications"]
        if application["main_process"] and application["main_process"]["pid"] == holder.pid
    )
    assert (found["required"], found["reason"]) == ("restart", "")
    assert found["evidence"] == [
        {"pid": holder.pid, "path": program, "how": ["script"], "stale": True}
    ]


def test_what_the_policy_leaves_out(machine: Machine) -> None:
    holder = machine.hold("code")
    shown = machine.run("stale", "--ignored").stdout
    reason = "memory with a name, not a file that could be replaced"
    assert f"  {reason}:\n" in shown
    assert "    /memfd:generated code (pid" in shown
    assert "generated code" not in machine.run("stale").stdout
    document = machine.json("stale")
    assert_valid("affected", document)
    (entry,) = (item for item in document["ignored"] if item["path"] == "/memfd:generated code")
    assert entry["reason"] == reason
    assert holder.pid in entry["pids"]


def test_nothing_is_written_to_the_session_memory(machine: Machine) -> None:
    machine.run("stale")
    assert not machine.state.exists()


# -- answers -----------------------------------------------------------------------------------


def test_nothing_to_do(machine: Machine) -> None:
    done = machine.run_with(f"{ANSWER}Affected()", "stale")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Nothing runs replaced code.\n"
    done = machine.run_with(f"{ANSWER}Affected()", "stale", "--json")
    assert (done.returncode, done.stderr) == (0, "")


def test_how_many_could_not_be_looked_into(machine: Machine) -> None:
    done = machine.run_with(f"{ANSWER}Affected(not_inspectable=3)", "stale")
    assert done.returncode == 0
    assert done.stderr.startswith("3 processes could not be looked into")


def test_a_kernel_alone_is_something_to_do(machine: Machine) -> None:
    patch = (
        "from restartmanager.rules.applications import pending_kernel\n"
        f"{ANSWER}Affected((pending_kernel('6.18.1'),))"
    )
    done = machine.run_with(patch, "stale")
    assert done.returncode == 1
    assert done.stdout == (
        "Reboot the machine for this:\n"
        "  the kernel\n"
        "    6.18.1 is installed, and an older one runs\n"
        "\n"
        "Next: reboot the machine, which cures everything.\n"
    )


# -- to the letter -----------------------------------------------------------------------------

EVERYTHING = """\
Restart these:
  nginx  pids 812, 813, user uid 987654321, service nginx.service
    runs the old /usr/lib/libssl.so.3 (replaced)
    runs the old /usr/sbin/nginx (replaced; pid 812)
  job.py  pid 950, user uid 987654321
    runs the old script /opt/job.py (replaced)

Log out and in again for these:
  login  pid 77, user uid 987654321
    runs the old /usr/lib/libssl.so.3 (replaced)
    it carries a login session
  zsh  pid 700, user uid 987654321
    runs the old /usr/bin/zsh (replaced)
    this very command was started from it

Re-execute the service manager for these:
  systemd  pid 1, user uid 987654321
    runs the old /usr/lib/libssl.so.3 (replaced)
    re-executed by 'systemctl daemon-reexec'
  systemd  pid 1200, user uid 987654321
    runs the old /usr/lib/libssl.so.3 (replaced)
    re-executed by 'systemctl --user daemon-reexec'

Soft-reboot the machine for this:
  dbus-daemon  pid 500, user uid 987654321
    runs the old /usr/bin/dbus-daemon (replaced)
    every program on the message bus would lose its connection

Reboot the machine for this:
  the kernel
    6.18.1-1-amd64 is installed, and an older one runs

Next: reboot the machine, which cures everything.
"""

NARROW = """\
Re-execute the service manager for this:
  systemd  pid 1, user uid 987654321
    runs the old /usr/lib/libssl.so.3
      (replaced)
    re-executed by 'systemctl
      daemon-reexec'

Next: run 'systemctl daemon-reexec'.
"""


def _stale(application: Application) -> Application:
    evidence = tuple(item._replace(stale=True) for item in application.evidence)
    return replace(application, evidence=evidence)


def _lines(*applications: Application, look: Look = PLAIN) -> list[str]:
    return stale_lines(Affected(tuple(map(_stale, applications))), look)


def test_every_cure_and_the_worst_last() -> None:
    shown = _lines(KERNEL, MANAGER, LOGIN, NGINX, BUS, SHELL, JOB, USERS_MANAGER)
    assert shown == EVERYTHING.splitlines()


def test_no_cure_is_forgotten() -> None:
    for cure in Required:
        assert "  nginx  pids 812, 813" in _lines(replace(NGINX, required=cure))[1]


def test_a_narrow_terminal() -> None:
    assert _lines(MANAGER, look=Look(width=40)) == NARROW.splitlines()
    everything = (KERNEL, MANAGER, LOGIN, NGINX, BUS, SHELL, JOB, USERS_MANAGER)
    assert max(map(len, _lines(*everything, look=Look(width=40)))) <= 40


@pytest.mark.parametrize(
    ("applications", "said"),
    [
        ((), "Nothing runs replaced code."),
        ((JOB,), "Next: restart 1 application."),
        ((JOB, NGINX), "Next: restart 2 applications with 'restartctl stale --restart'."),
        ((LOGIN, JOB), "Next: restart 1 application, then log out and in again."),
        ((SHELL, MANAGER), "Next: run 'systemctl daemon-reexec', then log out and in again."),
        (
            (USERS_MANAGER, USERS_MANAGER, MANAGER),
            "Next: run 'systemctl --user daemon-reexec' and run 'systemctl daemon-reexec'.",
        ),
        ((BUS, JOB), "Next: 'systemctl soft-reboot', which cures everything; so does a reboot."),
        ((KERNEL, BUS), "Next: reboot the machine, which cures everything."),
        ((replace(JOB, required=Required.NONE),), "Next: nothing."),
    ],
)
def test_the_last_line_says_what_to_do(applications: tuple[Application, ...], said: str) -> None:
    assert _lines(*applications)[-1] == said


def test_why_another_must_restart_it() -> None:
    container = replace(
        EDITOR,
        type=AppType.CONTAINER,
        reboot_reasons=RebootReason.SESSION_MISMATCH,
        reason="it lives in a container: restart the container",
    )
    assert "    it lives in a container: restart the container" in _lines(container)


def test_bold_names_leave_the_text_as_it_is() -> None:
    coloured = _lines(JOB, look=Look(colour=True))[1]
    assert coloured == "  \x1b[1mjob.py\x1b[0m  pid 950, user uid 987654321"


def test_ignored() -> None:
    assert ignored_lines(IGNORED, PLAIN) == [
        "The policy leaves these out:",
        "  memory with a name:",
        "    /memfd:a (pids 7, 8)",
        "    /memfd:c (pids 1, 2, 3, 4, 5 and 1 more)",
        "  a temporary file:",
        "    /tmp/b\\e (pid 9)",
    ]
    assert ignored_lines((), PLAIN) == ["The policy leaves nothing out."]


@pytest.mark.parametrize("cure", Required)
def test_hostile_text_is_harmless(cure: Required) -> None:
    lines = _lines(replace(HOSTILE, required=cure, reboot_reasons=RebootReason.NONE))
    assert not [c for c in "".join(lines) if unicodedata.category(c).startswith("C")]
