"""Asking real applications before they are closed."""

from __future__ import annotations

import shutil
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from restartmanager.adapters.processes.channels import LinuxChannels
from restartmanager.model.answers import Answer, AnswerKind, EndReason, objections
from restartmanager.model.progress import CancelToken
from support.listeners import PATIENCE_S, App, ask, folder, listening, soon
from support.paths import EXAMPLES

if TYPE_CHECKING:
    from pathlib import Path

    from integration.conftest import Children

__all__ = ["folder", "listening"]  # fixtures

IN_VAIN_S = 0.3
"""How long to wait for an answer that will not come."""


@pytest.mark.parametrize("where", ["thread", "loop", "async"])
def test_asked_and_ended(listening: Any, where: str) -> None:
    app = listening("agree", where)
    process = app.process
    with LinuxChannels().open([process]) as talks:
        answers = talks.query(EndReason.UPDATE, soon())
        assert answers == {process.identity: Answer(AnswerKind.YES)}
        assert app.line() == "query update"
        ended = talks.end([process.identity], EndReason.FORCED, soon())
        assert ended[process.identity].kind in {AnswerKind.DONE, AnswerKind.DIED}
    assert app.line() == "end forced"
    assert app.child.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("where", ["thread", "loop", "async"])
def test_a_refusal_comes_with_its_reason_on_one_line(listening: Any, where: str) -> None:
    answer = ask(listening("refuse", where))
    assert answer == Answer(AnswerKind.NO, "a call is in progress \x1b[31m")
    assert answer.objects


def test_a_refusal_without_a_reason(listening: Any) -> None:
    assert ask(listening("refuse-silently")) == Answer(AnswerKind.NO)


@pytest.mark.parametrize("where", ["thread", "async"])
def test_who_agreed_and_is_left_is_told_to_go_on(listening: Any, where: str) -> None:
    app = listening("agree", where)
    process = app.process
    with LinuxChannels().open([process]) as talks:
        talks.query(EndReason.UPDATE, soon())
        assert app.line() == "query update"
    assert app.line() == "cancelled"
    assert ask(app).kind is AnswerKind.YES
    assert app.line() == "query update"
    assert app.line() == "cancelled"


def test_who_refused_is_told_nothing_more(listening: Any) -> None:
    app = listening("refuse")
    ask(app)
    ask(app)
    assert [app.line(), app.line()] == ["query update", "query update"]


def test_while_one_installer_still_asks_nothing_is_cancelled(listening: Any) -> None:
    app = listening("agree")
    process = app.process
    with LinuxChannels().open([process]) as first:
        first.query(EndReason.UPDATE, soon())
        ask(app)
        first.query(EndReason.SESSION_END, soon())
        lines = [app.line(), app.line(), app.line()]
    assert lines == ["query update", "query update", "query session-end"]
    assert app.line() == "cancelled"


@pytest.mark.parametrize("where", ["thread", "loop", "async"])
def test_a_check_that_fails_is_a_no(listening: Any, where: str) -> None:
    assert ask(listening("fail", where)) == Answer(
        AnswerKind.NO, "its own check failed (ValueError)"
    )


def test_an_end_that_wants_to_exit_asks_for_the_signal(listening: Any) -> None:
    app = listening("exit")
    process = app.process
    with LinuxChannels().open([process]) as talks:
        talks.query(EndReason.UPDATE, soon())
        ended = talks.end([process.identity], EndReason.UPDATE, soon())
    assert ended == {process.identity: Answer(AnswerKind.SIGNAL)}


def test_without_an_end_handler_the_signal_is_asked_for(listening: Any) -> None:
    app = listening("agree")
    app.order("only-query")
    assert app.line() == "done"
    process = app.process
    with LinuxChannels().open([process]) as talks:
        talks.query(EndReason.UPDATE, soon())
        ended = talks.end([process.identity], EndReason.UPDATE, soon())
    assert ended == {process.identity: Answer(AnswerKind.SIGNAL)}


@pytest.mark.parametrize("where", ["thread", "loop"])
def test_one_that_hangs_in_its_handler_is_hung(listening: Any, where: str) -> None:
    app = listening("hang", where)
    answer = ask(app, IN_VAIN_S)
    assert answer == Answer(AnswerKind.HUNG, "it did not answer in time")
    assert answer.objects
    assert app.line() == "query update"


def test_an_answer_that_comes_late_is_not_taken_for_another(listening: Any) -> None:
    """The "yes" to the query is not an answer to "end"."""
    app = listening("slow")
    process = app.process
    with LinuxChannels().open([process]) as talks:
        answers = talks.query(EndReason.FORCED, soon(IN_VAIN_S))
        assert answers[process.identity].kind is AnswerKind.HUNG
        assert app.line() == "query forced"
        app.order("go")
        assert app.line() == "done"
        ended = talks.end([process.identity], EndReason.FORCED, soon())
    assert ended[process.identity].kind in {AnswerKind.DONE, AnswerKind.DIED}
    assert app.line() == "end forced"


@pytest.mark.parametrize("where", ["thread", "loop"])
def test_one_that_dies_in_its_handler_has_died(listening: Any, where: str) -> None:
    answer = ask(listening("die", where))
    assert answer.kind is AnswerKind.DIED
    assert not answer.objects


def test_many_are_asked_side_by_side(listening: Any) -> None:
    """Four that hang take the time of one."""
    apps = [listening(how) for how in ("agree", "refuse", "hang", "hang", "die")]
    processes = [app.process for app in apps]
    with LinuxChannels().open(processes) as talks:
        answers = talks.query(EndReason.UPDATE, soon(1.0))
    kinds = [answers[process.identity].kind for process in processes]
    assert kinds == ["yes", "no", "hung", "hung", "died"]
    assert [process.identity for process in processes[1:4]] == [*objections(answers)]


def test_a_cancelled_question_ends_at_once(listening: Any) -> None:
    app = listening("hang")
    process = app.process
    with LinuxChannels().open([process]) as talks, CancelToken() as cancel:

        def cancel_when_asked() -> None:
            app.line()
            cancel.cancel()

        caller = threading.Thread(target=cancel_when_asked)
        caller.start()
        answers = talks.query(EndReason.UPDATE, soon(), cancel)
        caller.join()
    assert answers == {process.identity: Answer(AnswerKind.CALLED_OFF)}


# -- in another language --------------------------------------------------------------------------


def test_the_example_in_c(children: Children, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    program, document = tmp_path / "listening", tmp_path / "unsaved"
    source = EXAMPLES / "listening.c"
    flags = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")
    subprocess.run([compiler, *flags, "-o", str(program), str(source)], check=True)
    document.touch()
    app = App(children.spawn(str(program), str(document), stdout=subprocess.PIPE))
    assert ask(app) == Answer(AnswerKind.NO, "a document is not saved")
    document.unlink()
    process = app.process
    with LinuxChannels().open([process]) as talks:
        assert talks.query(EndReason.UPDATE, soon())[process.identity].kind is AnswerKind.YES
        ended = talks.end([process.identity], EndReason.UPDATE, soon())[process.identity]
    assert ended.kind in {AnswerKind.DONE, AnswerKind.DIED}
    assert app.child.wait(PATIENCE_S) == 0
    assert [app.line() for _ in range(3)] == [
        *["restartmanager 1 query update"] * 2,
        "restartmanager 1 end update",
    ]
