"""Whatever processes, paths and messages are called: no text for eyes has anything in it that a
terminal obeys or hides."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager import errors
from restartmanager.api import questions
from restartmanager.cli.output.console import Look
from restartmanager.cli.output.json_documents import (
    affected_document,
    dumps,
    filters_document,
    outcomes_document,
    session_document,
)
from restartmanager.cli.output.outcomes import outcome_lines, progress_line
from restartmanager.cli.output.render import (
    affected_lines,
    error_lines,
    reservations,
)
from restartmanager.cli.output.stale import ignored_lines, stale_lines
from restartmanager.cli.verbs import session_filters, session_views
from restartmanager.model import (
    Affected,
    Application,
    AppType,
    Evidence,
    Filter,
    FilterAction,
    FilterTrigger,
    How,
    Ignored,
    Outcome,
    Process,
    RebootReason,
    Required,
    Resources,
    RestartBy,
    Result,
    Service,
    Status,
    Step,
    Unexplained,
)
from restartmanager.model.escaping import escape
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.journal import JournalEntry, JournalStep
from restartmanager.model.progress import Progress
from restartmanager.model.sessions import SessionDetails, SessionInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

NASTY = (
    "\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\n", "\r", "\x08", "\0", "\u202e", "\u2066",
    "\u2028", "\udcff", "\ud800", "\U000e0041", "\u200b", "\ufeff", "\t", "\x7f", "\xa0",
)  # fmt: skip
texts = st.lists(st.sampled_from(NASTY) | st.text(max_size=3), max_size=4).map("".join)
looks = st.builds(
    Look, width=st.none() | st.integers(10, 120), colour=st.booleans(), symbols=st.booleans()
)
pids = st.integers(1, 99999)
processes = st.builds(
    Process,
    identity=st.builds(UniqueProcess, pids, pids, st.just("b" * 32)),
    parent_pid=pids,
    name=texts,
    executable=st.none() | texts,
    arguments=st.tuples(texts),
    uid=st.sampled_from([0, 4_000_000_000]),
    process_group=pids,
    session=pids,
    terminal=st.booleans(),
    cgroup=st.none() | texts,
)
applications = st.builds(
    Application,
    name=texts,
    type=st.sampled_from(AppType),
    main_process=st.none() | processes,
    processes=st.lists(processes, max_size=3).map(tuple),
    service=st.none() | st.builds(Service, texts, texts, texts),
    evidence=st.lists(
        st.builds(Evidence, pids, texts, st.just((How.OPEN, How.SCRIPT)), st.booleans()), max_size=3
    ).map(tuple),
    status=st.sampled_from([Status.RUNNING, Status.STOPPED, Status.STOPPED | Status.RESTARTED]),
    restart_by=st.sampled_from(RestartBy),
    reboot_reasons=st.sampled_from([RebootReason.NONE, RebootReason.CRITICAL_PROCESS]),
    required=st.sampled_from(Required),
    reason=texts,
)
affected = st.builds(
    Affected,
    applications=st.lists(applications, max_size=3).map(tuple),
    unexplained=st.lists(st.builds(Unexplained, texts, texts), max_size=2).map(tuple),
    ignored=st.lists(st.builds(Ignored, texts, texts, st.just((1, 2))), max_size=2).map(tuple),
)
outcomes = st.builds(Outcome, applications, st.sampled_from(Step), st.sampled_from(Result), texts)
entries = st.builds(
    JournalEntry,
    sequence=st.integers(1, 9),
    application=applications,
    step=st.sampled_from(JournalStep),
    at=st.just(1.0),
    message=texts,
)
filters = st.builds(Filter, texts, st.just(FilterTrigger.SERVICE), st.sampled_from(FilterAction))
SESSION = SessionInfo("0" * 32, 1.0, "b" * 32)
OURS = re.compile(r"\x1b\[[0-9]*m")


def harmless(lines: Iterable[str], *, coloured: bool = False) -> bool:
    """Whether no line has a control or format character, but for the colours that are ours."""
    text = "".join(OURS.sub("", line) if coloured else line for line in lines)
    return not [letter for letter in text if unicodedata.category(letter)[0] == "C"]


@given(affected, looks, st.booleans())
def test_lists(found: Affected, look: Look, fate: bool) -> None:
    lines = [
        *affected_lines(found, look, fate=fate),
        *reservations(found, look, root=False),
        *stale_lines(found, look),
        *ignored_lines(found.ignored, look),
        *session_views.list_lines(found, look),
    ]
    assert harmless(lines, coloured=look.colour)
    text = dumps(affected_document(found))
    assert text.isascii()
    assert harmless(text.split("\n"))


@given(outcomes, looks, texts)
def test_outcomes_and_progress(outcome: Outcome, look: Look, message: str) -> None:
    progress = Progress(5, outcome.application, Step.STOP, message)
    assert harmless(
        [*outcome_lines([outcome], look), progress_line(progress)], coloured=look.colour
    )
    text = dumps(outcomes_document("shutdown", [outcome], errors.ShutdownError([outcome])))
    assert harmless(text.split("\n"))


@given(st.lists(entries, max_size=3).map(tuple), filters, looks)
def test_sessions(journal: tuple[JournalEntry, ...], item: Filter, look: Look) -> None:
    assert harmless(session_views._journal_lines(journal, look))
    assert harmless(escape(cell) for cell in session_filters._row(item))
    details = SessionDetails(SESSION, Resources(), (item,), journal)
    assert harmless(session_views._session_lines(details))
    document = session_document(details)
    for text in (dumps(document), dumps(filters_document([item]))):
        assert harmless(text.split("\n"))


ERRORS: tuple[tuple[type[errors.RestartManagerError], int], ...] = (
    (errors.RestartManagerError, 1),
    (errors.UsageError, 1),
    (errors.DirectoryAmongFilesError, 1),
    (errors.OutOfSequenceError, 2),
    (errors.ConfigurationError, 2),
    (errors.NoSuchSessionError, 1),
    (errors.SessionRoleError, 1),
    (errors.SessionBusyError, 1),
    (errors.FilterNotFoundError, 1),
    (errors.StoreError, 2),
    (errors.StoreDamagedError, 3),
    (errors.StoreFullError, 1),
    (errors.StoreUnsafeError, 2),
    (errors.ProcessError, 1),
    (errors.OperationCancelledError, 1),
    (errors.UnsupportedError, 2),
)


@given(st.sampled_from(ERRORS), st.lists(texts, min_size=3, max_size=3), outcomes, looks)
def test_errors(
    kind: tuple[type[Any], int], words: list[str], outcome: Outcome, look: Look
) -> None:
    """The text that Python itself prints is as harmless as ours."""
    made = [
        kind[0](*words[: kind[1]]),
        errors.ShutdownError([outcome]),
        errors.RestartError([outcome]),
        errors.RebootNeededError(RebootReason.CRITICAL_PROCESS, words, [outcome]),
    ]
    for error in made:
        assert harmless([str(error), *map(str, error.args), error.hint])
        assert harmless(error_lines(error, look), coloured=look.colour)
    for other in (OSError(2, words[0], words[1]), ValueError(words[0])):
        assert harmless(error_lines(other, look), coloured=look.colour)


@given(affected)
def test_the_note_on_an_error(found: Affected) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "who_uses", lambda *_: found)
        with pytest.raises(OSError, match="busy") as caught, questions.explain_busy("/x"):
            raise OSError(16, "busy")
    assert harmless(getattr(caught.value, "__notes__", ()))
