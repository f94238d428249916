"""Who is waited for, and how long still, in one line."""

from __future__ import annotations

from cli.samples import EDITOR, HOSTILE, NGINX
from restartmanager.cli.output.live import Waiting
from restartmanager.model import Application, Result, Step
from restartmanager.model.progress import Progress, Reporter
from restartmanager.testing.world import Temper
from support.simulated import EDITOR as PROGRAM
from support.simulated import Installer, library_world


def asked(application: Application, patience_s: float | None, percent: int = 0) -> Progress:
    return Progress(percent, application, Step.STOP, "asked to exit", patience_s)


def closed(application: Application, percent: int) -> Progress:
    return Progress(percent, application, Step.STOP, "closed", result=Result.DONE)


def test_whose_time_is_over_first_is_named() -> None:
    waiting = Waiting(force=False)
    waiting.note(Progress(0), 100)
    assert waiting.line(100) == "[  0%] "
    waiting.note(asked(EDITOR, 30), 100)
    waiting.note(asked(NGINX, 20), 105)
    assert waiting.line(110) == "[  0%] nginx: asked to exit, has 15 s; 1 other too"
    assert waiting.left_s(EDITOR.key, 110) == 20
    waiting.note(closed(NGINX, 50), 111)
    assert waiting.line(112.4) == "[ 50%] editor: asked to exit, has 18 s"
    assert waiting.line(1000) == "[ 50%] editor: asked to exit, has 0 s"
    waiting.note(closed(EDITOR, 100), 113)
    assert waiting.line(114) == "[100%] editor: closed"
    assert waiting.left_s(EDITOR.key, 114) is None
    assert waiting.message(EDITOR.key) is None


def test_with_force_it_is_said_what_comes() -> None:
    waiting = Waiting(force=True)
    waiting.note(asked(EDITOR, 30), 0)
    assert waiting.line(1) == "[  0%] editor: asked to exit, killed in 29 s"


def test_who_has_no_known_time_comes_last() -> None:
    waiting = Waiting(force=False)
    waiting.note(asked(NGINX, None), 0)
    assert waiting.line(5) == "[  0%] nginx: asked to exit"
    waiting.note(asked(EDITOR, 30), 5)
    assert waiting.line(5) == "[  0%] editor: asked to exit, has 30 s; 1 other too"


def test_hostile_names_are_escaped() -> None:
    waiting = Waiting(force=False)
    waiting.note(asked(HOSTILE, 3), 0)
    assert waiting.line(0).isprintable()


def test_the_engine_says_how_long_each_has_and_when_it_is_over() -> None:
    world = library_world(editor=Temper(obeys_after_s=None))
    installer = Installer(world)
    world.run(PROGRAM)
    session = installer.session()
    reports: list[Progress] = []
    session.shutdown(force=True, on_event=reports.append)
    told = [(report.message, report.patience_s, report.result) for report in reports]
    assert told[1:4] == [
        ("asked to exit", 30, None),
        ("did not exit in time, killed", 5, None),
        ("killed, for it did not exit in time", None, Result.DONE),
    ]
    Reporter(on_event=reports.append).report(Progress(0))
    assert reports[-1].result is None
