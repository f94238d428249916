"""Who uses what, grouped and as a tree. Pure, as ``render`` is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from restartmanager.cli.output.render import (
    application_lines,
    application_text,
    use_texts,
    user_name,
)
from restartmanager.cli.output.text import fill
from restartmanager.model.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from restartmanager.cli.output.console import Look
    from restartmanager.model import Application, How, Process

    Phrase = Callable[[str, tuple[How, ...]], str]


_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Wording:
    """How a use is put into words, and the remark where it is one of an old file."""

    phrase: Phrase
    old: str


def group_lines(
    applications: Sequence[Application], by: str, wording: Wording, look: Look
) -> list[str]:
    """A heading for each service, user or file, with the applications below it."""
    lines: list[str] = []
    for heading, members in _groups(applications, by):
        lines += [""] if lines else []
        lines += fill(look.bold(heading), look.width, "", _INDENT)
        for application in members:
            texts = use_texts(application, wording.phrase, wording.old)
            lines += application_lines(application, texts, look, indent=_INDENT)
    return lines


def tree_lines(
    applications: Sequence[Application], by: str | None, wording: Wording, look: Look
) -> list[str]:
    """Application, process, use; below a service, user or file where that is wanted."""
    if by is None:
        nodes = [_application(item, wording) for item in applications]
    else:
        nodes = [
            _Node(heading, tuple(_application(item, wording) for item in members))
            for heading, members in _groups(applications, by)
        ]
    return list(chain.from_iterable(_drawn(node, look, "", "") for node in nodes))


def _groups(
    applications: Sequence[Application], by: str
) -> Iterable[tuple[str, list[Application]]]:
    groups: dict[str, list[Application]] = {}
    for application in applications:
        for heading, part in _parts(application, by):
            groups.setdefault(heading, []).append(part)
    return sorted(groups.items())


def _parts(application: Application, by: str) -> Iterable[tuple[str, Application]]:
    """Below which headings it stands, and what of it does."""
    if by == "file":
        for path in dict.fromkeys(item.path for item in application.evidence):
            uses = tuple(item for item in application.evidence if item.path == path)
            pids = {item.pid for item in uses}
            using = tuple(item for item in application.processes if item.pid in pids)
            yield escape(path), replace(application, evidence=uses, processes=using)
    elif by == "user":
        main = application.main_process
        yield ("nobody in particular" if main is None else user_name(main.uid)), application
    else:
        service = application.service
        yield ("no service" if service is None else escape(str(service))), application


# -- trees -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Node:
    text: str
    children: tuple[_Node, ...] = ()


def _application(application: Application, wording: Wording) -> _Node:
    """One of several processes is a branch of its own, a single one goes without saying."""
    if len(application.processes) < 2:
        branches = _uses(application, wording)
    else:
        branches = tuple(
            branch
            for process in application.processes
            if (branch := _process(application, process, wording)).children
        )
    return _Node(application_text(application), branches)


def _process(application: Application, process: Process, wording: Wording) -> _Node:
    uses = tuple(item for item in application.evidence if item.pid == process.pid)
    alone = replace(application, evidence=uses, processes=(process,))
    return _Node(f"{process.pid} {escape(process.name)}", _uses(alone, wording))


def _uses(application: Application, wording: Wording) -> tuple[_Node, ...]:
    return tuple(map(_Node, use_texts(application, wording.phrase, wording.old)))


def _drawn(node: _Node, look: Look, first: str, rest: str) -> Iterable[str]:
    """The node after ``first``, all below it after ``rest``."""
    last, between, line = ("└─ ", "├─ ", "│  ") if look.symbols else ("`- ", "|- ", "|  ")
    head = fill(node.text, look.width, first, rest + (line if node.children else "   "))
    if not first:
        head[0] = look.bold(head[0])
    yield from head
    for child in node.children:
        ends = child is node.children[-1]
        branch, below = (last, "   ") if ends else (between, line)
        yield from _drawn(child, look, rest + branch, rest + below)
