"""Playing situations from outside: each in its own process, its own mounts, its own folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scenarios.answers import Answer
from scenarios.stage import Truth
from support.paths import TESTS

if TYPE_CHECKING:
    from collections.abc import Collection

    from scenarios.answers import Peer
    from scenarios.stage import Situation

__all__ = ["Played", "play"]

_LIMIT_S = 300.0
_OWN_MOUNTS = ("unshare", "--mount", "--propagation", "private")
_OWN_PROCESSES = (*_OWN_MOUNTS, "--pid", "--fork", "--kill-child", "--mount-proc")


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a situation: the truth and the answers by tool, or why it cannot be here."""

    situation: Situation
    truth: Truth = field(default_factory=Truth)
    answers: dict[str, Answer] = field(default_factory=dict)
    not_here: str = ""


def play(
    situation: Situation, *, patience_s: float, peers: Collection[Peer] = (), way: str = ""
) -> Played:
    """Play one situation, and ask us and those of the peers whose question is about such a one.

    Some peers look at every process there is, and stumble over strangers: over one whose arguments
    are no text, or that may not be looked into. So, for root, there is none but the situation's.

    ``way`` is how we ask, "kernel" or "proc"; without one we choose ourselves.
    """
    if situation.root and os.geteuid() != 0:
        return Played(situation, not_here="needs root's rights")
    with tempfile.TemporaryDirectory(prefix="scenario-", dir=_base()) as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - other users take part
        command = [*_surroundings(situation, peers), sys.executable, "-m", "scenarios.one"]
        command += [situation.name, folder, str(patience_s), way, *(peer.name for peer in peers)]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
            env={**os.environ, "PYTHONPATH": _python_path()},
        )
    if done.returncode:
        raise AssertionError(f"{situation.name}: {done.stderr}")
    return _read(situation, json.loads(done.stdout))


def _surroundings(situation: Situation, peers: Collection[Peer]) -> tuple[str, ...]:
    """What to put before the command, so that it runs in namespaces of its own."""
    if peers and os.geteuid() == 0:
        return _OWN_PROCESSES
    return _OWN_MOUNTS if situation.mounts else ()


def _base() -> str | None:
    """Not below /tmp, /home or /var, where some tools do not look on purpose."""
    return "/opt" if os.access("/opt", os.W_OK) else None


def _python_path() -> str:
    """Ours, and no more: the system's own Python, another one, may be in the situation."""
    return os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))


def _read(situation: Situation, found: dict[str, Any]) -> Played:
    if "not_here" in found:
        return Played(situation, not_here=found["not_here"])
    truth = found["truth"]
    return Played(
        situation,
        Truth(frozenset(truth["users"]), frozenset(truth["stale"]), truth["unseen"]),
        {name: _answer(answer) for name, answer in found["answers"].items()},
    )


def _answer(found: dict[str, Any]) -> Answer:
    stale = found["stale"]
    return Answer(
        frozenset(found["users"]),
        None if stale is None else frozenset(stale),
        found["unseen"],
        found["said"],
    )
