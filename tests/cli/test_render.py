"""Text for people, to the letter."""

import unicodedata

import pytest

from cli.samples import AFFECTED, EDITOR, HOSTILE, OUTCOMES
from restartmanager.cli.output.console import Look
from restartmanager.cli.output.outcomes import outcome_lines, progress_line
from restartmanager.cli.output.render import (
    affected_lines,
    error_lines,
    reservations,
)
from restartmanager.cli.verbs.session_views import list_lines
from restartmanager.errors import OperationCancelledError, ShutdownError, StoreFullError
from restartmanager.model import Affected, Outcome, Result, Step
from restartmanager.model.progress import Progress

PLAIN = Look()

LIST = """\
nginx  pids 812, 813, user uid 987654321, service nginx.service
  has /usr/lib/libssl.so.3 mapped (old version)
  runs /usr/sbin/nginx (pid 812)
  comes back by its service manager

editor  pid 900, user uid 987654321, on a terminal
  has /usr/lib/libssl.so.3 open and mapped
  stays closed: it registered nothing to come back by

login  pid 77, user uid 987654321
  has /usr/lib/libssl.so.3 mapped
  cannot be closed: it carries a login session; the change takes a new login

player  was pid 33, user uid 987654321, stopped
  comes back by the command it registered
"""

NARROW = """\
nginx  pids 812, 813, user uid
  987654321, service nginx.service
  has /usr/lib/libssl.so.3 mapped (old
    version)
  runs /usr/sbin/nginx (pid 812)
"""


def test_the_list() -> None:
    assert affected_lines(AFFECTED, PLAIN, fate=True) == LIST.splitlines()


def test_the_list_ends_with_a_verdict() -> None:
    look = Look(width=80)
    last = list_lines(AFFECTED, look)[-4:]
    assert last == [
        "1 of 3 applications cannot be closed: a shutdown would refuse, unless it is",
        "partial (--partial) or a filter excludes them.",
        "/srv/disk.img: in use, but by no process that can be seen",
        last[-1],
    ]
    assert last[-1].startswith("2 processes could not be looked into")


def test_a_narrow_terminal() -> None:
    lines = affected_lines(AFFECTED, Look(width=40), fate=False)
    assert lines[:5] == NARROW.splitlines()
    assert max(map(len, lines)) <= 40


def test_bold_names_leave_the_text_as_it_is() -> None:
    first = affected_lines(AFFECTED, Look(colour=True), fate=False)[0]
    assert first == "\x1b[1mnginx\x1b[0m" + LIST.splitlines()[0].removeprefix("nginx")


def test_who_may_see_more() -> None:
    assert reservations(AFFECTED, PLAIN, root=False)[-1].endswith("; root sees them all.")
    assert reservations(AFFECTED, PLAIN, root=True)[-1].endswith("looked into.")
    assert reservations(Affected(), PLAIN, root=False) == []


def test_outcomes() -> None:
    assert outcome_lines(OUTCOMES, PLAIN) == [
        "+ editor: closed (was process 900)",
        "- login: left alone (a filter of the session excludes it)",
        "! nginx: did not exit within 30 seconds (process 812)",
        "+ player: back as process 4711",
        "- player: stays closed (it did not register for being brought back)",
    ]


def test_symbols_only_where_they_can_be_shown() -> None:
    assert outcome_lines(OUTCOMES, Look(symbols=True))[0].startswith("✓ editor")


@pytest.mark.parametrize("fate", [True, False])
def test_hostile_text_is_harmless_everywhere(fate: bool) -> None:
    outcome = Outcome(HOSTILE, Step.STOP, Result.FAILED, "\x1b[2J\n\udcfe")
    lines = [
        *affected_lines(Affected((HOSTILE,)), Look(width=30), fate=fate),
        *outcome_lines([outcome], Look(width=30)),
        *error_lines(StoreFullError("/x\x1b\n"), Look(width=30)),
        *error_lines(OSError(2, "No\x1b", "/y\x1b\n"), PLAIN),
        *error_lines(ZeroDivisionError("\x1b\u202e"), PLAIN),
        progress_line(Progress(5, HOSTILE, Step.STOP, "\x1b\r")),
    ]
    assert not [c for c in "".join(lines) if unicodedata.category(c).startswith("C")]


def test_many_files_are_not_all_listed() -> None:
    from dataclasses import replace

    (use,) = EDITOR.evidence
    uses = tuple(use._replace(path=f"/usr/lib/lib{number:02}.so") for number in range(40))
    lines = affected_lines(Affected((replace(EDITOR, evidence=uses),)), PLAIN, fate=False)
    assert len(lines) == 8
    assert lines[-1] == "  and 34 other files; --json lists them all"


def test_progress() -> None:
    assert progress_line(Progress(50, EDITOR, Step.STOP, "closed")) == "[ 50%] editor: closed"
    assert progress_line(Progress(100, EDITOR, Step.START, "is back")) == ("[100%] editor: is back")
    assert progress_line(Progress(0)) == "[  0%] "


def test_errors_do_not_repeat_the_outcomes() -> None:
    lines = error_lines(ShutdownError(OUTCOMES), PLAIN)
    assert lines[0] == "restartctl: Not everything could be shut down."
    assert lines[1].startswith("  hint: Close the rest by hand")
    assert "nginx" not in "".join(lines)
    assert error_lines(OperationCancelledError("Shutdown"), PLAIN)[0] == (
        "restartctl: Shutdown was cancelled."
    )


def test_what_nobody_expected_asks_for_a_report() -> None:
    lines = error_lines(ZeroDivisionError("oops"), PLAIN)
    assert lines[0] == "restartctl: this should not happen (ZeroDivisionError: oops)."
    assert "RESTARTMANAGER_DEBUG=1" in lines[1]
