"""Change first, restart afterwards: ``run --when after`` and ``stale --restart``, for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import restartmanager as rm
from restartmanager.model import FilterAction, Result
from support.units import library_at, main_pid, maps, state

if TYPE_CHECKING:
    from support.units import Units

RESTARTCTL = Path(sys.executable).with_name("restartctl")
REPLACE = "import os, shutil, sys; p = sys.argv[1]; shutil.copy(p, p + 'n'); os.rename(p + 'n', p)"


def restartctl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RESTARTCTL, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_service_is_restarted_once_and_nothing_else_is_touched(units: Units) -> None:
    units.service("uses.service")
    needs = ["Requires=uses.service", "After=uses.service"]
    units.add("needs.service", "\n".join(["[Unit]", *needs, "[Service]", "ExecStart=sleep inf"]))
    units.add("bystander.service", "[Service]\nExecStart=sleep inf\n")
    units.start("uses.service", "needs.service", "bystander.service")
    before = {n: main_pid(n) for n in ("uses.service", "needs.service", "bystander.service")}
    command = [sys.executable, "-c", REPLACE, str(units.library)]
    done = restartctl("run", "--when", "after", "--file", units.library, "--", *command)
    assert done.returncode == 0, done.stderr
    after = {name: main_pid(name) for name in before}
    assert after["bystander.service"] == before["bystander.service"]
    assert after["uses.service"] != before["uses.service"]
    assert after["needs.service"] not in {0, before["needs.service"]}
    assert maps(after["uses.service"], units.library)
    assert "uses: back as process" in done.stderr


def test_nothing_is_restarted_when_the_command_changed_nothing(units: Units) -> None:
    units.start(units.service("uses.service"))
    before = main_pid("uses.service")
    done = restartctl("run", "--when", "after", "--file", units.library, "--", "/bin/true")
    assert done.returncode == 0, done.stderr
    assert main_pid("uses.service") == before


def test_the_status_of_the_command_is_that_of_run(units: Units) -> None:
    units.start(units.service("uses.service"))
    script = "import sys; exec(sys.argv[2]); sys.exit(9)"
    command = [sys.executable, "-c", script, str(units.library), REPLACE]
    done = restartctl("run", "--when", "after", "--file", units.library, "--", *command)
    assert done.returncode == 9, done.stderr
    assert maps(main_pid("uses.service"), units.library)


def test_a_reload_is_enough_where_the_unit_says_so_and_it_is(units: Units) -> None:
    reload = ["ExecReload=/bin/kill -HUP $MAINPID"]
    wish = ["X-RestartManager=reload"]
    units.service("anew.service", "--reload", unit=wish, service=reload, kind="notify")
    units.service("keeps.service", "--reload-is-nothing", unit=wish, service=reload)
    units.start("anew.service", "keeps.service")
    before = {name: main_pid(name) for name in ("anew.service", "keeps.service")}
    with rm.start_session() as session:
        session.register(files=[units.library])
        library_at(units.library)
        outcomes = session.refresh()
    assert [outcome.result for outcome in outcomes] == [Result.DONE] * 2
    assert main_pid("anew.service") == before["anew.service"]
    assert main_pid("keeps.service") != before["keeps.service"]
    assert all(maps(main_pid(name), units.library) for name in before)


def test_a_filter_keeps_a_service_from_being_restarted(units: Units) -> None:
    units.start(units.service("uses.service"))
    before = main_pid("uses.service")
    with rm.start_session() as session:
        session.register(files=[units.library])
        session.add_filter(FilterAction.NO_RESTART, service="uses")
        library_at(units.library)
        (outcome,) = session.refresh()
    assert outcome.result is Result.SKIPPED
    assert main_pid("uses.service") == before


def test_one_that_breaks_is_reported_and_the_others_go_on(units: Units) -> None:
    flag = units.folder / "broken"
    units.service("fragile.service", "--broken-if", str(flag))
    units.service("sound.service")
    units.start("fragile.service", "sound.service")
    change = f"{REPLACE}; open({str(flag)!r}, 'w')"
    command = [sys.executable, "-c", change, str(units.library)]
    done = restartctl("run", "--when", "after", "--file", units.library, "--", *command)
    assert done.returncode == 124
    assert "the configuration is broken: line 7" in " ".join(done.stderr.split())
    assert maps(main_pid("sound.service"), units.library)


# -- stale -------------------------------------------------------------------------------------


def test_stale_restarts_what_runs_replaced_code(units: Units) -> None:
    units.service("old.service")
    units.start("old.service")
    before = main_pid("old.service")
    assert restartctl("stale").returncode == 0
    library_at(units.library)
    dry = restartctl("stale", "--restart", "--dry-run")
    assert dry.returncode == 1
    assert "Restarted by their manager:\n  old" in dry.stderr
    assert main_pid("old.service") == before
    done = restartctl("stale", "--restart", "--json")
    assert done.returncode == 0, done.stderr
    (outcome,) = json.loads(done.stdout)["outcomes"]
    assert outcome["application"]["service"] == "old.service"
    assert outcome["result"] == "done"
    assert main_pid("old.service") != before
    assert restartctl("stale").returncode == 0


def test_managers_run_their_own_program_anew(units: Units) -> None:
    units.start(units.service("other.service"))
    before = main_pid("other.service")
    program = Path("/proc/1/exe").resolve()
    replace_program(program)
    listed = restartctl("stale")
    assert listed.returncode == 1
    assert "systemctl daemon-reexec" in listed.stdout
    done = restartctl("stale", "--restart", "--json")
    document = json.loads(done.stdout)
    outcomes = {o["application"]["main_process"]["pid"]: o for o in document["outcomes"]}
    renewed = {pid for pid, outcome in outcomes.items() if outcome["result"] == "done"}
    assert renewed == {1, main_pid(f"user@{os.environ['SYSTEMD_SANDBOX_UID']}.service")}
    (left,) = [o for o in document["outcomes"] if o["result"] != "done"]
    assert left["application"]["required"] == "relogin"  # the helper that closes the login
    assert done.returncode == 1
    assert main_pid("other.service") == before
    assert state("other.service") == ["active"]


def replace_program(program: Path) -> None:
    """Replace a program by a copy of itself, in this sandbox's own file system."""
    fresh = program.with_name(f".{program.name}.new")
    fresh.write_bytes(program.read_bytes())
    fresh.chmod(0o755)
    fresh.replace(program)
