"""restartctl recover: what a killed run left closed comes back."""

import json

from cli.machinery import PATIENCE_S, Machine, assert_valid


def test_nothing_to_do(machine: Machine) -> None:
    assert machine.ok("recover") == "Nothing was left closed.\n"
    assert_valid("outcomes", machine.json("recover"))


def _killed_run(machine: Machine) -> None:
    """A run that is killed while its command runs."""
    work = machine.begin("run", "-f", machine.file, "--", "sh", "-c", "echo in; read line")
    assert work.stdout is not None
    assert work.stdout.readline() == b"in\n"
    assert not machine.holders()
    work.kill()
    work.communicate(timeout=PATIENCE_S)
    assert not machine.holders()


def test_after_the_installer_was_killed(machine: Machine) -> None:
    machine.hold("register")
    _killed_run(machine)
    assert "abandoned" in machine.ok("session", "ls")
    done = machine.ok("recover")
    (new,) = machine.holders()
    assert f"editor: back as process {new}" in done
    assert machine.ok("session", "ls") == "No open sessions.\n"
    assert machine.ok("recover") == "Nothing was left closed.\n"


def test_the_next_session_recovers_as_well_and_says_so(machine: Machine) -> None:
    machine.hold("register")
    _killed_run(machine)
    done = machine.run("session", "start")
    assert len(done.stdout) == 33
    assert "An earlier installer died and left these closed:" in done.stderr
    assert len(machine.holders()) == 1


def test_what_does_not_come_back(machine: Machine) -> None:
    machine.hold("register", "crash-on-return")
    _killed_run(machine)
    done = machine.run("recover", "--json")
    assert done.returncode == 3
    document = json.loads(done.stdout)
    assert_valid("outcomes", document)
    assert document["complete"] is False


def test_what_it_would_bring_back(machine: Machine) -> None:
    machine.hold("register")
    assert machine.ok("recover", "--dry-run") == "Nothing would have to be done.\n"
    _killed_run(machine)
    for _ in range(2):
        done = machine.ok("recover", "--dry-run")
        first, second = done.splitlines()
        assert first == "Would be brought back:"
        assert second.startswith("  editor  was pid ")
        assert second.endswith(": comes back by the command it registered")
    document = machine.json("recover", "--dry-run")
    assert_valid("plan", document)
    assert [(item["step"], item["application"]["name"]) for item in document["steps"]] == [
        ("start", "editor")
    ]
    assert not machine.holders()
    machine.run("run", "--dry-run", "-f", machine.file, "--", "true")
    assert not machine.holders()  # a dry run does not recover either
    assert "abandoned" in machine.ok("session", "ls")
