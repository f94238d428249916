"""Records as text for people. Pure: records and a Look in, lines out.

Whatever came from a process goes through ``escape`` here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.cli.output.text import fill
from restartmanager.errors import RestartManagerError
from restartmanager.model import (
    AppType,
    How,
    Status,
)
from restartmanager.model.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from restartmanager.cli.output.console import Look
    from restartmanager.model import Affected, Application, Evidence


_SHOWN_USES = 6
_SHOWN_PROCESSES = 5

_TYPES = {
    AppType.MAIN_WINDOW: "with a window",
    AppType.OTHER_WINDOW: "on the desktop",
    AppType.CONSOLE: "on a terminal",
    AppType.SHELL: "the desktop itself",
    AppType.CONTAINER: "in a container",
}


def count(number: int, one: str, many: str = "") -> str:
    """The number with its noun: "1 process", "2 processes"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def user_name(uid: int) -> str:
    """The user's name, or the number where it has none."""
    import pwd

    try:
        return escape(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return f"uid {uid}"


# -- who uses it -------------------------------------------------------------------------------


def affected_lines(affected: Affected, look: Look, *, fate: bool) -> list[str]:
    """One block for each application; with ``fate`` also what a shutdown would mean for it."""
    lines: list[str] = []
    for application in affected.applications:
        if lines:
            lines.append("")
        lines += _block(application, look, fate=fate)
    return lines


def reservations(affected: Affected, look: Look, *, root: bool) -> list[str]:
    """What the list does not say: files held by something unseen, processes not looked into."""
    lines: list[str] = []
    for item in affected.unexplained:
        lines += fill(f"{escape(item.path)}: {escape(item.reason)}", look.width, "", "  ")
    if affected.unresponsive:
        names = ", ".join(f"{escape(item.name)} ({item.pid})" for item in affected.unresponsive)
        what = count(len(affected.unresponsive), "process", "processes")
        lines += fill(f"{what} did not answer, and may use it: {names}.", look.width, "", "  ")
    hidden = affected.not_inspectable - len(affected.unresponsive)
    if hidden > 0:
        text = f"{count(hidden, 'process', 'processes')} could not be looked into"
        lines += fill(text + ("." if root else "; root sees them all."), look.width)
    return lines


def _block(application: Application, look: Look, *, fate: bool) -> list[str]:
    texts = use_texts(application, use_words, "old version")
    if application.needs and not texts:
        texts.append(escape(application.reason))
    if fate and (text := fate_words(application)):
        texts.append(text)
    return application_lines(application, texts, look, fate=fate)


def application_lines(
    application: Application,
    texts: Iterable[str],
    look: Look,
    *,
    indent: str = "",
    fate: bool = False,
) -> list[str]:
    """A block: the name with the facts, and these texts below it."""
    name = escape(application.name)
    text = application_text(application, fate=fate)
    head = fill(text, look.width, indent, f"{indent}  ")
    lines = [indent + look.bold(name) + head[0].removeprefix(indent + name), *head[1:]]
    for text in texts:
        lines += fill(text, look.width, f"{indent}  ", f"{indent}    ")
    return lines


def application_text(application: Application, *, fate: bool = False) -> str:
    """The name with the facts."""
    facts = ", ".join(filter(None, _facts(application, fate=fate)))
    return escape(application.name) + (f"  {facts}" if facts else "")


def _facts(application: Application, *, fate: bool) -> Iterable[str]:
    yield _process_words(application)
    if application.main_process is not None:
        yield f"user {user_name(application.main_process.uid)}"
    if application.service is not None:
        yield f"service {escape(application.service.name)}"
    if application.type in _TYPES:
        yield _TYPES[application.type]
    if fate and (done := _history(application.status)):
        yield done


def _process_words(application: Application) -> str:
    pids = [process.pid for process in application.processes]
    if not pids and application.main_process is not None:
        pids = [application.main_process.pid]
    if not pids:
        return "no process" if application.service is not None else ""
    was = "" if application.status & Status.RUNNING else "was "
    return was + pid_words(pids)


def pid_words(pids: Sequence[int]) -> str:
    """The process numbers, but no more than people read."""
    shown = ", ".join(map(str, pids[:_SHOWN_PROCESSES]))
    more = f" and {len(pids) - _SHOWN_PROCESSES} more" if len(pids) > _SHOWN_PROCESSES else ""
    return f"{'pid' if len(pids) == 1 else 'pids'} {shown}{more}"


def _history(status: Status) -> str:
    """What this session has done to it; the last step counts."""
    for bit, text in (
        (Status.ERROR_ON_RESTART, "could not be brought back"),
        (Status.RESTARTED, "brought back"),
        (Status.ERROR_ON_STOP, "could not be stopped"),
        (Status.STOPPED, "stopped"),
        (Status.STOPPED_OTHER, "gone without us"),
    ):
        if status & bit:
            return text
    return ""


def use_texts(
    application: Application, phrase: Callable[[str, tuple[How, ...]], str], old: str
) -> list[str]:
    """Which files it uses, how, and which of its processes do, where not all of them do.

    ``phrase`` says how it uses a file; ``old`` is the remark where that is an old one.
    """
    grouped: dict[tuple[str, tuple[How, ...], bool], list[int]] = {}
    for item in application.evidence:
        grouped.setdefault((item.path, item.how, item.stale), []).append(item.pid)
    texts = []
    for (path, how, stale), pids in list(grouped.items())[:_SHOWN_USES]:
        remarks = [old] if stale else []
        if len(pids) < len(application.processes):
            remarks.append(pid_words(pids))
        texts.append(phrase(path, how) + (f" ({'; '.join(remarks)})" if remarks else ""))
    left = len(grouped) - len(texts)
    if left > 0:
        texts.append(f"and {count(left, 'other file')}; --json lists them all")
    return texts


def evidence_words(item: Evidence) -> str:
    """What a process does with a registered file, as the rest of a sentence about it."""
    return use_words(item.path, item.how) + (" (old version)" if item.stale else "")


def use_words(path: str, how: Sequence[How]) -> str:
    """What a process does with a file, in one phrase.

    A running program is always mapped as well: no need to say so.
    """
    shown = escape(path)
    kinds = set(how) - ({How.MAPPED} if How.EXECUTABLE in how else set())
    phrases = [
        phrase
        for kind, phrase in (
            (How.EXECUTABLE, f"runs {shown}"),
            (How.SCRIPT, f"runs the script {shown}"),
            (How.CWD, f"works in {shown}"),
            (How.ROOT, f"has {shown} as its root directory"),
            (How.SOCKET, f"listens on {shown}"),
        )
        if kind in kinds
    ]
    held = [word for kind, word in ((How.OPEN, "open"), (How.MAPPED, "mapped")) if kind in kinds]
    if held:
        phrases.append(f"has {'it' if phrases else shown} {' and '.join(held)}")
    return " and ".join(phrases) or f"uses {shown}"


def fate_words(application: Application) -> str:
    """What shutting down and restarting means for it, or has meant."""
    from restartmanager.rules.preview import fate

    return escape(fate(application))


# -- errors ------------------------------------------------------------------------------------


def error_lines(error: Exception, look: Look) -> list[str]:
    """A sentence, what is known beyond it, and what to do. What became of single applications is
    not repeated: it is shown as outcomes."""
    if isinstance(error, RestartManagerError):
        lines = fill(escape(error.message), look.width, "restartctl: ", "  ")
        if error.detail and not _shown_as_outcomes(error):
            lines += fill(escape(error.detail), look.width, "  ")
        if error.hint:
            lines += fill(escape(error.hint), look.width, "  hint: ")
        return lines
    if isinstance(error, OSError) and error.strerror:
        about = f"{escape(str(error.filename))}: " if error.filename else ""
        return fill(about + escape(error.strerror), look.width, "restartctl: ", "  ")
    from restartmanager.api.settings import DEBUG_VARIABLE

    kind = f"{type(error).__name__}: {escape(str(error))}"
    return [
        *fill(f"this should not happen ({kind}).", look.width, "restartctl: ", "  "),
        *fill(f"please report it, with what {DEBUG_VARIABLE}=1 shows.", look.width, "  hint: "),
    ]


def _shown_as_outcomes(error: RestartManagerError) -> bool:
    from restartmanager.errors import ActionError

    return isinstance(error, ActionError)
