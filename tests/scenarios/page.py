"""The scenario table as a page in Markdown."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from scenarios.answers import Question, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from scenarios.answers import Peer
    from scenarios.playing import Played
    from scenarios.stage import Chapter

__all__ = ["page", "sums", "wrong"]

_INTRODUCTION = """\
# Who finds it: the scenario table

Each line below is a situation that was really set up: files, processes, mounts and namespaces, no
simulation. What is true is known, because we made it: which processes use the registered path,
which do not although it looks like it, whether what they use is still the file at that path, or
that the file is in use and no process is to blame. Then everybody is asked, and the answers are
compared with the truth.

**Right** means exactly right: every process that uses the file and no other. Naming one that does
not use it is worse than missing one: it would be closed for nothing.

The situations are our choice: the sums say how these were answered, not how often each occurs.
Plain uses are found by everybody, sockets excepted; the chapters show where the tools differ.

* *restartmanager* registered the path before the change, as an installer does, and is asked after
  it. It must also say rightly which processes use an old version.
* *fuser*, *lsof* and *lsfd* are asked who uses the path (lsfd by its name and by its inode; for a
  tree, all paths in it). They have no registration; that is the point of one.
* *needrestart* and *checkrestart* answer another question, which processes run replaced code, for
  the whole machine. They are asked where that is the question: about programs, libraries and
  scripts; of their answers only the processes of the situation count. A dash is a question that
  does not fit.

The files lie neither in a temporary folder nor in a home nor below `/var`, where some of these
tools do not look on purpose. `make scenarios` makes this page again; `tests/scenarios/` has each
situation as one small function, and the test suite runs all of them for restartmanager.
"""

_OURS = "restartmanager"


def page(played: Mapping[str, Played], chapters: Sequence[Chapter], peers: Sequence[Peer]) -> str:
    """The whole page."""
    parts = [_INTRODUCTION, *_environment(peers), "## Sums\n"]
    parts += [*_sum_table(played.values(), peers)]
    for chapter in chapters:
        own = [played[item.name] for item in chapter.situations if item.name in played]
        if own:
            parts += [f"\n## {chapter.title}\n", *_table(own, peers)]
    return "\n".join(parts) + "\n"


def sums(played: Iterable[Played], peers: Sequence[Peer]) -> dict[str, tuple[int, int]]:
    """Of each tool, how often it was right, and how often it was asked."""
    found = dict.fromkeys([_OURS, *(peer.name for peer in peers)], (0, 0))
    for one in played:
        for name in one.answers:
            right, asked = found[name]
            found[name] = right + (not wrong(one, name, peers)), asked + 1
    return found


def wrong(played: Played, name: str, peers: Sequence[Peer]) -> str:
    """In which way the answer of this tool is wrong; empty when it is right."""
    question = {peer.name: peer.question for peer in peers}.get(name, Question.USERS)
    return judge(played.truth, played.answers[name], question).word


def _environment(peers: Sequence[Peer]) -> Iterator[str]:
    release = ".".join(platform.release().split("-")[0].split(".")[:2])
    versions = [f"{peer.name} {peer.version() or 'not installed'}" for peer in peers]
    yield "## Where this was run\n"
    yield f"Linux {release} on {platform.machine()}, {_distribution()}, Python"
    yield f"{platform.python_version()}, as {'root' if os.geteuid() == 0 else 'an ordinary user'};"
    yield f"{', '.join(versions)}.\n"


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "an unknown distribution")
    except OSError:
        return "an unknown distribution"


def _sum_table(played: Iterable[Played], peers: Sequence[Peer]) -> Iterator[str]:
    yield "| tool | asked | right | |\n|---|--:|--:|--:|"
    for name, (right, asked) in sums(played, peers).items():
        share = f"{100 * right / asked:.0f} %" if asked else "not installed"
        yield f"| {name} | {asked} | {right} | {share} |"


def _table(played: Sequence[Played], peers: Sequence[Peer]) -> Iterator[str]:
    names = [_OURS, *(peer.name for peer in peers)]
    yield f"| situation | | {' | '.join(names)} |"
    yield f"|---|---|{'---|' * len(names)}"
    installed = {peer.name for peer in peers if peer.version()} | {_OURS}
    for one in played:
        cells = [_cell(one, name, peers, there=name in installed) for name in names]
        yield f"| {one.situation.name} | {one.situation.note} | {' | '.join(cells)} |"


def _cell(played: Played, name: str, peers: Sequence[Peer], *, there: bool) -> str:
    if played.not_here:
        return "not possible here"
    if name not in played.answers:
        return "-" if there else "not installed"
    word = wrong(played, name, peers)
    return f"✗ {word}" if word else "✓"
