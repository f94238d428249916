"""Stopping and starting 200 services: we and systemctl, in turns, in a booted systemd.

``python -m benchmarks.services --write docs`` (as root) puts the figures into docs/performance.md.
It runs itself in the sandbox of the tests: nothing of the machine is touched.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.page import put

SERVICES = 200
ROUNDS = 5
SANDBOX = Path(__file__).parent.parent / "tests" / "systemd-sandbox"
_TEXT = """\
## Stopping and starting {services} services

Small services that have nothing to do with each other, in a systemd of their own, by turns; of
each the fastest of {rounds} rounds counts. *restartmanager* is a shutdown and a restart of a
session with all of them registered: listing, journal and verification included, half a second of
which is waiting whether they stay up. `python -m benchmarks.services` measures it again (as root).

| | seconds | times systemctl |
|---|--:|--:|
| systemctl stop, systemctl start | {theirs:.2f} | 1.00 |
| restartmanager | {ours:.2f} | {ratio:.2f} |
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how long services take.")
    parser.add_argument("--write", metavar="FOLDER", help="the folder of performance.md")
    arguments = parser.parse_args()
    if os.environ.get("SYSTEMD_SANDBOX") != "1":
        command: list[str | Path] = [
            SANDBOX,
            "--",
            sys.executable,
            "-m",
            "benchmarks.services",
            *sys.argv[1:],
        ]
        sys.exit(subprocess.run(command, check=False).returncode)
    names = _make_services()
    rounds = [(_by_systemctl(names), _by_us(names)) for _ in range(ROUNDS)]
    theirs, ours = (min(column) for column in zip(*rounds, strict=True))
    facts = {"services": SERVICES, "rounds": ROUNDS, "theirs": theirs, "ours": ours}
    text = _TEXT.format(ratio=ours / theirs, **facts)
    if arguments.write:
        put(os.path.join(arguments.write, "performance.md"), "services", text)
    print(text)


def _make_services() -> list[str]:
    names = [f"small-{number}.service" for number in range(SERVICES)]
    for name in names:
        path = Path("/etc/systemd/system", name)
        path.write_text("[Service]\nExecStart=/bin/sleep inf\n", encoding="ascii")
    subprocess.run(["/usr/bin/systemctl", "daemon-reload"], check=True)
    subprocess.run(["/usr/bin/systemctl", "start", *names], check=True)
    return names


def _by_systemctl(names: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(["/usr/bin/systemctl", "stop", *names], check=True)
    subprocess.run(["/usr/bin/systemctl", "start", *names], check=True)
    return time.perf_counter() - began


def _by_us(names: list[str]) -> float:
    import restartmanager as rm

    with rm.start_session() as session:
        session.register(services=names)
        began = time.perf_counter()
        with session.shutdown() as stopped:
            pass
        ended = time.perf_counter()
    assert len(stopped.restarted) == SERVICES
    return ended - began


if __name__ == "__main__":
    main()
