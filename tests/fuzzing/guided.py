# ruff: noqa: T201 - a report
"""Feed the parsers with inputs that lead to new places in them: ``guided.py RUNS [PARSER]``.

It takes atheris, which watches what an input reaches and builds on those that reach something new.
Without PARSER it runs itself for each, for libFuzzer ends the process that it has worked in.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from multiprocessing.pool import ThreadPool
from pathlib import Path


def one(name: str, runs: str) -> None:
    """Feed this parser in this process, which ends; with an error at the first failure."""
    import atheris

    with atheris.instrument_imports(include=["restartmanager", "json", "tomllib"]):
        from fuzzing.parsers import PARSERS

    [parser] = [parser for parser in PARSERS if parser.name == name]

    def feed(data: bytes) -> None:
        parser.survives(data)

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(parser.seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        options = [f"-runs={runs}", "-max_len=4000", "-verbosity=0", corpus]
        atheris.Setup([sys.argv[0], *options], feed)
        atheris.Fuzz()


def all_of_them(runs: str) -> int:
    """Feed each in a process of its own; how many failed."""
    from fuzzing.parsers import PARSERS

    def run(name: str) -> tuple[str, subprocess.CompletedProcess[str]]:
        command = [sys.executable, "-m", "fuzzing.guided", runs, name]
        return name, subprocess.run(command, capture_output=True, text=True, check=False)

    failed = 0
    with ThreadPool(os.cpu_count()) as pool:
        for name, done in pool.imap(run, [parser.name for parser in PARSERS]):
            print(f"{name:22} {int(runs):9,} guided inputs{' FAILED' * (done.returncode != 0)}")
            if done.returncode:
                failed += 1
                print(done.stdout[-1500:], done.stderr[-1500:])
    print(f"{int(runs) * len(PARSERS):,} guided inputs to {len(PARSERS)} parsers, {failed} failed")
    return failed


if __name__ == "__main__":
    if sys.argv[2:]:
        one(sys.argv[2], sys.argv[1])
    sys.exit(all_of_them(sys.argv[1]) > 0)
