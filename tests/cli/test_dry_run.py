"""--dry-run says what would be done, and does nothing: every verb that acts has it."""

from __future__ import annotations

import json

from cli.machinery import Machine, assert_valid
from cli.samples import EDITOR, HOSTILE, LOGIN, NGINX
from restartmanager.cli.output.console import Look
from restartmanager.cli.output.json_documents import dumps, plan_document
from restartmanager.cli.preview import preview_lines
from restartmanager.rules.plan import ShutdownMode
from restartmanager.rules.preview import of_shutdown

PLAIN = Look()
PARTIAL = ShutdownMode(partial=True)

EDITOR_FACTS = "editor  pid 900, user uid 987654321, on a terminal"
NGINX_FACTS = "nginx  pids 812, 813, user uid 987654321, service nginx.service"

# -- previews ----------------------------------------------------------------------------------


def test_a_shutdown_in_its_order_with_what_comes_of_it() -> None:
    preview = of_shutdown([NGINX, LOGIN, EDITOR], [], PARTIAL)
    assert preview_lines(preview, PLAIN) == [
        "Would be closed:",
        f"  {EDITOR_FACTS}: stays closed: it registered nothing to come back by",
        f"  {NGINX_FACTS}: comes back by its service manager",
        "Would be left alone:",
        "  login  pid 77, user uid 987654321: it carries a login session",
    ]
    assert_valid("plan", json.loads(dumps(plan_document(preview))))


def test_hostile_names() -> None:
    preview = of_shutdown([HOSTILE], [], PARTIAL)
    assert all(line.isprintable() for line in preview_lines(preview, Look(width=40)))
    assert_valid("plan", json.loads(dumps(plan_document(preview))))


# -- the verbs, on real processes --------------------------------------------------------------


def test_the_steps_of_a_session_do_nothing(machine: Machine, session: str) -> None:
    holder = machine.hold("register")
    done = machine.ok("session", "shutdown", session, "--dry-run")
    assert done.startswith(f"Would be closed:\n  editor  pid {holder.pid}, user ")
    assert_valid("plan", machine.json("session", "shutdown", session, "--dry-run"))
    assert machine.run("session", "restart", session, "--dry-run").returncode == 2
    assert machine.ok("session", "refresh", session, "--dry-run") == (
        "Nothing would have to be done.\n"  # it uses the file that is there
    )
    assert machine.ok("session", "end", session, "--dry-run") == (
        "Nothing would have to be done.\nThe session would be ended.\n"
    )
    assert holder.lives
    machine.ok("session", "shutdown", session)
    assert not holder.lives
    for verb in "restart", "end":
        done = machine.ok("session", verb, session, "--dry-run")
        assert done.startswith(f"Would be brought back:\n  editor  was pid {holder.pid}, user ")
    assert machine.holders() == []
    machine.ok("session", "end", session)
    assert len(machine.holders()) == 1


def test_stale_has_it_as_a_document_too(machine: Machine) -> None:
    holder = machine.hold("register")
    machine.replace_program()
    document = machine.json("stale", "--restart", "--dry-run")
    assert_valid("plan", document)
    steps = {
        item["application"]["main_process"]["pid"]: item["step"]
        for item in document["steps"]
        if item["application"]["main_process"]
    }
    assert steps[holder.pid] == "renew"
    assert holder.lives


def test_the_end_of_a_session_as_documents(machine: Machine, session: str) -> None:
    machine.hold("register")
    machine.ok("session", "shutdown", session)
    plan = machine.json("session", "end", session, "--dry-run")
    assert_valid("plan", plan)
    assert [item["step"] for item in plan["steps"]] == ["start"]
    left = machine.json("session", "end", session, "--dry-run", "--leave-stopped")
    assert left["steps"] == []
    outcomes = machine.json("session", "end", session)
    assert_valid("outcomes", outcomes)
    assert (outcomes["operation"], outcomes["complete"]) == ("end", True)
    assert [item["result"] for item in outcomes["outcomes"]] == ["done"]
    other = machine.ok("session", "start").strip()
    assert_valid("outcomes", machine.json("session", "end", other))
