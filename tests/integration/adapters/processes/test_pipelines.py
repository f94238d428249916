"""The caller's own pipeline, as a real shell makes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

ASKS = """
import json, os, sys
from restartmanager.adapters.processes.processes import LinuxProcesses
found = sorted(LinuxProcesses().describe(p).name for p in LinuxProcesses().pipeline())
with open(sys.argv[1], "w") as file: json.dump(found, file)
"""


@pytest.mark.parametrize(
    ("line", "pipeline"),
    [
        ("$ASK", []),
        ("$ASK | cat", ["cat"]),
        ("$ASK | cat | tail", ["cat", "tail"]),
        ("cat /dev/zero | cat | $ASK | tail", ["cat", "cat", "tail"]),
        ("$ASK 2>&1 >/dev/null | cat", ["cat"]),
        ("{ sleep 30 & $ASK; kill $!; } | cat", ["cat"]),  # another writer of the same pipe
        ("sleep 30 & $ASK; kill $!", []),
        ("sleep 30 | cat & $ASK | tail; kill %1", ["tail"]),  # another job
    ],
)
def test_who_is_part_of_it(line: str, pipeline: list[str], tmp_path: os.PathLike[str]) -> None:
    answer = os.path.join(tmp_path, "answer")
    script = line.replace("$ASK", '"$PYTHON" -c "$CODE" "$ANSWER"')
    # With job control each job has a process group of its own, as where a person types.
    done = subprocess.run(
        ["/bin/bash", "-m", "-c", script],
        env={**os.environ, "PYTHON": sys.executable, "CODE": ASKS, "ANSWER": answer},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert os.path.exists(answer), done.stderr
    with open(answer, encoding="utf-8") as file:
        assert json.load(file) == pipeline
