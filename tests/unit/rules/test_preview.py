"""Previews: the plans of operations as steps, and what comes of each application."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cli.samples import EDITOR, HOSTILE, LOGIN, MANAGER, NGINX, STOPPED
from restartmanager.errors import RebootNeededError, ShutdownError
from restartmanager.model import Filter, FilterAction, FilterTrigger, RestartBy, Status
from restartmanager.model.journal import JournalEntry, JournalStep
from restartmanager.model.preview import PlannedStep, Preview
from restartmanager.rules.plan import ShutdownMode
from restartmanager.rules.preview import fate, of_refresh, of_restart, of_shutdown

PARTIAL = ShutdownMode(partial=True)
NO_RESTART = Filter("nginx", FilterTrigger.SERVICE, FilterAction.NO_RESTART)
NO_SHUTDOWN = Filter("nginx", FilterTrigger.SERVICE, FilterAction.NO_SHUTDOWN)


def test_a_shutdown_has_its_order_and_what_is_left_alone_at_the_end() -> None:
    preview = of_shutdown([NGINX, LOGIN, EDITOR], [], PARTIAL)
    assert [(item.step, item.application.name) for item in preview.steps] == [
        (PlannedStep.CLOSE, "editor"),
        (PlannedStep.CLOSE, "nginx"),
        (PlannedStep.LEAVE, "login"),
    ]
    assert preview.steps[2].message == "it carries a login session"
    assert not preview.idle


def test_a_preview_that_leaves_everything_alone_is_idle() -> None:
    assert of_shutdown([NGINX], [NO_SHUTDOWN], ShutdownMode()).idle
    assert Preview("end").idle


def test_what_a_shutdown_would_refuse() -> None:
    with pytest.raises(RebootNeededError):
        of_shutdown([NGINX, LOGIN], [], ShutdownMode())
    with pytest.raises(ShutdownError):
        of_shutdown([EDITOR], [], ShutdownMode(only_registered=True))


def test_a_restart_goes_backwards_and_leaves_what_does_not_come_back() -> None:
    entries = [
        JournalEntry(1, STOPPED, JournalStep.STOPPED, 0),
        JournalEntry(2, replace(EDITOR, status=STOPPED.status), JournalStep.STOPPED, 0),
        JournalEntry(3, NGINX, JournalStep.STARTED, 0),
        JournalEntry(4, replace(NGINX, status=STOPPED.status), JournalStep.STOPPED, 0),
    ]
    preview = of_restart(entries, [NO_RESTART])
    assert [(item.step, item.application.name) for item in preview.steps] == [
        ("leave", "nginx"),
        ("leave", "editor"),
        ("start", "player"),
    ]
    assert preview.steps[0].message == "stays closed: a filter excludes it from being brought back"


def test_a_refresh() -> None:
    preview = of_refresh([NGINX, MANAGER, EDITOR], [])
    assert [(item.step, item.application.name) for item in preview.steps] == [
        ("re-execute", "systemd"),
        ("restart", "nginx"),
    ]
    reloaded = of_refresh([replace(NGINX, reload_suffices=True)], [])
    assert [item.step for item in reloaded.steps] == ["reload"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"restart_by": RestartBy.REGISTERED}, "comes back by the command it registered"),
        ({"restart_by": RestartBy.COMMAND}, "comes back by the command it was started with"),
        ({}, "stays closed: it registered nothing to come back by"),
        ({"restart_obstacle": "it is odd"}, "could not come back: it is odd"),
        ({"reason": "it said no"}, "stays closed: it said no"),
        (
            {"status": Status.STOPPED | Status.ERROR_ON_RESTART, "reason": "it is broken"},
            "it is broken",
        ),
        (
            {"status": Status.RUNNING | Status.SHUTDOWN_MASKED},
            "is left alone: a filter excludes it",
        ),
    ],
)
def test_what_comes_of_an_application(changes: dict[str, object], words: str) -> None:
    assert fate(replace(EDITOR, **changes)) == words  # type: ignore[arg-type]


def test_nothing_is_escaped_for_whoever_reads_it_is_no_terminal() -> None:
    assert fate(HOSTILE) == "cannot be closed: because\x1b]0;x\x07"
