"""One situation in its own process: ``python -m scenarios.one NAME FOLDER PATIENCE WAY PEER...``.

It writes what was found as JSON. It adopts the orphans of the situation, so that all are reaped.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.answers import Asked, Question
from scenarios.ours import Ours
from scenarios.peers import PEERS
from scenarios.situations import SITUATIONS
from scenarios.stage import NotHereError, Stage

if TYPE_CHECKING:
    from collections.abc import Collection

    from scenarios.answers import Peer
    from scenarios.stage import Situation

_ADOPT_ORPHANS = 36  # prctl(2), PR_SET_CHILD_SUBREAPER


def play(
    situation: Situation, folder: Path, patience_s: float, way: str, peers: Collection[str]
) -> dict[str, Any]:
    """Set it up, ask everybody, take it down."""
    ours = Ours(str(folder / "state"), way)
    place = folder / "place"
    place.mkdir(mode=0o755)
    stage = Stage(place, ours, patience_s=patience_s)
    try:
        truth = situation.build(stage)
        asked = Asked(tuple(stage.files), tuple(stage.trees), stage.started())
        whom: list[Peer] = [ours, *fitting(situation, peers)]
        answers = {tool.name: plain(tool.ask(asked)) for tool in whom}
        return {"truth": plain(truth), "answers": answers}
    except NotHereError as reason:
        return {"not_here": str(reason) or "not possible here"}
    finally:
        stage.close()
        ours.close()


def fitting(situation: Situation, names: Collection[str]) -> list[Peer]:
    """The tools of these names that are there, and whose question is about such a situation."""
    return [
        peer
        for peer in PEERS
        if peer.name in names
        and (peer.question is Question.USERS or situation.upgrade)
        and peer.version()
    ]


def plain(record: Any) -> dict[str, Any]:
    """The fields of a record, as JSON has them."""
    values = {name: getattr(record, name) for name in record.__slots__}
    return {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in values.items()
    }


def main() -> None:
    name, folder, patience, way, *peers = sys.argv[1:]
    ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
    try:
        found = play(SITUATIONS[name], Path(folder), float(patience), way, peers)
    finally:
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)
    print(json.dumps(found))  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    main()
