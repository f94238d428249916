"""Run all situations and write the table: ``python -m scenarios.table [--write FILE] [NAME...]``.

It takes some minutes as root with all the peers installed. The exit status is 1 when our own answer
is wrong anywhere.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scenarios.page import page, sums, wrong
from scenarios.peers import PEERS
from scenarios.playing import play
from scenarios.situations import CHAPTERS, SITUATIONS

_PATIENCE_S = 4.0
"""needrestart forgives scripts that are up to two seconds younger than their process."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Run all situations, and compare who finds what.")
    parser.add_argument("--write", metavar="FILE", help="write the page to this file")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these situations")
    arguments = parser.parse_args()
    played, failed = {}, False
    for name in arguments.names or SITUATIONS:
        one = played[name] = play(SITUATIONS[name], patience_s=_PATIENCE_S, peers=PEERS)
        words = {tool: wrong(one, tool, PEERS) or "ok" for tool in one.answers}
        failed |= words.get("restartmanager", "ok") != "ok"
        told = one.not_here or ", ".join(f"{tool} {word}" for tool, word in words.items())
        print(f"{name}: {told}", flush=True)  # noqa: T201 - it is a program
    for tool, (right, asked) in sums(played.values(), PEERS).items():
        print(f"{tool:15} {right} of {asked}")  # noqa: T201
    if arguments.write:
        Path(arguments.write).write_text(page(played, CHAPTERS, PEERS), encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
